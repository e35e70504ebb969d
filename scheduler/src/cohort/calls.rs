//! The keys of call shards, kept while a row is called: each is looked up when its task is picked, when it is granted,
//! when the gVCF is made of it and when it is forgotten. They follow from the layout; those that are not kept are
//! digested again.

use kumi_proto::v1::Stage;

use crate::cohort::Cohort;
use crate::grid::Cell;
use crate::limits::KEYED_ROWS_MAX;
use crate::plan::key::Key;
use crate::plan::keys;

impl Cohort {
    /// The key of a call task.
    pub(super) fn call_key(&self, cell: Cell) -> Key {
        let kept = self.call_keys.get(&cell.row);
        let kept = kept.and_then(|keys| keys.get(cell.column as usize));
        match kept {
            Some(key) if !self.parts.contains_key(&cell) => *key,
            _ => self.digest_call_key(cell),
        }
    }

    fn digest_call_key(&self, cell: Cell) -> Key {
        let row = cell.row as usize;
        let align = self.layout.align[row].unwrap_or_default();
        let what = (keys::sex(&self.samples[row]), self.regions_digest(cell));
        self.layout.call_key(&self.header, &align, what)
    }

    /// Keeps the keys of a row's planned shards: its alignment is there and its gVCF is not. Rows beyond the limit do
    /// without.
    pub(super) fn keep_call_keys(&mut self, row: u32) {
        if self.call_keys.len() < KEYED_ROWS_MAX && !self.call_keys.contains_key(&row) {
            let align = self.layout.align[row as usize].unwrap_or_default();
            let sex = keys::sex(&self.samples[row as usize]);
            let keys = self.layout.call_keys(&self.header, &align, sex);
            self.call_keys.insert(row, keys);
        }
    }

    /// Asserts that what is kept is what would be digested.
    pub(crate) fn check_call_keys(&self) {
        assert!(self.call_keys.len() <= KEYED_ROWS_MAX);
        for row in self.call_keys.keys().copied() {
            let cells = self.row_cells(Stage::Call, row);
            for cell in cells.filter(|cell| self.has(*cell)) {
                assert_eq!(self.call_key(cell), self.digest_call_key(cell), "{cell:?}");
            }
        }
    }
}
