//! Pairing: which alignments of two mates belong together.

use crate::extend::Alignment;
use crate::insert_size::InsertSize;
use crate::params::Params;

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
