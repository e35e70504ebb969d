//! What was done, in numbers.

use std::ops::AddAssign;

/// Counts of a run. Reads near a tile's edge are counted by both tiles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Alignment records read.
    pub reads: u64,
    /// Reads taken as evidence.
    pub reads_used: u64,
    /// Reads left out because the pile was too deep.
    pub reads_downsampled: u64,
    /// Reference bases called.
    pub bases: u64,
    /// Active regions.
    pub regions: u64,
    /// Active regions in which assembly gave up and pileup candidates alone were used.
    pub assembly_fallbacks: u64,
    /// Haplotypes compared with reads.
    pub haplotypes: u64,
    /// Cells of the pair-HMM.
    pub pairhmm_cells: u64,
    /// Variant records.
    pub variants: u64,
    /// Reference blocks.
    pub blocks: u64,
}

impl AddAssign for Stats {
    fn add_assign(&mut self, other: Self) {
        self.reads += other.reads;
        self.reads_used += other.reads_used;
        self.reads_downsampled += other.reads_downsampled;
        self.bases += other.bases;
        self.regions += other.regions;
        self.assembly_fallbacks += other.assembly_fallbacks;
        self.haplotypes += other.haplotypes;
        self.pairhmm_cells += other.pairhmm_cells;
        self.variants += other.variants;
        self.blocks += other.blocks;
    }
}
