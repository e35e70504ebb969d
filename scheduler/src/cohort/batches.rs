//! What of a cohort is ingested together, and what of it is genotyped.

use std::sync::Arc;

use kumi_proto::v1::{Stage, TaskState};

use crate::cohort::Cohort;
use crate::grid::Cell;
use crate::ledger::Ledger;
use crate::plan::batch::Batch;
use crate::plan::key::{Address, Key};
use crate::plan::keys::genotypes_stay;
use crate::ripple::Ripple;

impl Cohort {
    /// A batch as it is ingested: without samples that were set aside before their gVCF was there. None when nobody
    /// is left.
    pub(crate) fn ingested(&self, batch: u32) -> Option<Arc<Batch>> {
        let whole = &self.layout.batches[batch as usize];
        let rows = &self.layout.batch_rows[batch as usize];
        if !rows.iter().flatten().any(|row| self.is_left_out(*row)) {
            return Some(Arc::clone(whole));
        }
        let members = whole.0.iter().zip(rows);
        let kept = members.filter(|(_, row)| row.is_none_or(|row| !self.is_left_out(row)));
        let kept: Vec<_> = kept.map(|(member, _)| member.clone()).collect();
        (!kept.is_empty()).then(|| Arc::new(Batch(kept)))
    }

    fn is_left_out(&self, row: u32) -> bool {
        self.aside.contains_key(&row) && self.grid(Stage::Gvcf).get(row, 0) != TaskState::Done
    }

    /// Whether of every sample of a batch the gVCF is there, or will not be.
    pub(crate) fn is_settled(&self, batch: u32) -> bool {
        let gvcf = self.grid(Stage::Gvcf);
        let settled =
            |row: &u32| gvcf.get(*row, 0) == TaskState::Done || self.aside.contains_key(row);
        let rows = &self.layout.batch_rows[batch as usize];
        rows.iter().flatten().all(settled)
    }

    /// The address of what is ingested of a batch in a shard.
    pub(super) fn ingest_address(&self, batch: u32, column: u32) -> Address {
        self.ingest_address_of(&self.ingested_key(batch), column)
    }

    /// What a batch is known by as it is ingested.
    pub(super) fn ingested_key(&self, batch: u32) -> Key {
        self.batch_keys[batch as usize].unwrap_or_else(|| self.batch_key(batch))
    }

    pub(crate) fn ingest_address_of(&self, batch: &Key, column: u32) -> Address {
        let key = self.layout.ingest_key(&self.header, batch, column);
        self.layout.address(key)
    }

    fn batch_key(&self, batch: u32) -> Key {
        self.ingested(batch)
            .map_or(Key::default(), |batch| batch.key())
    }

    pub(super) fn advance_batches(&mut self, ledger: &Ledger, ripple: &mut Ripple) {
        for batch in 0..self.grid(Stage::Ingest).rows() {
            self.advance_batch(batch, ledger, ripple);
        }
    }

    /// Brings the tasks of a batch up to date.
    pub(super) fn advance_batch(&mut self, batch: u32, ledger: &Ledger, ripple: &mut Ripple) {
        let settled = self.is_settled(batch);
        if settled {
            self.let_others_go(batch, ledger);
        }
        let somebody = !settled || self.ingested(batch).is_some();
        self.batch_keys[batch as usize] = settled.then(|| self.batch_key(batch));
        for column in 0..self.grid(Stage::Ingest).columns() {
            let cell = Cell {
                stage: Stage::Ingest,
                row: batch,
                column,
            };
            let known = settled && ledger.has(&self.ingest_address(batch, column));
            let to = if somebody {
                self.state(known, settled)
            } else {
                TaskState::Skipped
            };
            self.place(cell, to, ripple);
        }
        let ingest = self.grid(Stage::Ingest);
        let mut columns = 0..ingest.columns();
        if columns.all(|column| ingest.get(batch, column) == TaskState::Done) {
            ripple.ingested.extend(self.ingested(batch));
        }
    }

    /// A batch of the store that must be ingested again, as its files are gone, is so without the samples of others
    /// when their gVCFs are gone too.
    fn let_others_go(&mut self, batch: u32, ledger: &Ledger) {
        let rows = &self.layout.batch_rows[batch as usize];
        let members = self.layout.batches[batch as usize].0.iter().zip(rows);
        let mut others = members.filter(|(_, row)| row.is_none());
        if others.all(|(member, _)| ledger.has(&self.layout.address(member.gvcf))) {
            return;
        }
        let key = self.batch_key(batch);
        let mut columns = 0..self.grid(Stage::Ingest).columns();
        if !columns.all(|column| ledger.has(&self.ingest_address_of(&key, column))) {
            self.layout.reduce(batch);
        }
    }

    /// Whether a shard of every batch was ingested.
    pub(super) fn is_ingested(&self, column: u32) -> bool {
        let ingest = self.grid(Stage::Ingest);
        (0..ingest.rows()).all(|batch| is_there(ingest.get(batch, column)))
    }

    /// The census that a shard of the release is made from, where genotypes stay in the store.
    pub(crate) fn census_of(&self, cell: Cell) -> Option<Cell> {
        let stage = Stage::Census;
        let counted = cell.stage == Stage::Joint && genotypes_stay(&self.header);
        let census = counted.then_some(Cell { stage, ..cell });
        census.filter(|census| self.has(*census))
    }

    /// Samples of a batch, as it was ingested, that are not in the release.
    pub(crate) fn excluded(&self, batch: u32) -> Vec<String> {
        let whole = &self.layout.batches[batch as usize];
        let members = whole.0.iter().zip(&self.layout.batch_rows[batch as usize]);
        let excluded = members.filter(|(_, row)| match row {
            None => true,
            Some(row) => self.aside.contains_key(row) && !self.is_left_out(*row),
        });
        excluded.map(|(member, _)| member.name.clone()).collect()
    }
}

fn is_there(state: TaskState) -> bool {
    matches!(state, TaskState::Done | TaskState::Skipped)
}
