//! Banded local alignment with affine gaps (Gotoh 1982), with a bonus for reaching the ends of the query.
//!
//! Cells lie on a matrix of query (rows `i`) by window (columns `j`); those with `j - i` outside a band are not
//! looked at. A score never falls below zero: an alignment may begin at any cell, and one that begins with the
//! first row or ends with the last gets a bonus. Of equally good ends the one in the first row, then in the first
//! column wins; of equally good ways to a cell a diagonal step wins, then an insertion.
//!
//! Vectors run along anti-diagonals, lane by row. Cells are as narrow as the largest score allows: saturation at
//! zero is what the model asks for anyway, so all widths and levels give the same result.
#![allow(
    unsafe_code,
    reason = "calls into functions compiled for vector extensions, behind a level that proves the processor has them"
)]

mod buffers;
mod cell;
mod lanes;
mod narrow;
#[cfg(test)]
mod oracle;
mod step;
mod sweep;
#[cfg(test)]
mod tests;
mod trace;

use crate::banded::buffers::{Buffers, Problem};
use crate::banded::lanes::Lanes;
use crate::banded::lanes::Plain;
use crate::banded::sweep::sweep;
use crate::level::{Kind, Level};

/// What things cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scheme {
    /// Score of a match.
    pub matched: u8,
    /// Cost of a mismatch.
    pub mismatch: u8,
    /// Cost of a query base that is not known.
    pub unknown: u8,
    /// Cost of the first base of a gap.
    pub gap_first: u8,
    /// Cost of every further base of a gap.
    pub gap_next: u8,
    /// Bonus for each end of the query that is reached; at most `gap_first`.
    pub end_bonus: u8,
}

/// What stands between two bases of an alignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A base of the query on one of the window.
    Match,
    /// A base of the query only.
    Insertion,
    /// A base of the window only.
    Deletion,
}

/// Where the best alignment lies and what it is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Score with the bonuses for reached ends.
    pub score: u32,
    /// First and one past the last aligned base of the query.
    pub query: (usize, usize),
    /// First and one past the last aligned base of the window.
    pub window: (usize, usize),
}

/// Buffers that one call leaves to the next. One for each thread.
#[derive(Debug, Default)]
pub struct Scratch {
    narrow: Buffers<u8>,
    middle: Buffers<u16>,
    wide: Buffers<u32>,
    /// Steps of the alignment found last, the last first, with how often each is taken.
    steps: Vec<(Step, u32)>,
}

impl Scratch {
    /// The steps of the alignment found last, in order.
    pub fn steps(&self) -> impl Iterator<Item = (Step, u32)> {
        self.steps.iter().rev().copied()
    }
}

/// Aligns `query` to `window` (codes 0 to 3, anything else is unknown), looking at cells with `j - i` within
/// `band`. `None` when nothing scores above zero.
///
/// # Panics
/// When the scheme's end bonus is larger than what the first base of a gap costs.
pub fn align(
    level: Level,
    scheme: &Scheme,
    query: &[u8],
    window: &[u8],
    band: (i64, i64),
    scratch: &mut Scratch,
) -> Option<Found> {
    assert!(
        scheme.end_bonus <= scheme.gap_first,
        "else a gap before the first base would gain"
    );
    let most = query.len() * usize::from(scheme.matched) + 2 * usize::from(scheme.end_bonus);
    if query.is_empty() || window.is_empty() || band.0 > band.1 {
        return None;
    }
    let Scratch {
        narrow,
        middle,
        wide,
        steps,
    } = scratch;
    let problem = Problem {
        scheme,
        query,
        window,
        band,
    };
    if most <= usize::from(u8::MAX) {
        dispatch_u8(level, &problem, narrow);
        trace::back(&problem, narrow, steps)
    } else if most <= usize::from(u16::MAX) {
        dispatch_u16(level, &problem, middle);
        trace::back(&problem, middle, steps)
    } else {
        sweep::<Plain<u32, 8>>(&problem, wide);
        trace::back(&problem, wide, steps)
    }
}

/// Fills the matrix in the way that suits its band.
#[inline(always)]
fn fill<V: Lanes>(problem: &Problem<'_>, buffers: &mut Buffers<V::Cell>) {
    if narrow::fits(problem, V::N) {
        narrow::sweep::<V>(problem, buffers);
    } else {
        sweep::<V>(problem, buffers);
    }
}

macro_rules! dispatch {
    ($name:ident, $cell:ty, $plain:literal, $sse41:ident, $avx2:ident) => {
        fn $name(level: Level, problem: &Problem<'_>, buffers: &mut Buffers<$cell>) {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "sse4.1,ssse3")]
                fn sse41(problem: &Problem<'_>, buffers: &mut Buffers<$cell>) {
                    fill::<lanes::$sse41>(problem, buffers);
                }
                #[target_feature(enable = "avx2")]
                fn avx2(problem: &Problem<'_>, buffers: &mut Buffers<$cell>) {
                    fill::<lanes::$avx2>(problem, buffers);
                }
                match level.kind() {
                    Kind::Sse41 => {
                        // SAFETY: a level exists only where the processor has what it is named for.
                        return unsafe { sse41(problem, buffers) };
                    }
                    // Half of a 512-bit register holds a band.
                    Kind::Avx2 | Kind::Avx512 => {
                        // SAFETY: as above, and AVX-512 comes with AVX2.
                        return unsafe { avx2(problem, buffers) };
                    }
                    _ => {}
                }
            }
            match level.kind() {
                Kind::Scalar => sweep::<Plain<$cell, 1>>(problem, buffers),
                // NEON belongs to every AArch64 processor: plain code is compiled for it.
                _ => fill::<Plain<$cell, $plain>>(problem, buffers),
            }
        }
    };
}

dispatch!(dispatch_u8, u8, 16, U8x16, U8x32);
dispatch!(dispatch_u16, u16, 8, U16x8, U16x16);
