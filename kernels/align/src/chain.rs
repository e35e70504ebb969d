//! Anchors that lie on one alignment (colinear chaining as in Li 2018, for short reads).

use kumi_index::minimizer::K;

use crate::params::Params;
use crate::seed::Anchor;

/// Anchors farther apart in the reference belong to different alignments.
const DISTANCE_MAX: u64 = 500;
/// Diagonals farther apart belong to different alignments.
const DRIFT_MAX: u64 = 120;
/// Predecessors looked at.
const LOOK_BACK: usize = 40;

/// A chain of anchors, as the box around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    /// Bases covered by seeds, less what gaps cost.
    pub score: i32,
    /// The read lies on the reverse strand.
    pub reverse: bool,
    /// Smallest and largest diagonal (reference minus query).
    pub diagonals: (i64, i64),
    /// First and one past the last query base, on that strand.
    pub query: (u32, u32),
    /// Bits of its seeds.
    pub seeds: u128,
}

/// Query bases of a chain of a read of `length`, in the direction of the sequencer.
pub(crate) fn as_sequenced(chain: &Chain, length: u32) -> (u32, u32) {
    if chain.reverse {
        (length - chain.query.1, length - chain.query.0)
    } else {
        chain.query
    }
}

/// Buffers of [`chains`].
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    score: Vec<i32>,
    previous: Vec<usize>,
    /// Score and number of every anchor as one number, the best first.
    order: Vec<u64>,
    used: Vec<bool>,
}

/// Chains sorted anchors; the best chains first, at most `chains_max`. Ties go by place, so that the result is a
/// function of the anchors alone.
pub(crate) fn chains(
    anchors: &[Anchor],
    params: &Params,
    buffers: &mut Buffers,
    into: &mut Vec<Chain>,
) {
    into.clear();
    score(anchors, params, buffers);
    let Buffers {
        score,
        previous,
        order,
        used,
    } = buffers;
    order.clear();
    let rank = |(at, &score): (u64, &i32)| ((i32::MAX - score) as u64) << 32 | at;
    order.extend((0..).zip(score.iter()).map(rank));
    order.sort_unstable();
    used.clear();
    used.resize(anchors.len(), false);
    for end in order.iter().map(|&rank| rank as u32 as usize) {
        if used[end] || into.len() >= params.chains_max {
            continue;
        }
        let mut chain = Chain {
            score: score[end],
            reverse: anchors[end].reverse,
            diagonals: (i64::MAX, i64::MIN),
            query: (u32::MAX, 0),
            seeds: 0,
        };
        let mut at = end;
        while at != usize::MAX && !used[at] {
            used[at] = true;
            let anchor = anchors[at];
            chain.seeds |= anchor.bit();
            let diagonal = anchor.reference as i64 - i64::from(anchor.query);
            chain.diagonals = (
                chain.diagonals.0.min(diagonal),
                chain.diagonals.1.max(diagonal),
            );
            chain.query = (
                chain.query.0.min(anchor.query),
                chain.query.1.max(anchor.query + K as u32),
            );
            at = previous[at];
        }
        if at != usize::MAX {
            chain.score = (chain.score - score[at]).max(K as i32);
        }
        into.push(chain);
    }
    into.sort_by_key(|chain| (-chain.score, chain.diagonals, chain.reverse));
}

/// The best score of a chain that ends in each anchor, and the anchor before it.
fn score(anchors: &[Anchor], params: &Params, buffers: &mut Buffers) {
    let Buffers {
        score, previous, ..
    } = buffers;
    score.clear();
    previous.clear();
    for (at, anchor) in anchors.iter().enumerate() {
        let (mut best, mut from) = (K as i32, usize::MAX);
        for before in (at.saturating_sub(LOOK_BACK)..at).rev() {
            let other = anchors[before];
            let distance = anchor.reference - other.reference.min(anchor.reference);
            if other.reverse != anchor.reverse || distance > DISTANCE_MAX {
                break;
            }
            if other.query >= anchor.query || distance == 0 {
                continue;
            }
            let step = u64::from(anchor.query - other.query);
            let drift = step.abs_diff(distance);
            if drift > DRIFT_MAX {
                continue;
            }
            let gap = match drift as i32 {
                0 => 0,
                // An extension sees both diagonals, whichever it starts from.
                near if near <= params.band as i32 => 2 + near / 8,
                // As an alignment would pay: what it cannot make good ends before the gap.
                far => params.gap_open + far * params.gap_extend,
            };
            let gained = (K as u64).min(step).min(distance) as i32 - gap;
            if score[before] + gained > best {
                (best, from) = (score[before] + gained, before);
            }
            if drift == 0 && step <= K as u64 {
                // Nothing farther back adds more bases, or at less cost.
                break;
            }
        }
        score.push(best);
        previous.push(from);
    }
}
