//! The merge of chunks is what one sorter gives.

use std::path::{Path, PathBuf};

use kumi_formats::bam::{Fields, Record, flag};
use kumi_formats::header::ReadGroup;
use kumi_seq::cigar::{Kind, Op};
use proptest::prelude::*;

use super::{Files, merge};
use crate::library::Libraries;
use crate::metrics::DuplicationMetrics;
use crate::sorter::{Params, SortError, Sorted, Sorter};

/// Name, library, places of the mates (none: not mapped), quality. Names and places are few, so that there are
/// duplicates, and templates of one name that only their numbers tell apart.
type Pair = (u8, bool, [Option<u32>; 2], u8);

fn pair() -> impl Strategy<Value = Pair> {
    let place = || prop_oneof![5 => (0u32..4).prop_map(Some), 1 => Just(None)];
    (0u8..6, any::<bool>(), [place(), place()], 20u8..23)
}

fn records((name, library, places, quality): Pair) -> Vec<Record> {
    let mapped = places.map(|place| place.is_some());
    let one = |mate: usize| {
        let segment = [flag::FIRST, flag::LAST][mate];
        let unmapped = [(mate, flag::UNMAPPED), (1 - mate, flag::MATE_UNMAPPED)];
        let unmapped = unmapped.iter().filter(|(which, _)| !mapped[*which]);
        let flags = flag::PAIRED | segment | unmapped.fold(0, |all, (_, flag)| all | flag);
        let cigar = [Op {
            kind: Kind::Match,
            len: 4,
        }];
        let mut record = Fields {
            name: &[b'a' + name],
            flags,
            place: places[mate].map(|place| (0, 100 + place)),
            cigar: if mapped[mate] { &cigar } else { &[] },
            bases: b"ACGT",
            qualities: &[quality; 4],
            ..Default::default()
        }
        .to_record();
        record.push_string_tag(*b"RG", if library { b"x" } else { b"y" });
        record
    };
    vec![one(0), one(1)]
}

fn params(scratch: &Path, memory_bytes: usize) -> Params {
    let group = |id: &str| ReadGroup {
        id: id.into(),
        library: format!("lib-{id}"),
        ..Default::default()
    };
    Params {
        memory_bytes,
        scratch: scratch.to_owned(),
        libraries: Libraries::new(&["x", "y"].map(group)),
        optical_distance: 100,
    }
}

fn files(directory: &Path, number: usize) -> Files {
    let path = |name: &str| -> PathBuf { directory.join(format!("{number}.{name}")) };
    Files {
        records: path("records"),
        pairs: path("pairs"),
        fragments: path("fragments"),
        counts: path("counts"),
    }
}

fn push(sorter: &mut Sorter, pairs: &[Pair]) {
    for pair in pairs {
        sorter.push_batch(records(*pair)).expect("scratch");
    }
}

fn given(sorted: Result<Sorted, SortError>) -> (Vec<Vec<u8>>, Vec<DuplicationMetrics>) {
    let sorted = sorted.expect("sound");
    let metrics = sorted.metrics();
    let records = sorted.map(|record| record.expect("sound").as_bytes().to_vec());
    (records.collect(), metrics)
}

proptest! {
    #[test]
    fn neither_the_number_nor_the_size_of_chunks_changes_a_byte(
        chunks in prop::collection::vec((prop::collection::vec(pair(), 0..12), 0u64..3), 1..6),
        memory in 8usize..4_000,
    ) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let params = params(directory.path(), memory);
        let mut whole = Sorter::new(params.clone());
        let (mut stored, mut next) = (Vec::new(), 0);
        for (number, (pairs, gap)) in chunks.iter().enumerate() {
            push(&mut whole, pairs);
            let mut sorter = Sorter::numbering_from(params.clone(), next);
            push(&mut sorter, pairs);
            next += pairs.len() as u64 + gap;
            let files = files(directory.path(), number);
            sorter.store(&files).expect("stored");
            stored.push(files);
        }
        prop_assert_eq!(given(merge(&params, &stored)), given(whole.finish()));
    }
}

#[test]
fn chunks_of_other_libraries_and_damaged_ones_are_refused_by_name() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let own = params(directory.path(), 1 << 20);
    let files = files(directory.path(), 0);
    let mut sorter = Sorter::new(own.clone());
    push(&mut sorter, &[(0, true, [Some(1), Some(2)], 20)]);
    sorter.store(&files).expect("stored");
    let said = |params: &Params| {
        let sorted = merge(params, std::slice::from_ref(&files));
        let first = sorted.and_then(|sorted| sorted.collect::<Result<Vec<_>, _>>());
        let error = first.expect_err("refused");
        let source = std::error::Error::source(&error).expect("why");
        format!("{error}: {source}")
    };
    let other = Params {
        libraries: Libraries::new(&[]),
        ..own.clone()
    };
    assert!(said(&other).contains("0.counts: it counts other libraries"));
    let bytes = std::fs::read(&files.records).expect("there");
    std::fs::write(&files.records, &bytes[..bytes.len() - 30]).expect("written");
    assert!(said(&own).contains("0.records"), "{}", said(&own));
}
