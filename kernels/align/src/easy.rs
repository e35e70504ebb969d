//! Pairs whose mates lie at places without gaps, and nowhere else nearly as well.
//!
//! Taken only when nothing that was not looked at can matter: see `probe` for what bounds it.

use kumi_index::View;

use crate::bound;
use crate::extend::{self, Alignment, Buffers};
use crate::flat::{self, Fit, Gaps};
use crate::insert_size::InsertSize;
use crate::pair::{self, Pairing};
use crate::params::Params;
use crate::probe::{Place, Probe};
use crate::read::Read;
use crate::setting::Setting;

/// What the best alignment must score more than all that were not looked at can.
const MARGIN: i32 = 10;
/// Places that are worth naming; with more the read is not an easy one.
const PLACES_MAX: usize = 48;
/// Places looked at with gaps; with more the read is not an easy one.
const GAPPED_MAX: usize = 12;
/// Places this far from another are other places, not the same with a gap.
const APART: u64 = 64;

/// Finds the alignments of a read at the places that are worth naming, the best first; false when something that was
/// not looked at may matter.
pub(crate) fn is_sure(
    setting: Setting<'_>,
    read: &Read,
    probe: &Probe,
    buffers: &mut Buffers,
    found: &mut Vec<Alignment>,
) -> bool {
    found.clear();
    alignments(setting, read, probe, buffers, found).is_some()
        && found
            .first()
            .is_some_and(|best| is_beyond_doubt(setting, read, probe, best))
}

/// True when an alignment is better than all that was not looked at.
fn is_beyond_doubt(
    setting: Setting<'_>,
    read: &Read,
    probe: &Probe,
    alignment: &Alignment,
) -> bool {
    let offset = setting.view.offset(alignment.contig);
    let (start, end) = (u64::from(alignment.start), u64::from(alignment.end));
    alignment.score >= probe.bound(setting.params, read, 0) + MARGIN
        && !setting.view.is_ambiguous(offset + start, offset + end)
}

/// The pair that the alignments of mates that are both sure make, when it is beyond doubt.
pub(crate) fn pair(
    setting: Setting<'_>,
    expected: &InsertSize,
    reads: &[Read],
    probes: &[Probe],
    found: &[Vec<Alignment>; 2],
) -> Option<Pairing> {
    let params = setting.params;
    let pairing = pair::best(params, found, expected)?;
    let is_sure = |side: usize| {
        let chosen = &found[side][pairing.chosen[side]];
        is_beyond_doubt(setting, &reads[side], &probes[side], chosen)
    };
    (pairing.score > pair::both_alone(params, found) && is_sure(0) && is_sure(1)).then_some(pairing)
}

/// The insert size of mates that have one place each, and are alike there.
pub(crate) fn insert_size(view: View<'_>, reads: &[Read], probes: &[Probe]) -> Option<u32> {
    let [[first], [second]] = [&probes[0].places[..], &probes[1].places[..]] else {
        return None;
    };
    let alike = |place: &Place, read: &Read| place.differences() as usize <= read.len() / 16;
    let contig = |place: &Place| view.locate(place.start).0;
    if first.reverse == second.reverse
        || !(alike(first, &reads[0]) && alike(second, &reads[1]))
        || contig(first) != contig(second)
    {
        return None;
    }
    let (forward, (backward, length)) = if first.reverse {
        (second, (first, reads[0].len()))
    } else {
        (first, (second, reads[1].len()))
    };
    let size = (backward.start + length as u64).checked_sub(forward.start)?;
    u32::try_from(size).ok().filter(|&size| size > 0)
}

/// The alignments at the places that are worth naming, the best first.
fn alignments(
    setting: Setting<'_>,
    read: &Read,
    probe: &Probe,
    buffers: &mut Buffers,
    into: &mut Vec<Alignment>,
) -> Option<()> {
    let params = setting.params;
    let best = probe
        .places
        .iter()
        .map(|place| score(params, read, place))
        .max()?;
    let least = (best - params.unpaired - MARGIN).max(params.score_min);
    let (mut gapped, mut rest) = (0, &probe.places[..]);
    while let Some(first) = rest.first() {
        let near = |place: &&Place| place.start - first.start <= APART;
        let (crowd, others) = rest.split_at(rest.iter().take_while(near).count());
        rest = others;
        for reverse in [false, true] {
            let strand = || crowd.iter().filter(move |place| place.reverse == reverse);
            let Some(place) = strand().min_by_key(|place| place.differences()) else {
                continue;
            };
            let ungapped = score(params, read, place);
            let beside = |other: &&Place| {
                other.start != place.start && flat_bound(params, read, other) >= least
            };
            if strand().any(|other| beside(&other)) {
                // A tandem repeat: the places are rivals, not one with a gap.
                return None;
            }
            let bound = gapped_bound(params, read, probe, place, strand());
            // Gaps and clips are looked for where they may make a difference.
            let mut matters = place.differences() > 1 && ungapped.max(bound) + MARGIN > best;
            if matters && ungapped < best {
                let starts = || strand().map(|place| place.start as i64);
                let diagonals = (starts().min()?, starts().max()?);
                let limit = bound::by_pieces(setting, read, reverse, diagonals);
                matters = ungapped.max(limit).saturating_add(MARGIN) > best;
            }
            if ungapped < least && !matters {
                continue;
            }
            if into.len() == PLACES_MAX {
                return None;
            }
            let mut fit = Fit::Gap;
            if !matters || strand().count() == 1 {
                let gaps = if matters { Gaps::Always } else { Gaps::Never };
                let mismatches = &mut buffers.mismatches;
                fit = flat::fit(setting, read, place.start, reverse, gaps, mismatches);
            }
            match fit {
                Fit::Flat(alignment) => into.push(alignment),
                Fit::Unknown => return None,
                Fit::Gap => {
                    gapped += 1;
                    if gapped > GAPPED_MAX {
                        return None;
                    }
                    let diagonals = strand().map(|place| place.start);
                    let diagonals = (diagonals.clone().min()?, diagonals.max()?);
                    into.push(extend::around(setting, read, reverse, diagonals, buffers)?);
                }
            }
        }
    }
    into.sort_by_key(|a| (-a.score, a.contig, a.start, a.reverse));
    Some(())
}

fn score(params: &Params, read: &Read, place: &Place) -> i32 {
    read.len() as i32 * params.match_score
        - place.differences() as i32 * (params.match_score + params.mismatch)
}

/// The most that a read may score on the diagonal of a place, clipped where that gains.
fn flat_bound(params: &Params, read: &Read, place: &Place) -> i32 {
    // Bases that match are clipped with those that differ.
    let gain = |differences: u32| (differences as i32 * params.mismatch - params.clip).max(0);
    let [before, _, behind] = place.mismatches;
    score(params, read, place) + gain(before) + gain(behind)
}

/// The most that a read may score with gaps around the best of some places that are close together.
fn gapped_bound<'a>(
    params: &Params,
    read: &Read,
    probe: &Probe,
    best: &Place,
    crowd: impl Iterator<Item = &'a Place>,
) -> i32 {
    let gap = params.gap_open + params.gap_extend;
    let perfect = read.len() as i32 * params.match_score;
    let votes: u32 = crowd.map(|place| place.votes).sum();
    let one = if votes > best.votes {
        perfect - gap
    } else {
        // The seeds lie on one diagonal: a gap at either end takes the differences there, or a clip.
        let edit = params.match_score + params.mismatch;
        let gain = |differences: u32| (differences as i32 * edit - gap).max(0);
        let [before, _, behind] = best.mismatches;
        score(params, read, best) + gain(before) + gain(behind)
    };
    one.min(probe.bound(params, read, votes))
}
