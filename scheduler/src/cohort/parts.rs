//! Call shards that were split while they ran: what was done stands for itself, the rest became tasks of their own.

use std::collections::BTreeSet;

use kumi_proto::v1::{Region, Stage};

use crate::cohort::{Cohort, Trouble};
use crate::grid::Cell;
use crate::limits::SPLIT_PIECES_MAX;
use crate::plan::key::Key;
use crate::plan::layout;
use crate::plan::region::{self, Costs, Starts};

/// The regions of a call task that are not those its column was planned with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// From how many bases of all regions to how many.
    pub(crate) range: (u64, u64),
    regions: Vec<Region>,
    digest: Key,
}

/// Why the part of a call task that was done is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unsplit {
    /// Shards cannot be parted there.
    Wrong,
    /// Its sample has no room for more tasks.
    Full,
}

impl Cohort {
    /// The regions of a call task.
    pub(crate) fn regions(&self, cell: Cell) -> &[Region] {
        match self.parts.get(&cell) {
            Some(part) => &part.regions,
            None => &self.layout.call[cell.column as usize],
        }
    }

    /// The digest of the regions of a call task.
    pub(super) fn regions_digest(&self, cell: Cell) -> &Key {
        match self.parts.get(&cell) {
            Some(part) => &part.digest,
            None => self.layout.call_digest(cell.column),
        }
    }

    /// From how many bases of all regions a call task goes to how many.
    fn range(&self, cell: Cell) -> (u64, u64) {
        if let Some(part) = self.parts.get(&cell) {
            return part.range;
        }
        let from = self.shards[cell.column as usize];
        (from, from + region::bases(self.regions(cell)))
    }

    /// The planned shard in which a call task lies, with those before and behind it that touch the same bins.
    pub(crate) fn beside(&self, cell: Cell) -> Vec<Region> {
        let (bins, call) = (self.bins(), &self.layout.call);
        let column = self.column_at(self.range(cell).0);
        let ends = |column: usize| {
            let touched = bins.touched(&call[column]);
            touched.first().zip(touched.last()).map(|(a, b)| (a.0, b.0))
        };
        let joined = |before: usize| {
            let (before, behind) = (ends(before), ends(before + 1));
            before.zip(behind).is_some_and(|(a, b)| a.1 == b.0)
        };
        let from = (0..column).rev().take_while(|before| joined(*before));
        let to = (column..call.len() - 1).take_while(|before| joined(*before));
        call[column - from.count()..=column + to.count()].concat()
    }

    /// The call tasks of a row, in the order of the genome.
    pub(crate) fn calls(&self, row: u32) -> Vec<Cell> {
        let cells = self.row_cells(Stage::Call, row);
        let mut cells: Vec<Cell> = cells.filter(|cell| self.has(*cell)).collect();
        cells.sort_by_cached_key(|cell| self.range(*cell));
        cells
    }

    /// Columns of a row in which call tasks may still appear.
    pub(crate) fn spare(&self, row: u32) -> impl Iterator<Item = u32> {
        let grid = self.grid(Stage::Call);
        let planned = self.shards.len() as u32;
        (planned..grid.columns()).filter(move |column| !grid.has(row, *column))
    }

    /// How what follows the first `bases` of a call task is cut into tasks.
    pub(crate) fn rest(
        &self,
        cell: Cell,
        bases: u64,
        costs: &dyn Costs,
    ) -> Result<Starts, Unsplit> {
        let regions = self.regions(cell);
        if cell.stage != Stage::Call || !region::may_be(regions, &[0, bases]) {
            return Err(Unsplit::Wrong);
        }
        let room = self.spare(cell.row).take(SPLIT_PIECES_MAX as usize);
        match room.count() as u64 {
            0 => Err(Unsplit::Full),
            room => {
                let rest = region::part(regions, bases, u64::MAX);
                Ok(region::cut(&rest, room, costs))
            }
        }
    }

    /// The first `bases` of a call task stand for themselves; what follows becomes tasks that begin there
    /// and get as much memory as it was to get.
    pub(crate) fn split(&mut self, cell: Cell, bases: u64, rest: &[u64], now_ms: u64) {
        let (from, to) = self.range(cell);
        let at = from + bases;
        let starts = rest.iter().map(|start| at + start);
        let ends = starts.clone().skip(1).chain([to]);
        let ranges: Vec<(u64, u64)> = starts.zip(ends).collect();
        let columns: Vec<u32> = self.spare(cell.row).collect();
        let trouble = self.troubles.get(&cell);
        let memory_bytes = trouble.map_or(0, |trouble| trouble.memory_bytes);
        for (range, column) in ranges.into_iter().zip(columns) {
            self.grid_mut(Stage::Call).appear(cell.row, column);
            let piece = Cell { column, ..cell };
            self.enter_part(piece, range);
            if memory_bytes > 0 {
                let trouble = Trouble {
                    memory_bytes,
                    since_ms: now_ms,
                    ..Trouble::default()
                };
                self.troubles.insert(piece, trouble);
            }
        }
        self.enter_part(cell, (from, at));
    }

    /// The planned shard in which a base of all regions lies.
    fn column_at(&self, base: u64) -> usize {
        self.shards.partition_point(|start| *start <= base) - 1
    }

    /// A call task goes from there to there, in bases of all regions: within one shard as it was planned.
    pub(crate) fn enter_part(&mut self, cell: Cell, range: (u64, u64)) {
        let column = self.column_at(range.0);
        let before = self.shards[column];
        let planned = &self.layout.call[column];
        let regions = region::part(planned, range.0 - before, range.1 - before);
        let digest = layout::digest(&regions);
        let part = Part {
            range,
            regions,
            digest,
        };
        self.parts.insert(cell, part);
    }

    /// Whether the call tasks of rows with split shards are all regions, each once, and where they may be parted.
    pub(crate) fn parts_are_sound(&self) -> bool {
        let rows: BTreeSet<u32> = self.parts.keys().map(|cell| cell.row).collect();
        let all = self.layout.call.concat();
        rows.into_iter().all(|row| {
            let ranges: Vec<(u64, u64)> = self.calls(row).iter().map(|c| self.range(*c)).collect();
            let starts: Vec<u64> = ranges.iter().map(|range| range.0).collect();
            let ends = starts.iter().copied().skip(1).chain([region::bases(&all)]);
            let joined = ranges.iter().zip(ends).all(|(range, next)| range.1 == next);
            joined && region::may_be(&all, &starts)
        }) && self.parts.values().all(|part| {
            let (from, to) = part.range;
            from < to && region::bases(&part.regions) == to - from
        })
    }
}
