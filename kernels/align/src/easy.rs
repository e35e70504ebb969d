//! Pairs whose mates lie at places without gaps, and nowhere else nearly as well.
//!
//! Taken only when nothing that was not looked at can matter: see `probe` for what bounds it.

use kumi_index::View;
use kumi_seq::cigar::{self, Kind};

use crate::extend::{Alignment, clipping_gains};
use crate::insert_size::InsertSize;
use crate::pair::{self, Pairing};
use crate::params::Params;
use crate::probe::{self, Place, Probe};
use crate::read::Read;

/// What the best alignment must score more than all that were not looked at can.
const MARGIN: i32 = 10;
/// Places that are worth naming; with more the read is not an easy one.
const PLACES_MAX: usize = 12;
/// Places this far from another are other places, not the same with a gap.
const APART: u64 = 64;

/// The alignments of both mates and the pair they make, when they are beyond doubt.
pub(crate) fn pair(
    view: View<'_>,
    params: &Params,
    expected: &InsertSize,
    reads: &[Read],
    probes: &[Probe],
    mismatches: &mut Vec<u32>,
    found: &mut [Vec<Alignment>; 2],
) -> Option<Pairing> {
    for side in 0..2 {
        found[side].clear();
        alignments(view, params, &reads[side], &probes[side], &mut found[side])?;
    }
    let pairing = pair::best(params, found, expected)?;
    if pairing.score <= pair::both_alone(params, found) {
        return None;
    }
    for side in 0..2 {
        let chosen = &found[side][pairing.chosen[side]];
        let start = view.offset(chosen.contig) + u64::from(chosen.start);
        let place = probes[side]
            .places
            .iter()
            .find(|place| place.start == start && place.reverse == chosen.reverse)?;
        is_sure(view, params, &reads[side], &probes[side], place, mismatches).then_some(())?;
    }
    Some(pairing)
}

/// The insert size of mates that have one place each, and are alike there.
pub(crate) fn insert_size(view: View<'_>, reads: &[Read], probes: &[Probe]) -> Option<u32> {
    let [[first], [second]] = [&probes[0].places[..], &probes[1].places[..]] else {
        return None;
    };
    let alike = |place: &Place, read: &Read| place.mismatches as usize <= read.len() / 16;
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
    view: View<'_>,
    params: &Params,
    read: &Read,
    probe: &Probe,
    into: &mut Vec<Alignment>,
) -> Option<()> {
    let score = |place: &Place| score(params, read, place.mismatches);
    let best = probe.places.iter().map(score).max()?;
    let least = (best - params.unpaired - MARGIN).max(params.score_min);
    for place in probe.places.iter().filter(|place| score(place) >= least) {
        if into.len() == PLACES_MAX {
            return None;
        }
        let (contig, start) = view.locate(place.start);
        let length = view.contigs().get(contig)?.length;
        let end = start + read.len() as u64;
        if end > u64::from(length) {
            return None;
        }
        let mut cigar = Vec::with_capacity(1);
        cigar::push(&mut cigar, Kind::Match, read.len() as u32);
        into.push(Alignment {
            score: score(place),
            reverse: place.reverse,
            contig,
            start: start as u32,
            end: end as u32,
            query: (0, read.len() as u32),
            cigar,
        });
    }
    into.sort_by_key(|a| (-a.score, a.contig, a.start, a.reverse));
    Some(())
}

fn score(params: &Params, read: &Read, mismatches: u32) -> i32 {
    read.len() as i32 * params.match_score
        - mismatches as i32 * (params.match_score + params.mismatch)
}

/// True when the read at `place` is better than at any place that was not compared, with gaps or clipped.
fn is_sure(
    view: View<'_>,
    params: &Params,
    read: &Read,
    probe: &Probe,
    place: &Place,
    mismatches: &mut Vec<u32>,
) -> bool {
    let own = score(params, read, place.mismatches);
    let edit = params.match_score + params.mismatch;
    let perfect = read.len() as i32 * params.match_score;
    // The least a gap costs.
    let gap = params.gap_open + params.gap_extend;
    let bound = |votes: u32| perfect - edit * (probe.seen as i32 - votes as i32);
    if own < bound(0) + MARGIN || perfect - own > 2 * perfect / 16 * edit {
        return false;
    }
    let near = |a: &Place, b: &Place| a.reverse == b.reverse && a.start.abs_diff(b.start) <= APART;
    for other in probe.places.iter().filter(|other| *other != place) {
        let neighbours = probe.places.iter().filter(|third| near(other, third));
        let votes = neighbours.map(|third| third.votes).sum();
        let gapped = bound(votes).min(perfect - gap);
        if near(place, other) {
            // The same place with a gap.
            if gapped > own {
                return false;
            }
        } else if gapped > score(params, read, other.mismatches).max(own - MARGIN) {
            return false;
        }
    }
    let end = place.start + read.len() as u64;
    if view.is_ambiguous(place.start, end) {
        return false;
    }
    probe::mismatches(view, read, place, mismatches);
    let last = read.len() as u32 - 1;
    !clipping_gains(params, mismatches.iter().copied())
        && !clipping_gains(params, mismatches.iter().rev().map(|&at| last - at))
}
