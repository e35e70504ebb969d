//! Where reference bases come from, as the formats and kernels need them.

use kumi_seq::contig::Contigs;
use kumi_seq::interval::Interval;

/// Bases of a reference. An index is one; so is a sequence in memory.
pub trait ReferenceSource: Send + Sync {
    /// The contigs.
    fn contigs(&self) -> &Contigs;

    /// Appends the bases of `interval`, upper-case ASCII; the interval must lie inside its contig.
    fn bases(&self, interval: Interval, into: &mut Vec<u8>);
}

/// A reference in memory: contigs with their bases.
#[derive(Clone, Debug)]
pub struct InMemory {
    contigs: Contigs,
    bases: Vec<Vec<u8>>,
}

impl InMemory {
    /// Takes what [`crate::fasta::read`] gives.
    ///
    /// # Errors
    /// The name that occurs twice.
    pub fn new(sequences: Vec<(kumi_seq::contig::Contig, Vec<u8>)>) -> Result<Self, String> {
        let (contigs, bases): (Vec<_>, Vec<_>) = sequences.into_iter().unzip();
        Ok(Self {
            contigs: Contigs::new(contigs)?,
            bases,
        })
    }
}

impl ReferenceSource for InMemory {
    fn contigs(&self) -> &Contigs {
        &self.contigs
    }

    fn bases(&self, interval: Interval, into: &mut Vec<u8>) {
        let contig = &self.bases[interval.contig.index()];
        into.extend_from_slice(&contig[interval.start as usize..interval.end as usize]);
    }
}
