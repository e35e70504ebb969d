//! The matrix, one anti-diagonal after the other.

use crate::banded::buffers::{Buffers, PADDING, Problem};
use crate::banded::cell::Cell;
use crate::banded::lanes::Lanes;
use crate::banded::step::{Around, Costs};

/// Fills `buffers`, for a band of any width: what an anti-diagonal leaves to the next goes through memory.
#[inline(always)]
pub(super) fn sweep<V: Lanes>(problem: &Problem<'_>, buffers: &mut Buffers<V::Cell>) {
    const { assert!(V::N <= PADDING) };
    let zero = V::Cell::ZERO;
    buffers.prepare(problem, V::N, false);
    let (first, end) = problem.diagonals();
    let (m, n) = (problem.query.len(), problem.window.len());
    let costs = Costs::<V>::new(problem.scheme);
    // Lanes before a number of rows: where the mask begins for it.
    let mut mask = [V::Cell::ONES; 2 * PADDING];
    mask[PADDING..].fill(zero);
    let [h, h1, h2] = &mut buffers.scores;
    let ([e, e1], [f, f1]) = (&mut buffers.insertions, &mut buffers.deletions);
    let mut state = State {
        query: &buffers.query,
        costs: &buffers.costs,
        window: &buffers.window,
        h,
        h1,
        h2,
        e,
        e1,
        f,
        f1,
        best: &mut buffers.best,
        cells: &mut buffers.cells,
        trace: &mut buffers.trace,
    };
    for diagonal in first..end {
        let (from, to) = problem.rows(diagonal);
        // Window base of row 0: the window stands backwards behind m + PADDING bases.
        let facing = m + PADDING + n - 1 - diagonal;
        let cell = (diagonal - first) * buffers.stride;
        let mut row = from;
        while row < to {
            // SAFETY: at most N before the middle of a mask of twice the padding, which is at least N.
            let inside = unsafe { V::load(&mask, PADDING - (to - row).min(V::N)) };
            debug_assert!(row < m);
            // SAFETY: `prepare` gave every buffer by row PADDING cells on either side of its m rows, of which this
            // is one; the window has m + PADDING on either side and meets row on this anti-diagonal; every
            // anti-diagonal has `stride` cells, a multiple of N that is no less than its rows.
            unsafe {
                state.step(
                    &costs,
                    PADDING + row,
                    facing + row,
                    cell + row - from,
                    inside,
                )
            };
            row += V::N;
        }
        state.close(from, to);
    }
}

/// The buffers while they are filled: those of this anti-diagonal, of the last (1) and of the one before (2).
struct State<'a, T> {
    query: &'a [T],
    costs: &'a [T],
    window: &'a [T],
    h: &'a mut [T],
    h1: &'a mut [T],
    h2: &'a mut [T],
    e: &'a mut [T],
    e1: &'a mut [T],
    f: &'a mut [T],
    f1: &'a mut [T],
    best: &'a mut [T],
    cells: &'a mut [T],
    trace: &'a mut [T],
}

impl<T: Cell> State<'_, T> {
    /// The cells of as many rows as a vector has, `at` the first in buffers by row, facing the window from `facing`
    /// on; their scores and traces go `to` there. Those not `inside` become zero.
    ///
    /// # Safety
    /// Buffers by row have `N` cells from `at` on and one before, the window has `N` from `facing` on, scores and
    /// traces have `N` from `to` on.
    #[inline(always)]
    unsafe fn step<V: Lanes<Cell = T>>(
        &mut self,
        costs: &Costs<V>,
        at: usize,
        facing: usize,
        to: usize,
        inside: V,
    ) {
        // SAFETY: as the caller says.
        let (code, base, cost, before, above, above_gap, left, left_gap) = unsafe {
            (
                V::load(self.query, at),
                V::load(self.window, facing),
                V::load(self.costs, at),
                V::load(self.h2, at - 1),
                V::load(self.h1, at - 1),
                V::load(self.e1, at - 1),
                V::load(self.h1, at),
                V::load(self.f1, at),
            )
        };
        let cells = costs.cells(Around {
            same: code.equal(base),
            cost,
            before,
            above,
            above_gap,
            left,
            left_gap,
        });
        let all = cells.score.and(inside);
        // SAFETY: as the caller says.
        unsafe {
            all.store(self.h, at);
            cells.insertion.and(inside).store(self.e, at);
            cells.deletion.and(inside).store(self.f, at);
            V::load(self.best, at).max(all).store(self.best, at);
            all.store(self.cells, to);
            cells.trace.store(self.trace, to);
        }
    }

    /// Ends an anti-diagonal: rows just outside are read by the next ones, the oldest scores are overwritten next.
    #[inline(always)]
    fn close(&mut self, from: usize, to: usize) {
        let zero = T::ZERO;
        if from == to {
            // A band of one diagonal skips every other anti-diagonal.
            for buffer in [&mut *self.h, &mut *self.e, &mut *self.f] {
                buffer[PADDING..].fill(zero);
            }
        } else {
            if from > 0 {
                let before = PADDING + from - 1;
                (self.h[before], self.e[before], self.f[before]) = (zero, zero, zero);
            }
            let behind = PADDING + to;
            (self.h[behind], self.e[behind], self.f[behind]) = (zero, zero, zero);
        }
        std::mem::swap(&mut self.h, &mut self.h2);
        std::mem::swap(&mut self.h1, &mut self.h2);
        std::mem::swap(&mut self.e, &mut self.e1);
        std::mem::swap(&mut self.f, &mut self.f1);
    }
}
