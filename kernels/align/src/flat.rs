//! Alignments on one diagonal: the best stretch of it, and whether a gap could do better.

use kumi_seq::cigar::{self, Kind};
use kumi_simd::packed;

use crate::extend::Alignment;
use crate::params::Params;
use crate::probe;
use crate::read::Read;
use crate::setting::Setting;

/// Bases beyond a gap, at least: a few that fit exactly, or more with an error among them.
const TAILS: [u32; 4] = [3, 6, 10, 16];
/// Bases beyond a gap that are compared.
const PIECE_MAX: u32 = 32;

/// What a diagonal gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// The best alignment on it, and no gap seems to help.
    Flat(Alignment),
    /// A gap near an end may help.
    Gap,
    /// It cannot be compared this way: the read is long or has an N, the reference ends or has one.
    Unknown,
}

/// When to ask whether a gap would help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gaps {
    /// Always.
    Always,
    /// Where an end is clipped.
    Clipped,
    /// Never.
    Never,
}

/// Aligns a read that would begin at `start` of the concatenation without gaps, clipped where that gains; says so when
/// it should be tried with `gaps`.
pub(crate) fn fit(
    setting: Setting<'_>,
    read: &Read,
    start: u64,
    reverse: bool,
    gaps: Gaps,
    mismatches: &mut Vec<u32>,
) -> Fit {
    let Setting { view, params, .. } = setting;
    let length = read.len() as u64;
    let (contig, first) = view.locate(start);
    let inside = view
        .contigs()
        .get(contig)
        .is_some_and(|contig| first + length <= u64::from(contig.length));
    if !inside || read.packed(reverse).is_none() || view.is_ambiguous(start, start + length) {
        return Fit::Unknown;
    }
    probe::mismatches(view, read, start, reverse, mismatches);
    let (score, (from, to)) = best_stretch(params, read.len() as u32, mismatches);
    let clipped = (from, to) != (0, read.len() as u32);
    let gaps = match gaps {
        Gaps::Always => true,
        Gaps::Clipped => clipped,
        Gaps::Never => false,
    };
    if gaps && gap_helps(setting, read, start, reverse, mismatches) {
        return Fit::Gap;
    }
    let mut cigar = Vec::with_capacity(1);
    cigar::push(&mut cigar, Kind::Match, to - from);
    Fit::Flat(Alignment {
        score,
        reverse,
        contig,
        start: first as u32 + from,
        end: first as u32 + to,
        query: (from, to),
        cigar,
    })
}

/// The score without bonuses, and where it lies, of the stretch that is best with them. Of equal ones the first
/// to end, then the shortest.
fn best_stretch(params: &Params, length: u32, mismatches: &[u32]) -> (i32, (u32, u32)) {
    let matched = |bases: u32| bases as i32 * params.match_score;
    let edit = params.match_score + params.mismatch;
    // Score of all before a base, the mismatches among it: a stretch is worth the difference of two.
    let (mut from, mut least) = (0, -params.clip);
    let mut best = (i32::MIN, 0, (0, 0));
    for (before, &at) in (0..).zip(mismatches) {
        let total = matched(at) - before * edit;
        if total - least > best.0 {
            let bonus = if from == 0 { params.clip } else { 0 };
            best = (total - least, total - least - bonus, (from, at));
        }
        let behind = matched(at + 1) - (before + 1) * edit;
        if behind <= least {
            (from, least) = (at + 1, behind);
        }
    }
    let total = matched(length) - mismatches.len() as i32 * edit - least + params.clip;
    if total > best.0 {
        let bonus = if from == 0 {
            2 * params.clip
        } else {
            params.clip
        };
        best = (total, total - bonus, (from, length));
    }
    (best.1, best.2)
}

/// True when the bases behind the last mismatches, or before the first, lie as well on a diagonal close by.
fn gap_helps(
    setting: Setting<'_>,
    read: &Read,
    start: u64,
    reverse: bool,
    mismatches: &[u32],
) -> bool {
    let length = read.len() as u32;
    TAILS.iter().any(|&tail| {
        // The piece begins with a mismatch that leaves enough bases behind, and a second one with them.
        let behind = mismatches.partition_point(|&at| at + tail <= length);
        let behind = behind
            .min(mismatches.len().saturating_sub(1))
            .checked_sub(1);
        let helps = behind.is_some_and(|at| {
            let from = mismatches[at];
            let piece = (from, length.min(from + PIECE_MAX));
            let count = mismatches.len() - at;
            lies_beside(setting, read, start, reverse, piece, (count, length - from))
        });
        let before = mismatches.partition_point(|&at| at + 1 < tail).max(1);
        helps
            || mismatches.get(before).is_some_and(|&last| {
                let piece = ((last + 1).saturating_sub(PIECE_MAX), last + 1);
                lies_beside(setting, read, start, reverse, piece, (before + 1, last + 1))
            })
    })
}

/// True when a piece of the read lies on a diagonal close by with next to no difference, and a gap that leads there
/// costs less than the mismatches, of which there are `count` up to the end of the read, and less than clipping
/// the `bases` up to there.
fn lies_beside(
    setting: Setting<'_>,
    read: &Read,
    start: u64,
    reverse: bool,
    (from, to): (u32, u32),
    (count, bases): (usize, u32),
) -> bool {
    let Setting { view, params, .. } = setting;
    let Some(packed) = read.packed(reverse) else {
        return true;
    };
    let clipped = bases as i32 * params.match_score + params.clip;
    let gain = (count as i32 * (params.match_score + params.mismatch)).min(clipped);
    let longest = (gain - params.gap_open - 1) / params.gap_extend.max(1);
    let longest = longest.clamp(0, params.band as i32) as u64;
    let allowed = (to - from) / 8;
    let (word, shift) = ((from / 32) as usize, 2 * (from % 32));
    let piece = ((u128::from(packed[word]) | u128::from(packed[word + 1]) << 64) >> shift) as u64;
    let own = start + u64::from(from);
    let first = own.saturating_sub(longest);
    // One load for all diagonals: the piece and the longest gap on either side.
    let mut reference = [0; 4];
    view.packed(first, &mut reference);
    (0..=2 * longest).any(|shift| {
        let (word, bits) = ((shift / 32) as usize, 2 * (shift % 32));
        let both = u128::from(reference[word]) | u128::from(reference[word + 1]) << 64;
        let differs =
            packed::differing(piece, (both >> bits) as u64) & packed::first_bases(to, from);
        first + shift != own && differs.count_ones() <= allowed
    })
}

#[cfg(test)]
mod tests {
    use super::best_stretch;
    use crate::params::Params;

    #[test]
    fn ends_are_clipped_when_that_gains() {
        let params = Params::default();
        let cases: [(&[u32], i32, (u32, u32)); 6] = [
            (&[], 150, (0, 150)),
            (&[70], 145, (0, 150)),
            (&[149], 145, (0, 150)),
            // Three of the last four cost more than four bases and the bonus.
            (&[146, 147, 149], 146, (0, 146)),
            (&[0, 1, 2], 147, (3, 150)),
            // The better half of two.
            (
                &[
                    60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79,
                ],
                70,
                (80, 150),
            ),
        ];
        for (mismatches, score, stretch) in cases {
            assert_eq!(
                best_stretch(&params, 150, mismatches),
                (score, stretch),
                "{mismatches:?}"
            );
        }
    }
}
