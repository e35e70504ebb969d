//! What a gVCF record says of its sample.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use smallvec::SmallVec;

use crate::allele::Part;
use crate::level::level;

/// A number for every genotype or allele; no heap for the usual three alleles.
pub(crate) type Numbers = SmallVec<[u32; 6]>;
/// The alleles of a genotype.
pub(crate) type Alleles = SmallVec<[usize; 2]>;

/// Records of a sample, in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Records {
    /// Nothing but reference.
    pub(crate) stretches: Vec<Stretch>,
    /// Alternative alleles were looked at.
    pub(crate) calls: Vec<Call>,
}

/// Bases without variants: 0-based, half-open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) block: Block,
}

/// What is known of every base of a stretch without variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Block {
    pub(crate) ploidy: u8,
    /// The least depth in it, if told.
    pub(crate) depth: Option<u32>,
    /// Phred by which reference is preferred; `None` when the record says nothing of it.
    pub(crate) quality: Option<u32>,
    /// Phred likelihoods of no, one and (diploid) two copies of any alternative allele.
    pub(crate) likelihoods: [u32; 3],
}

impl Hash for Block {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Two words instead of one a field: every record of a cohort is hashed.
        let [none, one, two] = self.likelihoods.map(u64::from);
        let quality = self.quality.map_or(0, |quality| u64::from(quality) + 1);
        let depth = self.depth.map_or(0, |depth| u64::from(depth) + 1);
        state.write_u64(none ^ (one << 16) ^ (two << 32) ^ (quality << 48));
        state.write_u64(depth ^ (u64::from(self.ploidy) << 40));
    }
}

/// An allele of a call, in the sample's own record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Local {
    /// A sequence: its differences from the reference, sorted; none for REF.
    Parts(Vec<Part>),
    /// `<NON_REF>` or `<*>`: any allele that is not listed.
    Any,
    /// `*`: deleted by a variant that starts before.
    Spanning,
}

/// A record with alternative alleles.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Call {
    /// Where the record stands, 0-based.
    pub(crate) position: u32,
    /// The reference bases that it and its normalised alleles speak of.
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// REF first.
    pub(crate) alleles: Arc<[Local]>,
    pub(crate) ploidy: u8,
    /// The alleles of GT; empty when it is missing.
    pub(crate) genotype: Alleles,
    /// PS, or nothing when GT is not phased.
    pub(crate) phase_set: Option<Vec<u8>>,
    /// PL of every local genotype, least 0; `None` when the record has neither PL nor GT and GQ.
    pub(crate) likelihoods: Option<Numbers>,
    /// AD of every allele, or empty.
    pub(crate) depths: Numbers,
    pub(crate) depth: Option<u32>,
    /// FILTER and FT hold no failed filter, but for those that speak of too little evidence.
    pub(crate) passes: bool,
    /// The caller's own calibrated quality, where it tells one apart from its likelihoods: Strelka's GQX.
    pub(crate) calibrated: Option<u32>,
}

/// The place of genotype `a/b`, `a <= b`, in a diploid list.
pub(crate) fn diploid(a: usize, b: usize) -> usize {
    b * (b + 1) / 2 + a
}

/// Number of genotypes.
pub(crate) fn genotypes(alleles: usize, ploidy: u8) -> usize {
    if ploidy == 1 {
        alleles
    } else {
        alleles * (alleles + 1) / 2
    }
}

impl Call {
    /// PL of the genotype of these alleles; `b` is not looked at in a haploid call.
    pub(crate) fn likelihood(&self, pl: &[u32], a: usize, b: usize) -> u32 {
        if self.ploidy == 1 {
            pl[a]
        } else {
            pl[diploid(a.min(b), a.max(b))]
        }
    }

    /// Phred by which the likelihoods favour that the sample carries one of the alleles for which
    /// `carried` holds.
    pub(crate) fn quality_of(&self, carried: impl Fn(usize) -> bool) -> u32 {
        self.favour(carried, |phred| phred)
    }

    /// As [`Call::quality_of`], in levels: what is counted of the call says the same.
    pub(crate) fn levels_of(&self, carried: impl Fn(usize) -> bool) -> u32 {
        self.favour(carried, level)
    }

    fn favour(&self, carried: impl Fn(usize) -> bool, told: impl Fn(u32) -> u32) -> u32 {
        let Some(pl) = &self.likelihoods else {
            return 0;
        };
        let (mut with, mut without) = (u32::MAX, u32::MAX);
        for b in 0..self.alleles.len() {
            for a in 0..=b {
                if self.ploidy == 1 && a != b {
                    continue;
                }
                let least = if carried(a) || carried(b) {
                    &mut with
                } else {
                    &mut without
                };
                *least = (*least).min(told(self.likelihood(pl, a, b)));
            }
        }
        if with == u32::MAX {
            0
        } else {
            without.saturating_sub(with)
        }
    }
}
