//! The matrix, one anti-diagonal after the other.

use crate::banded::Scheme;
use crate::banded::lanes::Lanes;

/// A score that stops at zero.
pub(super) trait Cell: Copy + Ord + Default {
    /// Nothing.
    const ZERO: Self;
    /// All bits.
    const ONES: Self;
    /// From a byte.
    fn from_byte(byte: u8) -> Self;
    /// The lowest byte.
    fn to_byte(self) -> u8;
    /// The sum; the widths are chosen so that it fits.
    fn plus(self, other: Self) -> Self;
    /// The difference, or zero.
    fn minus(self, other: Self) -> Self;
    /// Bits of both.
    fn and(self, other: Self) -> Self;
    /// Bits of either.
    fn or(self, other: Self) -> Self;
    /// The other bits.
    fn not(self) -> Self;
    /// As a number.
    fn get(self) -> u32;
}

macro_rules! cell {
    ($($kind:ty),*) => {$(
        impl Cell for $kind {
            const ZERO: Self = 0;
            const ONES: Self = Self::MAX;
            #[inline(always)]
            fn from_byte(byte: u8) -> Self {
                Self::from(byte)
            }
            #[inline(always)]
            fn to_byte(self) -> u8 {
                self as u8
            }
            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            #[inline(always)]
            fn minus(self, other: Self) -> Self {
                self.saturating_sub(other)
            }
            #[inline(always)]
            fn and(self, other: Self) -> Self {
                self & other
            }
            #[inline(always)]
            fn or(self, other: Self) -> Self {
                self | other
            }
            #[inline(always)]
            fn not(self) -> Self {
                !self
            }
            #[inline(always)]
            fn get(self) -> u32 {
                u32::from(self)
            }
        }
    )*};
}
cell!(u8, u16, u32);

// Bits of a trace cell: where the score comes from (neither gap: the cell before on the diagonal), and whether a
// gap goes on.
/// A gap in the query.
pub(super) const DELETION: u8 = 1;
/// A gap in the window.
pub(super) const INSERTION: u8 = 2;
/// Mask of those.
pub(super) const SOURCE: u8 = 3;
/// The alignment begins here unless it is in a gap.
pub(super) const BEGIN: u8 = 4;
/// The deletion began before the cell to the left.
pub(super) const DELETION_GOES_ON: u8 = 8;
/// The insertion began before the cell above.
pub(super) const INSERTION_GOES_ON: u8 = 16;

/// Code of an unknown query base here: no window base is equal to it.
const UNKNOWN: u8 = 254;
/// Code of a window base outside the window or unknown.
const NOTHING: u8 = 255;
/// Rows of padding at either side of every buffer: no vector is longer.
const PADDING: usize = 64;

/// What is to be aligned.
pub(super) struct Problem<'a> {
    pub scheme: &'a Scheme,
    pub query: &'a [u8],
    pub window: &'a [u8],
    pub band: (i64, i64),
}

impl Problem<'_> {
    /// Rows of an anti-diagonal that lie inside, first and one past the last; empty when none does.
    #[inline]
    pub(super) fn rows(&self, diagonal: usize) -> (usize, usize) {
        let (d, m, n) = (
            diagonal as i64,
            self.query.len() as i64,
            self.window.len() as i64,
        );
        let first = (d - n + 1).max((d + 1 - self.band.1) >> 1).max(0);
        let last = d.min((d - self.band.0) >> 1).min(m - 1);
        if first > last {
            (0, 0)
        } else {
            (first as usize, last as usize + 1)
        }
    }

    /// Anti-diagonals of the matrix that meet the band, first and one past the last.
    pub(super) fn diagonals(&self) -> (usize, usize) {
        let all = self.query.len() + self.window.len() - 1;
        // The first cell of the band is in row 0 or in column 0.
        let first = self.band.0.max(-self.band.1).max(0) as usize;
        let rows_end = (2 * self.query.len() as i64 - 1).saturating_add(self.band.1);
        let columns_end = (2 * self.window.len() as i64 - 1).saturating_sub(self.band.0);
        let end = rows_end.min(columns_end).clamp(0, all as i64) as usize;
        (first.min(end), end)
    }

    /// The most rows an anti-diagonal has.
    pub(super) fn height(&self) -> usize {
        let band = (self.band.1.saturating_sub(self.band.0) / 2 + 1).max(0) as usize;
        band.min(self.query.len()).min(self.window.len())
    }
}

/// Buffers of a sweep. Those by row have `PADDING` entries before row 0.
#[derive(Debug, Default)]
pub(super) struct Buffers<T> {
    query: Vec<T>,
    costs: Vec<T>,
    /// The window backwards.
    window: Vec<T>,
    scores: [Vec<T>; 3],
    insertions: [Vec<T>; 2],
    deletions: [Vec<T>; 2],
    /// The best score of each row.
    best: Vec<T>,
    /// All scores and where they come from, an anti-diagonal after the other, from its first row on.
    cells: Vec<T>,
    trace: Vec<T>,
    stride: usize,
    first: usize,
}

impl<T: Cell> Buffers<T> {
    fn prepare(&mut self, problem: &Problem<'_>, lanes: usize) {
        let (m, n) = (problem.query.len(), problem.window.len());
        let scheme = problem.scheme;
        let code = |code: u8, other: u8| T::from_byte(if code < 4 { code } else { other });
        self.query.clear();
        self.query.resize(PADDING, T::from_byte(UNKNOWN));
        self.query
            .extend(problem.query.iter().map(|&base| code(base, UNKNOWN)));
        self.query.resize(m + 2 * PADDING, T::from_byte(UNKNOWN));
        self.costs.clear();
        self.costs.resize(PADDING, T::ZERO);
        let costs = [scheme.mismatch, scheme.unknown].map(T::from_byte);
        self.costs.extend(
            problem
                .query
                .iter()
                .map(|&base| costs[usize::from(base > 3)]),
        );
        self.costs.resize(m + 2 * PADDING, T::ZERO);
        self.window.clear();
        self.window.resize(m + PADDING, T::from_byte(NOTHING));
        self.window
            .extend(problem.window.iter().rev().map(|&base| code(base, NOTHING)));
        self.window
            .resize(n + 2 * (m + PADDING), T::from_byte(NOTHING));
        let [h0, h1, h2] = &mut self.scores;
        for buffer in [h0, h1, h2] {
            buffer.clear();
            buffer.resize(m + 2 * PADDING, T::ZERO);
            // What an alignment has that begins with the first row.
            buffer[PADDING - 1] = T::from_byte(scheme.end_bonus);
        }
        let ([e0, e1], [f0, f1]) = (&mut self.insertions, &mut self.deletions);
        for buffer in [e0, e1, f0, f1, &mut self.best] {
            buffer.clear();
            buffer.resize(m + 2 * PADDING, T::ZERO);
        }
        self.stride = problem.height().next_multiple_of(lanes);
        let (first, end) = problem.diagonals();
        self.first = first;
        // Every cell that is read is written first.
        let size = (end - first) * self.stride;
        self.cells.resize(self.cells.len().max(size), T::ZERO);
        self.trace.resize(self.trace.len().max(size), T::ZERO);
    }

    /// The best score of a row.
    pub(super) fn best(&self, row: usize) -> T {
        self.best[PADDING + row]
    }

    fn at(&self, problem: &Problem<'_>, row: usize, column: usize) -> Option<usize> {
        let diagonal = row + column;
        let (first, end) = problem.rows(diagonal);
        (first..end)
            .contains(&row)
            .then(|| (diagonal - self.first) * self.stride + row - first)
    }

    /// The score of a cell; zero outside the band.
    pub(super) fn score(&self, problem: &Problem<'_>, row: usize, column: usize) -> T {
        self.at(problem, row, column)
            .map_or(T::ZERO, |at| self.cells[at])
    }

    /// The trace of a cell inside the band.
    pub(super) fn trace(&self, problem: &Problem<'_>, row: usize, column: usize) -> u8 {
        self.at(problem, row, column)
            .map_or(BEGIN, |at| self.trace[at].to_byte())
    }
}

/// Fills `buffers`.
#[inline(always)]
pub(super) fn sweep<V: Lanes>(problem: &Problem<'_>, buffers: &mut Buffers<V::Cell>) {
    const { assert!(V::N <= PADDING) };
    let zero = V::Cell::ZERO;
    buffers.prepare(problem, V::N);
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

/// Costs and trace bits in every lane.
struct Costs<V> {
    matched: V,
    gap_first: V,
    gap_next: V,
    zero: V,
    bits: [V; 5],
}

impl<V: Lanes> Costs<V> {
    #[inline(always)]
    fn new(scheme: &Scheme) -> Self {
        let splat = |byte| V::splat(V::Cell::from_byte(byte));
        Self {
            matched: splat(scheme.matched),
            gap_first: splat(scheme.gap_first),
            gap_next: splat(scheme.gap_next),
            zero: splat(0),
            bits: [
                DELETION,
                INSERTION,
                BEGIN,
                DELETION_GOES_ON,
                INSERTION_GOES_ON,
            ]
            .map(splat),
        }
    }
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
        let same = code.equal(base);
        let straight = same
            .and(before.plus(costs.matched))
            .or(same.without(before.minus(cost)));
        let (e_first, e_next) = (
            above.minus(costs.gap_first),
            above_gap.minus(costs.gap_next),
        );
        let (f_first, f_next) = (left.minus(costs.gap_first), left_gap.minus(costs.gap_next));
        let (insertion, deletion) = (e_first.max(e_next), f_first.max(f_next));
        let most = straight.max(insertion);
        let all = most.max(deletion).and(inside);
        // Bits where one is larger than the other: their difference is not zero.
        let larger = |a: V, b: V, bits: V| a.minus(b).equal(costs.zero).without(bits);
        let deleted = larger(deletion, most, costs.bits[0]);
        let inserted = larger(insertion, straight, costs.bits[1]);
        let source = deleted.or(deleted.equal(costs.zero).and(inserted));
        let trace = source
            .or(before.equal(costs.zero).and(costs.bits[2]))
            .or(larger(f_next, f_first, costs.bits[3]))
            .or(larger(e_next, e_first, costs.bits[4]));
        // SAFETY: as the caller says.
        unsafe {
            all.store(self.h, at);
            insertion.and(inside).store(self.e, at);
            deletion.and(inside).store(self.f, at);
            V::load(self.best, at).max(all).store(self.best, at);
            all.store(self.cells, to);
            trace.store(self.trace, to);
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
