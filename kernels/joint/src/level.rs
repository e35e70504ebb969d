//! Likelihoods as coarse as calling and counting genotypes of a cohort needs them.
//!
//! What is called at a site depends on how many samples say what. If likelihoods were taken as exactly as they are told,
//! hardly two samples of 30x would say the same, and whoever adds a sample to a cohort would have to listen to all
//! others again. In levels most carriers of an allele say the same: so what they say can be counted once
//! ([`crate::census`]), added up and taken away.

use std::sync::Arc;

use crate::evidence::{Alleles, Block, Call, Local, Numbers};
use crate::kind::Class;
use crate::project::NoCall;

/// Phred up to which every number is told apart: that of the highest genotype quality.
const EXACT: u32 = 99;
/// From there on, steps; and the highest level.
const STEP: u32 = 10;
const LEVEL_MAX: u32 = 250;
/// Phred of one copy from which blocks count as sure: odds of 10^4 are turned round by an allele whose share is 5,000
/// times that of REF, 0.9998 of all; only then could such a sample be thought to carry it.
const SURE: u32 = 40;
/// Reads from which more do not matter where a likelihood is made of them: 3 phred each are beyond the highest level.
pub(crate) const READS_MAX: u32 = 100;

/// The level of a likelihood; a level is its own.
pub(crate) fn level(phred: u32) -> u32 {
    match phred {
        0..=EXACT => phred,
        _ => (phred - phred % STEP).min(LEVEL_MAX),
    }
}

/// The levels of what a block says of no, one and two copies, the least of which is 0.
pub(crate) fn block_levels(ploidy: u8, [none, one, two]: [u32; 3]) -> [u32; 3] {
    if none == 0 && one >= SURE && two >= one {
        return [0, SURE, if ploidy == 1 { SURE } else { 2 * SURE }];
    }
    [none, one, two].map(level)
}

/// What a sample's records say of a base, as far as genotypes are called by it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Statement {
    /// The calls that speak of it, by start; those that start at one base in the order of the file.
    pub(crate) calls: Vec<Call>,
    pub(crate) block: Option<Block>,
}

impl Statement {
    /// Of calls and the block of a base; an allele enters a cohort with such a quality.
    pub(crate) fn new(calls: &[&Call], block: Option<&Block>, quality_min: u32) -> Self {
        let alone = calls.len() == 1;
        let calls = calls.iter().map(|call| levelled(call, alone, quality_min));
        Self {
            calls: calls.collect(),
            block: block.map(block_of),
        }
    }
}

/// A block that says what matters of another one.
fn block_of(block: &Block) -> Block {
    let class = Class::of(block).levelled();
    Block {
        ploidy: class.ploidy,
        depth: (class.no_call == Some(NoCall::NoDepth)).then_some(0),
        quality: class
            .likelihoods
            .map(|_| u32::from(class.no_call != Some(NoCall::NoEvidence))),
        likelihoods: class.likelihoods.unwrap_or_default(),
    }
}

/// A call that says what matters of another one. Phase and genotype are asked for where calls meet, reads where there is
/// no likelihood of unlisted alleles.
fn levelled(call: &Call, alone: bool, quality_min: u32) -> Call {
    let knows_others = call.alleles.contains(&Local::Any);
    let sure = call.calibrated.is_none_or(|quality| quality >= quality_min);
    let depths = call.depths.iter().map(|reads| (*reads).min(READS_MAX));
    Call {
        position: call.position,
        start: call.start,
        end: call.end,
        alleles: Arc::clone(&call.alleles),
        ploidy: call.ploidy,
        genotype: if alone {
            Alleles::new()
        } else {
            call.genotype.clone()
        },
        phase_set: call.phase_set.clone().filter(|_| !alone),
        likelihoods: call
            .likelihoods
            .as_ref()
            .map(|pl| pl.iter().map(|pl| level(*pl)).collect()),
        depths: if knows_others {
            Numbers::new()
        } else {
            depths.collect()
        },
        depth: call
            .depth
            .filter(|_| !knows_others)
            .map(|depth| depth.min(2 * READS_MAX)),
        passes: call.passes && sure,
        calibrated: None,
    }
}

#[cfg(test)]
mod tests {
    use super::{block_of, level};
    use crate::evidence::Block;
    use crate::kind::Class;

    #[test]
    fn levels_rise_and_stay() {
        let levels: Vec<u32> = (0..400).map(level).collect();
        assert!(levels.windows(2).all(|pair| pair[0] <= pair[1]));
        assert!(levels.iter().all(|of| level(*of) == *of));
        assert_eq!([level(99), level(109), level(3_000)], [99, 100, 250]);
    }

    #[test]
    fn a_block_of_a_statement_is_of_the_class_of_the_others() {
        for (ploidy, depth, quality, likelihoods) in [
            (2, Some(30), Some(60), [0, 60, 900]),
            (2, Some(5), Some(12), [0, 12, 133]),
            (2, Some(0), Some(0), [0; 3]),
            (2, Some(4), Some(0), [0, 0, 45]),
            (2, None, None, [0; 3]),
            (2, Some(0), None, [0; 3]),
            (1, Some(9), Some(99), [0, 99, 99]),
            (1, Some(9), Some(3), [3, 0, 0]),
        ] {
            let block = Block {
                ploidy,
                depth,
                quality,
                likelihoods,
            };
            let of = block_of(&block);
            assert_eq!(Class::of(&of), Class::of(&block).levelled());
            assert_eq!(block_of(&of), of);
        }
    }
}
