//! CRAM that was changed on purpose, with checksums that are right: an error or records, never a panic, an
//! endless loop or memory without bounds.

use proptest::prelude::*;

use super::container::{Container, repair};
use super::tests::{header, in_file, read_all, records, reference, write};
use crate::header::SortOrder;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_made_wrong_on_purpose(
        seed in any::<u64>(),
        sorted in any::<bool>(),
        changes in proptest::collection::vec((0usize..1_000_000, any::<u8>(), 0usize..3), 1..4),
    ) {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let reference = reference(5);
        let order = if sorted { SortOrder::Coordinate } else { SortOrder::Unsorted };
        let bytes = write(&header(&reference, order), &records(seed, 20, &reference), &reference);
        // Behind the file's definition come containers; the first holds the header.
        let mut rest = &bytes[26..];
        let mut spoilt = bytes[..26].to_vec();
        while let Some(container) = Container::read(&mut rest).expect("whole") {
            let mut container = container.bytes().to_vec();
            for &(at, byte, place) in &changes {
                // Most fields that matter stand at the head: of the container, and of its first blocks.
                let reach = [container.len(), 200, 60][place].min(container.len());
                container[at % reach] = byte;
            }
            repair(&mut container);
            spoilt.extend_from_slice(&container);
        }
        spoilt.extend_from_slice(&crate::alignments::CRAM_EOF);
        if let Ok(records) = read_all(&in_file(folder.path(), &spoilt), &reference) {
            let bytes: usize = records.iter().map(|record| record.as_bytes().len()).sum();
            prop_assert!(bytes < 1 << 31);
        }
    }
}
