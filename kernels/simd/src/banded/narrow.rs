//! The matrix of a band that one vector spans: what an anti-diagonal leaves to the next stays in registers.
//!
//! Lane 0 is the first row of the band. From an anti-diagonal to the next it stays or goes one row down, in turns: rows
//! then stand in the lanes they had, or one lane lower. Two anti-diagonals back it is always one row up, so that the
//! cell before on the diagonal has the same lane.

use crate::banded::buffers::{Buffers, NO_COLUMN, NO_ROW, PADDING, Problem};
use crate::banded::cell::Cell;
use crate::banded::lanes::Lanes;
use crate::banded::step::{Around, Costs};

/// True when the band fits a vector of so many lanes.
pub(super) fn fits(problem: &Problem<'_>, lanes: usize) -> bool {
    problem.band.1.saturating_sub(problem.band.0) / 2 < lanes as i64
}

/// Fills `buffers`.
#[inline(always)]
pub(super) fn sweep<V: Lanes>(problem: &Problem<'_>, buffers: &mut Buffers<V::Cell>) {
    const { assert!(V::N + 2 < PADDING) };
    buffers.prepare(problem, V::N, true);
    let (first, end) = problem.diagonals();
    if first == end {
        return;
    }
    let (m, n) = (problem.query.len(), problem.window.len());
    let costs = Costs::<V>::new(problem.scheme);
    let splat = |byte| V::splat(V::Cell::from_byte(byte));
    let (zero, no_row, no_column) = (splat(0), splat(NO_ROW), splat(NO_COLUMN));
    let bonus = bonus::<V::Cell>(problem.scheme.end_bonus);
    // SAFETY: see `bonus`; rows begin at most N before the first.
    let bonus = |base: i64| unsafe { V::load(&bonus, (PADDING as i64 + 1 + base.min(0)) as usize) };
    let in_band = [0, 1].map(|odd| in_band::<V>(problem, first as i64 + odd));
    let Buffers {
        query,
        costs: differences,
        window,
        best: best_of_rows,
        cells,
        trace,
        stride,
        ..
    } = buffers;
    let mut base = problem.base(first as i64 - 1);
    let (mut h1, mut h2) = (bonus(base), bonus(problem.base(first as i64 - 2)));
    let (mut e1, mut f1, mut best) = (zero, zero, zero);
    for diagonal in first..end {
        let goes_down = problem.base(diagonal as i64) != base;
        let (above, above_gap, left, left_gap);
        if goes_down {
            // The row of lane 0 is done; what this writes of the others is written again.
            // SAFETY: the row is at most N before the first and at most the last.
            unsafe { best.store(best_of_rows, (PADDING as i64 + base) as usize) };
            base += 1;
            best = best.down();
            (above, above_gap, left, left_gap) = (h1, e1, h1.down(), f1.down());
        } else {
            (above, above_gap, left, left_gap) = (h1.up(), e1.up(), h1, f1);
        }
        let at = (PADDING as i64 + base) as usize;
        // The window stands backwards behind m + PADDING bases that are outside.
        let facing = ((m + PADDING + n - 1 - diagonal) as i64 + base) as usize;
        // SAFETY: `base` is at most N before the first row and one behind the last; by row there is PADDING on either
        // side, in the window m + PADDING, which is more than N rows away from where the band meets it.
        let (code, letter, cost) = unsafe {
            (
                V::load(query, at),
                V::load(window, facing),
                V::load(differences, at),
            )
        };
        let outside = code.equal(no_row).or(letter.equal(no_column));
        let inside = outside.without(in_band[(diagonal - first) % 2]);
        let next = costs.cells(Around {
            same: code.equal(letter),
            cost,
            before: h2,
            above,
            above_gap,
            left,
            left_gap,
        });
        let score = next.score.and(inside);
        best = best.max(score);
        let to = (diagonal - first) * *stride;
        // SAFETY: `prepare` gave every anti-diagonal as many cells as a vector has.
        unsafe {
            score.store(cells, to);
            next.trace.store(trace, to);
        }
        h2 = h1;
        h1 = score;
        if base < 0 {
            h1 = h1.or(bonus(base));
        }
        (e1, f1) = (next.insertion.and(inside), next.deletion.and(inside));
    }
    // SAFETY: as above.
    unsafe { best.store(best_of_rows, (PADDING as i64 + base) as usize) };
}

/// The bonus of an alignment that begins with the first row, for a load at any number of rows before that: it stands
/// in the row before the first.
fn bonus<T: Cell>(bonus: u8) -> [T; 2 * PADDING] {
    let mut rows = [T::ZERO; 2 * PADDING];
    rows[PADDING] = T::from_byte(bonus);
    rows
}

/// The lanes that are in the band on an anti-diagonal, and on every second one from there.
#[inline(always)]
fn in_band<V: Lanes>(problem: &Problem<'_>, diagonal: i64) -> V {
    let last = (diagonal - problem.band.0) >> 1;
    let count = (last + 1 - problem.base(diagonal)).clamp(0, V::N as i64);
    let mut lanes = [V::Cell::ZERO; PADDING];
    lanes[..count as usize].fill(V::Cell::ONES);
    // SAFETY: no vector is longer than PADDING.
    unsafe { V::load(&lanes, 0) }
}
