//! Banded alignment with affine gaps (Gotoh 1982), local with a bonus for reaching the ends of the read.

use kumi_seq::cigar::{self, Kind, Op};

use crate::params::Params;

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

/// Buffers of [`align`].
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    h: Vec<i32>,
    e: Vec<i32>,
    trace: Vec<u8>,
}

const LOW: i32 = i32::MIN / 4;
// Bits of a trace cell: where H comes from, and whether a gap goes on.
const DIAGONAL: u8 = 1;
const DELETION: u8 = 2;
const INSERTION: u8 = 3;
const SOURCE: u8 = 3;
const DELETION_GOES_ON: u8 = 4;
const INSERTION_GOES_ON: u8 = 8;

/// Aligns `query` to `window`, looking at cells (i, j) with `j - i` within `diagonals`. `None` when nothing
/// scores above zero. O(query x band) time and trace bytes.
pub(crate) fn align(
    params: &Params,
    query: &[u8],
    window: &[u8],
    diagonals: (i64, i64),
    buffers: &mut Buffers,
) -> Option<Extension> {
    let width = (diagonals.1 - diagonals.0 + 1).max(1) as usize;
    let Buffers { h, e, trace } = buffers;
    // H[i-1][j-1] and E[i-1][j], by band column: row i, column c is reference j = i + diagonals.0 + c.
    h.clear();
    h.resize(width + 1, LOW);
    e.clear();
    e.resize(width + 1, LOW);
    trace.clear();
    trace.resize(query.len() * width, 0);
    let (open, extend) = (params.gap_open + params.gap_extend, params.gap_extend);
    let mut best: Option<(i32, i32, usize, usize)> = None;
    for (i, &base) in query.iter().enumerate() {
        let first = i as i64 + diagonals.0;
        let mut f = LOW;
        let mut left = LOW;
        for c in 0..width {
            let j = first + c as i64;
            // In band columns the cell above is one to the right in the row before.
            let (above, e_above) = (h[c + 1], e[c + 1]);
            if j < 0 || j >= window.len() as i64 {
                (h[c], e[c], left, f) = (LOW, LOW, LOW, LOW);
                continue;
            }
            let matched = base == window[j as usize] && base < 4;
            let step = if matched {
                params.match_score
            } else if base == 4 {
                -1
            } else {
                -params.mismatch
            };
            // An alignment may begin at any cell; one that begins inside the read pays for the clip.
            let start = if i == 0 { params.clip } else { 0 };
            let before = h[c];
            let (from, mut cell) = if before > start {
                (DIAGONAL, before + step)
            } else {
                (0, start + step)
            };
            let mut bits = from;
            let e_open = above - open;
            let e_new = if e_above - extend > e_open {
                bits |= INSERTION_GOES_ON;
                e_above - extend
            } else {
                e_open
            };
            let f_open = left - open;
            f = if f - extend > f_open {
                bits |= DELETION_GOES_ON;
                f - extend
            } else {
                f_open
            };
            if e_new > cell {
                cell = e_new;
                bits = bits & !SOURCE | INSERTION;
            }
            if f > cell {
                cell = f;
                bits = bits & !SOURCE | DELETION;
            }
            if cell <= 0 {
                (cell, bits) = (LOW, bits & !SOURCE);
            }
            (h[c], e[c], left) = (cell, e_new, cell);
            trace[i * width + c] = bits;
            let total = cell + if i + 1 == query.len() { params.clip } else { 0 };
            if cell > LOW && best.is_none_or(|(most, ..)| total > most) {
                best = Some((total, cell, i, c));
            }
        }
    }
    let (total, _, i, c) = best?;
    Some(trace_back(
        params,
        trace,
        width,
        diagonals.0,
        total,
        (i, c),
        query.len(),
    ))
}

fn trace_back(
    params: &Params,
    trace: &[u8],
    width: usize,
    first_diagonal: i64,
    total: i32,
    end: (usize, usize),
    query_length: usize,
) -> Extension {
    let (mut i, mut c) = end;
    let reference_of = |i: usize, c: usize| (i as i64 + first_diagonal + c as i64) as u32;
    let reference_end = reference_of(i, c) + 1;
    let mut reversed: Vec<Op> = Vec::new();
    let (query_start, reference_start);
    loop {
        let bits = trace[i * width + c];
        match bits & SOURCE {
            INSERTION => {
                loop {
                    let goes_on = trace[i * width + c] & INSERTION_GOES_ON != 0;
                    cigar::push(&mut reversed, Kind::Insertion, 1);
                    (i, c) = (i - 1, c + 1);
                    if !goes_on {
                        break;
                    }
                }
                continue;
            }
            DELETION => {
                loop {
                    let goes_on = trace[i * width + c] & DELETION_GOES_ON != 0;
                    cigar::push(&mut reversed, Kind::Deletion, 1);
                    c -= 1;
                    if !goes_on {
                        break;
                    }
                }
                continue;
            }
            source => {
                cigar::push(&mut reversed, Kind::Match, 1);
                if source == 0 || i == 0 {
                    (query_start, reference_start) = (i as u32, reference_of(i, c));
                    break;
                }
                i -= 1;
            }
        }
    }
    reversed.reverse();
    let mut score = total;
    score -= if query_start == 0 { params.clip } else { 0 };
    score -= if end.0 + 1 == query_length {
        params.clip
    } else {
        0
    };
    Extension {
        score,
        query: (query_start, end.0 as u32 + 1),
        reference: (reference_start, reference_end),
        cigar: reversed,
    }
}

/// Moves every gap as far to the left as its sequence allows, as VCF and most tools expect it. The gap
/// stays right of the first aligned base.
pub(crate) fn left_align(ops: &mut [Op], query: &[u8], reference: &[u8]) {
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
