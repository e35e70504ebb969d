//! Contigs and regions for tests.

use kumi_proto::v1::{Contig, Region};

/// Contigs of these lengths, named by their place.
pub(crate) fn contigs(lengths: &[u64]) -> Vec<Contig> {
    let contig = |(name, length): (usize, &u64)| Contig {
        name: name.to_string(),
        length: *length,
        ..Contig::default()
    };
    lengths.iter().enumerate().map(contig).collect()
}

/// A region, 0-based and half-open.
pub(crate) fn region(contig: &str, start: u64, end: u64) -> Region {
    Region {
        contig: contig.to_owned(),
        start,
        end,
    }
}
