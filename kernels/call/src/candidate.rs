//! Differences that enough reads show to be worth asking about.

use crate::event::Event;
use crate::informative;
use crate::pileup::{Observation, Pileup};
use crate::read::Read;
use crate::repeats::Repeat;

/// log10 odds, before any prior, from which a difference opens an active region: with a prior of 10^-3 a
/// probability of 0.002, the active probability threshold of GATK's HaplotypeCaller.
pub(crate) const ACTIVE: f64 = 0.3;
/// log10 odds from which a difference is tried where a region is open anyway.
const TRIED: f64 = -1.3;
/// Probability that a read is clipped at this very base for no reason of the genome's: one in a hundred fragments is a
/// chimera, with its break anywhere.
const CLIP_ERROR: f64 = 1e-4;

/// A difference with its evidence.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Candidate {
    /// What differs.
    pub event: Event,
    /// log10 odds of any genotype with it against none, all genotypes being alike likely beforehand.
    pub odds: f64,
    /// Name hashes of the fragments that show it, sorted.
    pub fragments: Vec<u64>,
}

/// The candidates of a pileup, sorted by event. `repeats` lie over the pileup's columns.
pub(crate) fn find(
    pileup: &Pileup,
    reads: &[Read],
    repeats: &[Repeat],
    ploidy: u8,
) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for group in pileup.observations.chunk_by(|a, b| a.event == b.event) {
        let event = &group[0].event;
        let odds = odds(event, group, pileup, repeats, ploidy);
        if odds >= TRIED {
            let mut fragments: Vec<u64> = group
                .iter()
                .map(|seen| reads[seen.read as usize].name)
                .collect();
            fragments.sort_unstable();
            fragments.dedup();
            candidates.push(Candidate {
                event: event.clone(),
                odds,
                fragments,
            });
        }
    }
    candidates
}

fn odds(
    event: &Event,
    seen: &[Observation],
    pileup: &Pileup,
    repeats: &[Repeat],
    ploidy: u8,
) -> f64 {
    let place = if event.is_indel() {
        event.pos - 1
    } else {
        event.pos
    };
    let column = pileup.at(place);
    let all = f64::from(column.depth) - seen.len() as f64;
    let others = if event.is_indel() && event.size() <= informative::LONGEST_INDEL {
        // A read that ends in a repeat says nothing about its length.
        all.min(f64::from(column.informative))
    } else {
        all
    };
    let gap = usize::try_from(event.pos - pileup.start)
        .ok()
        .and_then(|at| repeats.get(at))
        .map_or(40.0, |repeat| f64::from(repeat.gap_open));
    let against: f64 = seen
        .iter()
        .map(|seen| {
            if event.is_indel() {
                gap / 10.0
            } else {
                f64::from(seen.quality.max(2)) / 10.0 + 3f64.log10()
            }
        })
        .sum();
    variant_odds(against, seen.len() as f64, others.max(0.0), ploidy)
}

/// `against`: sum over reads with the difference of -log10 P(difference by error).
fn variant_odds(against: f64, with: f64, without: f64, ploidy: u8) -> f64 {
    let heterozygous = against - (with + without) * 2f64.log10();
    // A read without the difference on a homozygous site is an error of about Q30.
    let homozygous = against - 3.0 * without;
    if ploidy == 1 {
        homozygous
    } else {
        heterozygous.max(homozygous)
    }
}

/// Positions at which so many reads are clipped that something must be there.
pub(crate) fn clipped(pileup: &Pileup, ploidy: u8) -> Vec<i64> {
    let mut places = Vec::new();
    for group in pileup.clips.chunk_by(|a, b| a == b) {
        let position = group[0];
        let depth = pileup.at(position).depth.max(pileup.at(position - 1).depth);
        let with = group.len() as f64;
        let against = -with * CLIP_ERROR.log10();
        let odds = variant_odds(against, with, (f64::from(depth) - with).max(0.0), ploidy);
        if group.len() >= 2 && odds >= ACTIVE {
            places.push(position);
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::variant_odds;

    #[test]
    fn odds_follow_depth() {
        // Five of ten at Q30: 5 x (3 + log10 3) - 10 x log10 2.
        let odds = variant_odds(5.0 * (3.0 + 3f64.log10()), 5.0, 5.0, 2);
        assert!((odds - 14.375).abs() < 1e-3, "{odds}");
        assert!(variant_odds(3.477, 1.0, 29.0, 2) < -5.0);
        assert!(variant_odds(3.477 * 5.0, 5.0, 5.0, 1) > 2.0);
    }
}
