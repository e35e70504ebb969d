//! What is to be aligned, and the memory that takes.

use crate::banded::Scheme;
use crate::banded::cell::Cell;

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
/// Code of an unknown window base.
const NOTHING: u8 = 255;
/// Code of what stands before and behind the query.
pub(super) const NO_ROW: u8 = 252;
/// Code of what stands before and behind the window.
pub(super) const NO_COLUMN: u8 = 253;
/// Rows of padding at either side of every buffer: no vector is longer.
pub(super) const PADDING: usize = 64;

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
        let first = (d - n + 1).max(self.base(d)).max(0);
        let last = d.min((d - self.band.0) >> 1).min(m - 1);
        if first > last {
            (0, 0)
        } else {
            (first as usize, last as usize + 1)
        }
    }

    /// The first row of the band on an anti-diagonal, also outside the matrix.
    #[inline]
    pub(super) fn base(&self, diagonal: i64) -> i64 {
        (diagonal + 1 - self.band.1) >> 1
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
    pub(super) query: Vec<T>,
    pub(super) costs: Vec<T>,
    /// The window backwards, behind `m + PADDING` bases that are outside.
    pub(super) window: Vec<T>,
    pub(super) scores: [Vec<T>; 3],
    pub(super) insertions: [Vec<T>; 2],
    pub(super) deletions: [Vec<T>; 2],
    /// The best score of each row.
    pub(super) best: Vec<T>,
    /// All scores and where they come from, an anti-diagonal after the other, from its first row on.
    pub(super) cells: Vec<T>,
    pub(super) trace: Vec<T>,
    /// Cells of an anti-diagonal.
    pub(super) stride: usize,
    first: usize,
    /// Rows of an anti-diagonal stand from the first of the band on, also where that lies outside the matrix.
    pub(super) narrow: bool,
}

impl<T: Cell> Buffers<T> {
    /// Makes room, and puts query and window where a sweep finds them. The rest of what a row needs is made when it
    /// is not `narrow`.
    pub(super) fn prepare(&mut self, problem: &Problem<'_>, lanes: usize, narrow: bool) {
        let (m, n) = (problem.query.len(), problem.window.len());
        let scheme = problem.scheme;
        let code = |code: u8, other: u8| T::from_byte(if code < 4 { code } else { other });
        self.query.clear();
        self.query.resize(PADDING, T::from_byte(NO_ROW));
        self.query
            .extend(problem.query.iter().map(|&base| code(base, UNKNOWN)));
        self.query.resize(m + 2 * PADDING, T::from_byte(NO_ROW));
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
        self.window.resize(m + PADDING, T::from_byte(NO_COLUMN));
        self.window
            .extend(problem.window.iter().rev().map(|&base| code(base, NOTHING)));
        self.window
            .resize(n + 2 * (m + PADDING), T::from_byte(NO_COLUMN));
        self.best.clear();
        self.best.resize(m + 2 * PADDING, T::ZERO);
        if !narrow {
            self.rows(m, T::from_byte(scheme.end_bonus));
        }
        self.narrow = narrow;
        self.stride = if narrow {
            lanes
        } else {
            problem.height().next_multiple_of(lanes)
        };
        let (first, end) = problem.diagonals();
        self.first = first;
        // Every cell that is read is written first.
        let size = (end - first) * self.stride;
        self.cells.resize(self.cells.len().max(size), T::ZERO);
        self.trace.resize(self.trace.len().max(size), T::ZERO);
    }

    /// Empty scores of `m` rows; an alignment that begins with the first row has a `bonus`.
    fn rows(&mut self, m: usize, bonus: T) {
        for buffer in &mut self.scores {
            buffer.clear();
            buffer.resize(m + 2 * PADDING, T::ZERO);
            buffer[PADDING - 1] = bonus;
        }
        for buffer in self.insertions.iter_mut().chain(&mut self.deletions) {
            buffer.clear();
            buffer.resize(m + 2 * PADDING, T::ZERO);
        }
    }

    /// The best score of a row.
    pub(super) fn best(&self, row: usize) -> T {
        self.best[PADDING + row]
    }

    fn at(&self, problem: &Problem<'_>, row: usize, column: usize) -> Option<usize> {
        let diagonal = row + column;
        let from = (diagonal - self.first) * self.stride;
        if self.narrow {
            let lane = row as i64 - problem.base(diagonal as i64);
            let inside = (problem.band.0..=problem.band.1).contains(&(column as i64 - row as i64));
            return inside.then(|| from + lane as usize);
        }
        let (first, end) = problem.rows(diagonal);
        (first..end).contains(&row).then(|| from + row - first)
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
