//! A window of a segment: the evidence of every sample of the batch, as columns.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use kumi_seq::interval::Interval;

use crate::evidence::{Alleles, Block, Local};
use crate::store::column::COLUMNS;
use crate::store::pack::Packer;
use crate::track::Track;

/// What calls of one place and with the same alleles have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LocalSite {
    /// First reference base that record and alleles speak of.
    pub(crate) start: u32,
    /// One past the last.
    pub(crate) end: u32,
    /// Where the record stands.
    pub(crate) position: u32,
    /// REF first.
    pub(crate) alleles: Arc<[Local]>,
}

/// What a call has, apart from numbers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Form {
    pub(crate) ploidy: u8,
    pub(crate) genotype: Alleles,
    pub(crate) passes: bool,
    pub(crate) calibrated: bool,
    pub(crate) phased: bool,
    pub(crate) depth: bool,
    pub(crate) depths: bool,
    pub(crate) likelihoods: bool,
    /// No block covers the bases of the record, and no run tells so.
    pub(crate) bare: bool,
}

impl Hash for Form {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // One word instead of one a field.
        let flags = [
            self.passes,
            self.calibrated,
            self.phased,
            self.depth,
            self.depths,
            self.likelihoods,
            self.bare,
        ];
        let flags = flags.iter().fold(u64::from(self.ploidy), |word, flag| {
            word << 1 | u64::from(*flag)
        });
        let genotype = self.genotype.iter();
        state.write_u64(genotype.fold(flags, |word, allele| word << 16 ^ (*allele as u64 + 1)));
    }
}

/// The class of a block: ploidy and depth.
pub(crate) fn class(block: &Block) -> (u8, Option<u32>) {
    (block.ploidy, block.depth)
}

/// Where the record of a call lies in a window: from where it stands to the end of what it speaks of.
pub(crate) fn record(position: u32, end: u32, window: (u32, u32)) -> (u32, u32) {
    (position.max(window.0), end.min(window.1))
}

/// A window as it is kept. Of every sample in turn: the calls that overlap it, and runs of bases that tile what their
/// bare records leave of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Window {
    /// First base, 0-based.
    pub(crate) start: u32,
    /// One past the last base.
    pub(crate) end: u32,
    /// The different blocks by class; of a class the most frequent first.
    pub(crate) blocks: Vec<Block>,
    /// The different sites, in order.
    pub(crate) sites: Vec<LocalSite>,
    /// The different forms of calls, the most frequent first.
    pub(crate) forms: Vec<Form>,
    /// The different phase sets, in order.
    pub(crate) phase_sets: Vec<Vec<u8>>,
    /// Runs of every sample.
    pub(crate) runs: Vec<u32>,
    /// Calls of every sample.
    pub(crate) calls: Vec<u32>,
    /// The numbers of runs and calls, as [`crate::store::column::ALL`] lists them.
    pub(crate) columns: [Vec<u32>; COLUMNS],
}

impl Window {
    /// The window `interval` of samples.
    pub(crate) fn of(interval: Interval, tracks: &[&Track]) -> Self {
        let mut packer = Packer::new(interval);
        for track in tracks {
            packer.add(track);
        }
        packer.finish()
    }
}
