//! Differences that enough reads show to be worth asking about.

use crate::event::Event;
use crate::informative;
use crate::pileup::{Observation, Pileup};
use crate::read::Read;
use crate::repeats::{self, Repeat};
use crate::window::Window;

/// log10 odds, before any prior, from which a difference opens an active region: with a prior of 10^-3 a
/// probability of 0.002, the active probability threshold of GATK's HaplotypeCaller.
pub(crate) const ACTIVE: f64 = 0.3;
/// -log10 of the prior that these odds have in mind.
const USUAL: f64 = 3.0;
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
    /// log10 odds of any genotype with it against none, all genotypes being alike likely beforehand; a change of a
    /// repeat has more where such are more usual than other differences.
    pub odds: f64,
    /// Name hashes of the fragments that show it, sorted.
    pub fragments: Vec<u64>,
}

/// The candidates of a pileup, sorted by event. `repeats` lie over the pileup's columns.
pub(crate) fn find(
    pileup: &Pileup,
    reads: &[Read],
    repeats: &[Repeat],
    reference: &Window,
    ploidy: u8,
) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for group in pileup.observations.chunk_by(|a, b| a.event == b.event) {
        let event = &group[0].event;
        let odds = odds(event, group, pileup, repeats, ploidy) + usual(event, reference);
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

/// log10 of how much more usual a change of a repeat is than other differences.
fn usual(event: &Event, reference: &Window) -> f64 {
    if !event.is_indel() {
        return 0.0;
    }
    let changed = if event.del > 0 {
        reference.slice(event.pos, event.end())
    } else {
        event.ins.as_slice()
    };
    repeats::prior(reference, event.pos, changed)
        .map_or(0.0, |prior| (USUAL - f64::from(prior) / 10.0).max(0.0))
}

/// Reads that are clipped where a long gap begins or ends, as if they had it.
fn clipped_at(event: &Event, pileup: &Pileup) -> f64 {
    if event.size() <= informative::LONGEST_INDEL {
        return 0.0;
    }
    let at = |place: i64| pileup.clips.partition_point(|&clip| clip < place);
    let there = |place: i64| at(place + 1) - at(place);
    let far = if event.del > 0 { there(event.end()) } else { 0 };
    (there(event.pos) + far) as f64
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
    let clips = clipped_at(event, pileup);
    variant_odds(
        against - clips * CLIP_ERROR.log10(),
        seen.len() as f64 + clips,
        (others - clips).max(0.0),
        ploidy,
    )
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
    use super::{ACTIVE, find, variant_odds};
    use crate::event::Event;
    use crate::pileup::{Column, Observation, Pileup};
    use crate::read::Read;
    use crate::repeats::{self, GapTable};
    use crate::window::Window;

    /// Odds of a gap that two of twenty reads show, with clips at these places.
    fn gap_odds(bases: &str, event: Event, clips: &[i64]) -> f64 {
        let window = Window {
            start: 0,
            bases: bases.into(),
        };
        let column = Column {
            depth: 20,
            informative: 18,
            ..Column::default()
        };
        let seen = |read| Observation {
            event: event.clone(),
            read,
            quality: 30,
        };
        let pileup = Pileup {
            start: 0,
            columns: vec![column; bases.len()],
            observations: vec![seen(0), seen(1)],
            clips: clips.to_vec(),
        };
        let reads = [Read::default(), Read::default()];
        let repeats = repeats::find(&window.bases, &GapTable::default());
        let found = find(&pileup, &reads, &repeats, &window, 2);
        found.first().map_or(f64::NEG_INFINITY, |found| found.odds)
    }

    #[test]
    fn a_long_gap_is_also_shown_by_clips_at_its_ends() {
        let bases = "GATTACAGCTTGACCGTGCATCGATTGCCATAGCTAGGCATCTTGACGGATCC";
        let deletion = |pos| Event {
            pos,
            del: 20,
            ins: Vec::new(),
        };
        let without = gap_odds(bases, deletion(12), &[11, 33]);
        let with = gap_odds(bases, deletion(12), &[12, 12, 32]);
        assert!((with - without - 12.0).abs() < 1e-9, "{with} {without}");
    }

    #[test]
    fn two_reads_are_enough_where_changes_are_usual() {
        let insertion = Event {
            pos: 5,
            del: 0,
            ins: b"CATTC".to_vec(),
        };
        let repeat = format!("GATTG{}GATTAC", "CATTC".repeat(12));
        assert!(gap_odds(&repeat, insertion.clone(), &[]) >= ACTIVE);
        // Elsewhere the gap of a read is as good, but what it shows is rarer.
        let alone = Event {
            ins: b"GGATC".to_vec(),
            ..insertion
        };
        assert!(gap_odds(&repeat, alone, &[]) < ACTIVE);
    }

    #[test]
    fn odds_follow_depth() {
        // Five of ten at Q30: 5 x (3 + log10 3) - 10 x log10 2.
        let odds = variant_odds(5.0 * (3.0 + 3f64.log10()), 5.0, 5.0, 2);
        assert!((odds - 14.375).abs() < 1e-3, "{odds}");
        assert!(variant_odds(3.477, 1.0, 29.0, 2) < -5.0);
        assert!(variant_odds(3.477 * 5.0, 5.0, 5.0, 1) > 2.0);
    }
}
