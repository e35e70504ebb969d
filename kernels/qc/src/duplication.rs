//! Picard's `DuplicationMetrics` file.

use crate::picard::{File, number};

/// The duplicates of a library, as duplicate marking counted them; named as Picard names its columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Duplication {
    /// The library (`@RG LB`).
    pub library: String,
    /// Mapped reads without a mapped mate.
    pub unpaired_reads_examined: u64,
    /// Pairs of which both reads are mapped.
    pub read_pairs_examined: u64,
    /// Secondary and supplementary records.
    pub secondary_or_supplementary_reads: u64,
    /// Reads that are not mapped.
    pub unmapped_reads: u64,
    /// Duplicates among the unpaired reads.
    pub unpaired_read_duplicates: u64,
    /// Duplicate pairs.
    pub read_pair_duplicates: u64,
    /// Of these, optical.
    pub read_pair_optical_duplicates: u64,
    /// The share of mapped reads that are duplicates, 0 to 1.
    pub percent_duplication: f64,
    /// How many molecules the library seems to have.
    pub estimated_library_size: Option<u64>,
}

const COLUMNS: [&str; 10] = [
    "LIBRARY",
    "UNPAIRED_READS_EXAMINED",
    "READ_PAIRS_EXAMINED",
    "SECONDARY_OR_SUPPLEMENTARY_RDS",
    "UNMAPPED_READS",
    "UNPAIRED_READ_DUPLICATES",
    "READ_PAIR_DUPLICATES",
    "READ_PAIR_OPTICAL_DUPLICATES",
    "PERCENT_DUPLICATION",
    "ESTIMATED_LIBRARY_SIZE",
];

pub(crate) fn to_text(libraries: &[Duplication], sample: &str) -> String {
    let row = |library: &Duplication| {
        let mut row = vec![library.library.clone()];
        row.extend(
            [
                library.unpaired_reads_examined,
                library.read_pairs_examined,
                library.secondary_or_supplementary_reads,
                library.unmapped_reads,
                library.unpaired_read_duplicates,
                library.read_pair_duplicates,
                library.read_pair_optical_duplicates,
            ]
            .map(|count| count.to_string()),
        );
        row.push(number(library.percent_duplication));
        row.push(
            library
                .estimated_library_size
                .map_or(String::new(), |size| size.to_string()),
        );
        row
    };
    File {
        class: "picard.sam.DuplicationMetrics",
        program: "MarkDuplicates",
        sample,
        options: "",
        columns: &COLUMNS,
        rows: libraries.iter().map(row).collect(),
        histogram: None,
    }
    .to_text()
}
