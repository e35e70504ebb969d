//! The alleles, reads and likelihoods that a record keeps of a sample in doubt.

use crate::evidence::diploid;
use crate::project::Projected;

/// Phred by which one genotype must be likelier than all others to be beyond doubt.
const CERTAIN: u32 = 50;
/// How far the share of reads of an allele may be from that of its copies, in hundredths.
const SHARE_OFF_MAX: u64 = 20;
/// The greatest likelihood told apart: one byte.
const LIKELIHOOD_MAX: u32 = 120;

/// A sample's own alleles, depths and likelihoods.
pub(super) struct Local {
    pub(super) alleles: Vec<i32>,
    pub(super) depths: Vec<i32>,
    pub(super) likelihoods: Vec<i32>,
}

impl Local {
    /// The alleles that are carried or have reads; `None` when there is none but REF, or when the genotype is
    /// beyond doubt and the reads look like it.
    pub(super) fn of(own: &Projected, called: &[u16]) -> Option<Self> {
        if is_certain(&own.likelihoods) && fits(&own.depths, called) {
            return None;
        }
        let has = |allele: usize| {
            called.contains(&(allele as u16))
                || own.depths.get(allele).is_some_and(|n| *n > 0)
                || (own.depths.is_empty() && is_possible(own, allele))
        };
        let alleles = own.alleles();
        let kept: Vec<usize> = (0..alleles).filter(|&a| a == 0 || has(a)).collect();
        if kept.len() < 2 {
            return None;
        }
        let depths = kept.iter().filter_map(|&allele| own.depths.get(allele));
        let mut likelihoods = Vec::new();
        for (at, &b) in kept.iter().enumerate() {
            if own.ploidy == 1 {
                likelihoods.extend(own.likelihoods.get(b));
            } else {
                let of = |a: &usize| own.likelihoods.get(diploid(*a, b));
                likelihoods.extend(kept[..=at].iter().filter_map(of));
            }
        }
        Some(Self {
            alleles: kept[1..].iter().map(|&allele| allele as i32).collect(),
            depths: depths.map(|&depth| depth as i32).collect(),
            likelihoods: likelihoods
                .into_iter()
                .map(|&pl| pl.min(LIKELIHOOD_MAX) as i32)
                .collect(),
        })
    }
}

/// True when likelihoods do not rule out all genotypes with an allele.
fn is_possible(own: &Projected, allele: usize) -> bool {
    let possible = |at: usize| own.likelihoods.get(at).is_some_and(|pl| *pl < CERTAIN);
    if own.ploidy == 1 {
        return possible(allele);
    }
    (0..own.alleles()).any(|other| possible(diploid(other.min(allele), other.max(allele))))
}

/// True when one genotype is likelier than all others by far.
fn is_certain(likelihoods: &[u32]) -> bool {
    likelihoods.iter().filter(|pl| **pl < CERTAIN).count() == 1
}

/// True when the share of every allele's reads is about that of its copies.
fn fits(depths: &[u32], called: &[u16]) -> bool {
    let depths = || depths.iter().map(|&depth| u64::from(depth));
    let (reads, copies) = (depths().sum::<u64>(), called.len() as u64);
    let near = |(allele, depth): (usize, u64)| {
        let own = called.iter().filter(|other| usize::from(**other) == allele);
        let (found, expected) = (depth * copies, own.count() as u64 * reads);
        found.abs_diff(expected) * 100 <= SHARE_OFF_MAX * reads * copies
    };
    copies > 0 && reads > 0 && depths().enumerate().all(near)
}

#[cfg(test)]
mod tests {
    use smallvec::smallvec;

    use super::{Local, fits};
    use crate::project::{NoCall, Projected};

    #[test]
    fn reads_look_like_their_genotype() {
        assert!(fits(&[15, 14], &[0, 1]) && fits(&[10, 20], &[0, 1]));
        assert!(!fits(&[8, 22], &[0, 1]), "27 % are more than 20 from 50");
        assert!(fits(&[1, 20], &[1, 1]) && !fits(&[6, 20], &[1, 1]));
        assert!(fits(&[0, 9], &[1]) && !fits(&[9, 9], &[1]));
        let most = i32::MAX as u32;
        assert!(fits(&[most, most], &[0, 1]) && !fits(&[most, most], &[0, 0]));
        assert!(!fits(&[0, 0], &[0, 1]) && !fits(&[10, 1], &[]));
    }

    #[test]
    fn who_is_in_doubt_keeps_likelihoods_without_reads() {
        let local = |likelihoods| {
            let own = Projected {
                ploidy: 2,
                likelihoods,
                levels: smallvec![],
                depths: smallvec![],
                depth: None,
                no_call: Some(NoCall::LowQuality),
                conflict: false,
            };
            Local::of(&own, &[]).map(|local| (local.alleles, local.likelihoods))
        };
        let doubtful = smallvec![60, 2, 0, 90, 80, 70];
        assert_eq!(local(doubtful), Some((vec![1], vec![60, 2, 0])));
        assert_eq!(local(smallvec![0, 60, 90, 70, 99, 99]), None);
    }
}
