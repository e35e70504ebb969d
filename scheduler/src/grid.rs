//! The tasks of one stage: rows by columns, a byte each. There are no task records.

use kumi_proto::v1::{Stage, TaskState};

use crate::bits::Bits;

/// A task of a cohort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cell {
    pub(crate) stage: Stage,
    pub(crate) row: u32,
    pub(crate) column: u32,
}

const STATES: usize = 9;

/// The states of a stage's tasks, how many are in each, and the ready ones in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    columns: u32,
    /// [`TaskState`] as a byte, row after row; 0 (unspecified) where there is no task.
    cells: Vec<u8>,
    counts: [u64; STATES],
    /// Tasks of each row whose result is not there.
    open: Vec<u32>,
    ready: Bits,
    /// When a row last became ready, Unix milliseconds.
    ready_ms: Vec<u64>,
}

impl Grid {
    /// A grid of waiting tasks, of which each row has its first `tasks_of(row)`.
    pub(crate) fn new((rows, columns): (u32, u32), tasks_of: impl Fn(u32) -> u32) -> Self {
        let size = rows as usize * columns as usize;
        let mut cells = Vec::with_capacity(size);
        for row in 0..rows {
            let end = cells.len() + columns as usize;
            let tasks = tasks_of(row).min(columns) as usize;
            cells.resize(cells.len() + tasks, TaskState::Waiting as u8);
            cells.resize(end, TaskState::Unspecified as u8);
        }
        Self::of(columns, cells, vec![0; rows as usize])
            .expect("waiting and absent tasks are well-formed")
    }

    /// The grid of stored cells; none when they are no such grid.
    pub(crate) fn of(columns: u32, cells: Vec<u8>, ready_ms: Vec<u64>) -> Option<Self> {
        if cells.len() != ready_ms.len() * columns as usize {
            return None;
        }
        let mut grid = Self {
            columns,
            counts: [0; STATES],
            open: vec![0; ready_ms.len()],
            ready: Bits::new(cells.len()),
            cells,
            ready_ms,
        };
        let rows = grid.cells.chunks_exact((columns as usize).max(1));
        for (row, cells) in rows.enumerate() {
            for (column, cell) in cells.iter().enumerate() {
                let state = TaskState::try_from(i32::from(*cell)).ok()?;
                grid.counts[state as usize] += 1;
                grid.open[row] += u32::from(is_open(state));
                if state == TaskState::Ready {
                    grid.ready.insert(row * columns as usize + column);
                }
            }
        }
        Some(grid)
    }

    fn at(&self, row: u32, column: u32) -> usize {
        row as usize * self.columns as usize + column as usize
    }

    pub(crate) fn rows(&self) -> u32 {
        u32::try_from(self.open.len()).expect("rows are numbered by u32")
    }

    pub(crate) fn columns(&self) -> u32 {
        self.columns
    }

    pub(crate) fn has(&self, row: u32, column: u32) -> bool {
        row < self.rows()
            && column < self.columns
            && self.get(row, column) != TaskState::Unspecified
    }

    pub(crate) fn get(&self, row: u32, column: u32) -> TaskState {
        TaskState::try_from(i32::from(self.cells[self.at(row, column)])).unwrap_or_default()
    }

    pub(crate) fn set(&mut self, row: u32, column: u32, to: TaskState, now_ms: u64) {
        let at = self.at(row, column);
        let from = self.get(row, column);
        debug_assert_ne!(from, TaskState::Unspecified, "there is no such task");
        self.cells[at] = to as u8;
        self.counts[from as usize] -= 1;
        self.counts[to as usize] += 1;
        let open = &mut self.open[row as usize];
        *open = *open + u32::from(is_open(to)) - u32::from(is_open(from));
        match (from == TaskState::Ready, to == TaskState::Ready) {
            (false, true) => {
                self.ready.insert(at);
                self.ready_ms[row as usize] = now_ms;
            }
            (true, false) => self.ready.remove(at),
            _ => {}
        }
    }

    /// A task appears where there was none, and waits.
    pub(crate) fn appear(&mut self, row: u32, column: u32) {
        let at = self.at(row, column);
        debug_assert_eq!(self.get(row, column), TaskState::Unspecified);
        self.cells[at] = TaskState::Waiting as u8;
        self.counts[TaskState::Unspecified as usize] -= 1;
        self.counts[TaskState::Waiting as usize] += 1;
        self.open[row as usize] += 1;
    }

    /// How many tasks are in a state.
    pub(crate) fn count(&self, state: TaskState) -> u64 {
        self.counts[state as usize]
    }

    /// How many tasks there are.
    pub(crate) fn tasks(&self) -> u64 {
        self.counts[1..].iter().sum()
    }

    /// Tasks that will run or are running.
    pub(crate) fn unfinished(&self) -> u64 {
        [TaskState::Waiting, TaskState::Ready, TaskState::Running]
            .into_iter()
            .map(|state| self.count(state))
            .sum()
    }

    /// Tasks of a row whose result is not there.
    pub(crate) fn open(&self, row: u32) -> u32 {
        self.open[row as usize]
    }

    pub(crate) fn ready_ms(&self, row: u32) -> u64 {
        self.ready_ms[row as usize]
    }

    /// The ready tasks, as (row, column), row after row.
    pub(crate) fn ready(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let columns = self.columns as usize;
        let place = |at| u32::try_from(at).expect("rows and columns are numbered by u32");
        self.ready
            .iter()
            .map(move |at| (place(at / columns), place(at % columns)))
    }

    /// The ready tasks of a row that may not be there.
    pub(crate) fn ready_of(&self, row: u32) -> impl Iterator<Item = (u32, u32)> + '_ {
        let columns = self.columns as usize;
        let first = row as usize * columns;
        let place = |at| u32::try_from(at).expect("columns are numbered by u32");
        let ready = self.ready.iter_from(first);
        let own = ready.take_while(move |at| *at < first + columns);
        own.map(move |at| (row, place(at - first)))
    }

    pub(crate) fn cells(&self) -> &[u8] {
        &self.cells
    }

    pub(crate) fn ready_times(&self) -> &[u64] {
        &self.ready_ms
    }

    /// Bytes held.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        // The summaries of the ready bits are a 64th of them.
        self.cells.len() + self.cells.len() / 7 + self.open.len() * 4 + self.ready_ms.len() * 8
    }

    /// Walks the invariants.
    pub(crate) fn check(&self) {
        let again = Self::of(self.columns, self.cells.clone(), self.ready_ms.clone());
        assert_eq!(again.as_ref(), Some(self), "counts follow from cells");
    }
}

/// Whether a task's result is not there (absent tasks have none to wait for).
fn is_open(state: TaskState) -> bool {
    !matches!(
        state,
        TaskState::Unspecified | TaskState::Done | TaskState::Skipped
    )
}

#[cfg(test)]
mod tests {
    use kumi_proto::v1::TaskState;

    use super::Grid;

    #[test]
    fn a_million_tasks_are_less_than_two_megabytes() {
        let mut grid = Grid::new((25_000, 40), |_| 40);
        assert_eq!(grid.tasks(), 1_000_000);
        for row in 0..25_000 {
            grid.set(row, row % 40, TaskState::Ready, 1);
        }
        assert!(grid.bytes() < 2_000_000, "{}", grid.bytes());
        assert_eq!(grid.ready().count(), 25_000);
        assert_eq!(grid.ready().nth(41), Some((41, 1)));
    }
}
