//! Reads that are nothing but an adapter, as Picard's `AdapterUtility` tells them.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use kumi_formats::bam::{View, flag};
use kumi_seq::base;

/// Bases that are compared.
const LENGTH: usize = 16;
/// Of these, so many may differ.
const ERRORS_MAX: usize = 1;
/// Picard's default: Illumina's adapters, in front of an insert and behind it (single, paired, indexed).
const SEQUENCES: [&[u8]; 4] = [
    b"AATGATACGGCGACCACCGAGATCTACACTCTTTCCCTACACGACGCTCTTCCGATCT",
    b"AGATCGGAAGAGCTCGTATGCCGTCTTCTGCTTG",
    b"AGATCGGAAGAGCGGTTCAGCAGGAATGCCGAGACCGATCTCGTATGCCGTCTTCTGCTTG",
    b"AGATCGGAAGAGCACACGTCTGAACTCCAGTCACNNNNNNNNATCTCGTATGCCGTCTTCTGCTTG",
];

/// Every stretch of an adapter that a read may begin with, on both strands.
static STRETCHES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let unknown = |stretch: &[u8]| stretch.iter().filter(|&&base| base == b'N').count();
    let stretches = SEQUENCES
        .iter()
        .flat_map(|sequence| sequence.windows(LENGTH))
        .filter(|stretch| unknown(stretch) <= ERRORS_MAX);
    let both = stretches.flat_map(|stretch| [stretch.to_vec(), base::reverse_complement(stretch)]);
    both.collect::<BTreeSet<_>>().into_iter().collect()
});

/// True when a read that has no sure place begins with an adapter.
pub(crate) fn is_adapter(record: View<'_>) -> bool {
    let is_placed = record.flags() & flag::UNMAPPED == 0;
    if (is_placed && record.mapq() != 0) || record.read_length() < LENGTH {
        return false;
    }
    let begin: Vec<u8> = if record.flags() & flag::REVERSE == 0 {
        record.bases().take(LENGTH).collect()
    } else {
        let skip = record.read_length() - LENGTH;
        base::reverse_complement(&record.bases().skip(skip).collect::<Vec<_>>())
    };
    STRETCHES.iter().any(|stretch| {
        let differs = |(ours, theirs): &(&u8, &u8)| ours != theirs;
        begin.iter().zip(stretch).filter(differs).count() <= ERRORS_MAX
    })
}
