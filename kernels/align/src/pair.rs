//! Pairing: which alignments of two mates belong together, and mates found where they should lie.

use crate::extend::{Alignment, Buffers, banded};
use crate::insert_size::InsertSize;
use crate::params::Params;
use crate::read::Read;
use crate::seed::SCORE_MIN;
use crate::setting::Setting;

/// Alignments of a read from which its mate is looked for.
const ANCHORS: usize = 4;

/// The best pair, and the best other one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pairing {
    /// Which alignment of each mate.
    pub chosen: [usize; 2],
    /// Score of the pair, and of the best other pair.
    pub score: i32,
    /// See `score`; 0 when there is no other.
    pub second: i32,
    /// Pairs nearly as good as the best other one.
    pub seconds: u32,
}

/// The insert size of two alignments when they point at each other on one contig.
pub(crate) fn insert_size(a: &Alignment, b: &Alignment) -> Option<u32> {
    if a.contig != b.contig || a.reverse == b.reverse {
        return None;
    }
    let (forward, backward) = if a.reverse { (b, a) } else { (a, b) };
    (backward.end > forward.start).then(|| backward.end - forward.start)
}

/// The insert size when the pair is proper.
pub(crate) fn proper(a: &Alignment, b: &Alignment, expected: &InsertSize) -> Option<u32> {
    insert_size(a, b).filter(|size| (expected.low..=expected.high).contains(size))
}

/// Looks for the best proper pair among alignments sorted by score.
pub(crate) fn best(
    params: &Params,
    mates: &[Vec<Alignment>; 2],
    expected: &InsertSize,
) -> Option<Pairing> {
    let mut pairs: Vec<(i32, usize, usize)> = Vec::new();
    let place = |at: usize| (mates[1][at].contig, mates[1][at].start);
    let mut partners: Vec<usize> = (0..mates[1].len()).collect();
    partners.sort_by_key(|&at| place(at));
    for (i, a) in mates[0].iter().enumerate() {
        let (low, high) = (
            a.start.saturating_sub(expected.high),
            a.end.saturating_add(expected.high),
        );
        let from = partners.partition_point(|&at| place(at) < (a.contig, low));
        let near = |&&at: &&usize| place(at) <= (a.contig, high);
        for &j in partners[from..].iter().take_while(near) {
            let b = &mates[1][j];
            if let Some(size) = proper(a, b, expected) {
                let cost = (expected.cost(size) * f64::from(params.match_score) + 0.499) as i32;
                pairs.push(((a.score + b.score - cost).max(0), i, j));
            }
        }
    }
    pairs.sort_by_key(|&(score, i, j)| (-score, i, j));
    let &(score, i, j) = pairs.first()?;
    let second = pairs.get(1).map_or(0, |pair| pair.0);
    let close = params.match_score + params.mismatch.max(params.gap_open + params.gap_extend);
    let seconds = pairs
        .iter()
        .skip(1)
        .filter(|pair| second - pair.0 <= close)
        .count() as u32;
    Some(Pairing {
        chosen: [i, j],
        score,
        second,
        seconds,
    })
}

/// Score of the best alignments of both mates, taken as no pair.
pub(crate) fn both_alone(params: &Params, found: &[Vec<Alignment>; 2]) -> i32 {
    let best = |mate: &Vec<Alignment>| mate.first().map_or(0, |best| best.score);
    found.iter().map(best).sum::<i32>() - params.unpaired
}

/// Looks for the mate of each good alignment where a proper pair would have it, unless one is known there.
/// Adds what it finds to `mates`, kept sorted by the caller.
pub(crate) fn rescue(
    setting: Setting<'_>,
    reads: [&Read; 2],
    expected: &InsertSize,
    mates: &mut [Vec<Alignment>; 2],
    buffers: &mut Buffers,
) {
    let params = setting.params;
    let mut found: [Vec<Alignment>; 2] = Default::default();
    for side in 0..2 {
        let other = 1 - side;
        let Some(top) = mates[side].first().map(|best| best.score) else {
            continue;
        };
        for anchor in mates[side]
            .iter()
            .take(ANCHORS)
            .filter(|a| a.score + params.unpaired >= top)
        {
            if mates[other]
                .iter()
                .any(|mate| proper(anchor, mate, expected).is_some())
            {
                continue;
            }
            found[other].extend(look(setting, reads[other], anchor, expected, buffers));
        }
    }
    for (mate, found) in mates.iter_mut().zip(found) {
        mate.extend(found);
    }
}

/// Aligns a read to the stretch of reference in which the mate of `anchor` would lie: so close, less is enough than
/// anywhere (as for bwa mem).
fn look(
    setting: Setting<'_>,
    read: &Read,
    anchor: &Alignment,
    expected: &InsertSize,
    buffers: &mut Buffers,
) -> Option<Alignment> {
    let view = setting.view;
    let length = view.contigs().get(anchor.contig)?.length;
    let (start, end) = if anchor.reverse {
        (
            anchor.end.saturating_sub(expected.high),
            anchor.end.saturating_sub(expected.low) + read.len() as u32,
        )
    } else {
        let low = (anchor.start + expected.low).saturating_sub(read.len() as u32);
        (low, anchor.start.saturating_add(expected.high))
    };
    let (start, end) = (start.min(length), end.min(length));
    let diagonals = (
        i64::from(start) - read.len() as i64 / 2,
        i64::from(end) - read.len() as i64 / 2,
    );
    let reverse = !anchor.reverse;
    banded(
        setting,
        read.codes(reverse),
        reverse,
        anchor.contig,
        (start, end),
        diagonals,
        buffers,
    )
    .filter(|found| found.score >= SCORE_MIN)
}
