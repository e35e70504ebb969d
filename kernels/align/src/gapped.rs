//! Gapped extension: banded alignment with affine gaps, local with a bonus for reaching the ends of the read.

use kumi_seq::cigar::{self, Kind, Op};
use kumi_simd::banded::{self, Scheme, Scratch, Step};
use kumi_simd::level::Level;

use crate::params::Params;

/// BAM counts the operations of a CIGAR in 16 bits, those of clips at both ends too.
const OPERATIONS_MAX: usize = u16::MAX as usize - 2;

/// Where an alignment lies and what it is worth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extension {
    /// Score, without the bonus for reached ends.
    pub score: i32,
    /// First and one past the last aligned query base.
    pub query: (u32, u32),
    /// First and one past the last aligned reference base, in the window.
    pub reference: (u32, u32),
    /// Operations between the clips.
    pub cigar: Vec<Op>,
}

/// Aligns `query` to `window`, looking at cells (i, j) with `j - i` within `diagonals`. `None` when nothing
/// scores above zero (of a read of few bases all that it scores may be the bonus of its ends), and when it has more
/// gaps than BAM can say. Gaps stand as far to the left as their sequence allows.
pub(crate) fn align(
    params: &Params,
    level: Level,
    query: &[u8],
    window: &[u8],
    diagonals: (i64, i64),
    scratch: &mut Scratch,
) -> Option<Extension> {
    let scheme = scheme(params);
    let found = banded::align(level, &scheme, query, window, diagonals, scratch)?;
    let reached = u32::from(found.query.0 == 0) + u32::from(found.query.1 == query.len());
    let bonus = reached * u32::from(scheme.end_bonus);
    let score = found.score.checked_sub(bonus).filter(|&score| score > 0)?;
    let mut cigar = Vec::new();
    for (step, times) in scratch.steps() {
        let kind = match step {
            Step::Match => Kind::Match,
            Step::Insertion => Kind::Insertion,
            Step::Deletion => Kind::Deletion,
        };
        cigar::push(&mut cigar, kind, times);
    }
    if cigar.len() > OPERATIONS_MAX {
        return None;
    }
    left_align(
        &mut cigar,
        &query[found.query.0..found.query.1],
        &window[found.window.0..found.window.1],
    );
    Some(Extension {
        score: score as i32,
        query: (found.query.0 as u32, found.query.1 as u32),
        reference: (found.window.0 as u32, found.window.1 as u32),
        cigar,
    })
}

/// The costs as the vectors take them. No cost is above 255; the bonus of an end is held below a gap's.
fn scheme(params: &Params) -> Scheme {
    let cost = |cost: i32| cost.clamp(0, 255) as u8;
    let gap_first = cost(params.gap_open + params.gap_extend);
    Scheme {
        matched: cost(params.match_score),
        mismatch: cost(params.mismatch),
        unknown: 1,
        gap_first,
        gap_next: cost(params.gap_extend),
        end_bonus: cost(params.clip).min(gap_first),
    }
}

/// Moves every gap as far to the left as its sequence allows, as VCF and most tools expect it. The gap
/// stays right of the first aligned base.
fn left_align(ops: &mut [Op], query: &[u8], reference: &[u8]) {
    let mut at = 1;
    while at + 1 < ops.len() {
        let gap = ops[at];
        let (before, after) = (ops[at - 1], ops[at + 1]);
        let is_gap = matches!(gap.kind, Kind::Insertion | Kind::Deletion);
        if is_gap && before.kind == Kind::Match && after.kind == Kind::Match {
            let consumed = |ops: &[Op], f: fn(Kind) -> bool| -> usize {
                ops.iter()
                    .filter(|op| f(op.kind))
                    .map(|op| op.len as usize)
                    .sum()
            };
            let q = consumed(&ops[..at], Kind::consumes_read);
            let r = consumed(&ops[..at], Kind::consumes_reference);
            let length = gap.len as usize;
            let (text, place) = if gap.kind == Kind::Insertion {
                (query, q)
            } else {
                (reference, r)
            };
            let mut shift = 0usize;
            while shift + 1 < before.len as usize
                && text[place - 1 - shift] == text[place + length - 1 - shift]
            {
                // The base that changes sides must match on both.
                if query[q - 1 - shift] != reference[r - 1 - shift] {
                    break;
                }
                shift += 1;
            }
            ops[at - 1].len -= shift as u32;
            ops[at + 1].len += shift as u32;
        }
        at += 1;
    }
}
