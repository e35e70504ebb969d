//! A cohort that is opened to leave no trace of samples that have withdrawn.

use std::collections::BTreeMap;

use kumi_proto::v1::{Stage, TaskState};

use crate::cohort::Cohort;
use crate::grid::Cell;
use crate::ledger::Ledger;
use crate::plan::key::{Address, Chain, Key};
use crate::ripple::Ripple;

/// What goes with samples that have withdrawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Purge {
    /// Names, in order.
    pub(crate) samples: Vec<String>,
    /// The key of the batch that a batch, by its number, is written from.
    pub(crate) sources: BTreeMap<u32, Key>,
    /// What is removed, below the root.
    pub(crate) directories: Vec<String>,
    /// What of them stays since another cohort uses it, below the root.
    pub(crate) kept: Vec<String>,
    /// Results that are not known any more then.
    pub(crate) forget: Vec<Address>,
    /// Batches, by key, that are not of the store any more then.
    pub(crate) batches: Vec<Key>,
}

pub(super) const PURGE: Cell = Cell {
    stage: Stage::Purge,
    row: 0,
    column: 0,
};

impl Cohort {
    /// The key of what a purge leaves behind: each has its own.
    pub(super) fn purge_key(&self) -> Key {
        let samples = self.purge.iter().flat_map(|purge| &purge.samples);
        let chain = Chain::new("purge").number(self.id);
        samples.fold(chain, |chain, name| chain.text(name)).finish()
    }

    /// The last thing that is done: when everything else was written without the samples.
    pub(super) fn advance_purge(&mut self, ledger: &Ledger, ripple: &mut Ripple) {
        if self.has(PURGE) {
            let known = ledger.has(&self.address(PURGE));
            let released = self.grid(Stage::Release).count(TaskState::Done) == 1;
            let written = released && self.grid(Stage::Ingest).unfinished() == 0;
            let to = self.state(known, written);
            self.place(PURGE, to, ripple);
        }
    }

    /// Where what a batch is written from in a shard is known.
    pub(crate) fn source(&self, batch: u32, column: u32) -> Option<Address> {
        let key = self.purge.as_ref()?.sources.get(&batch)?;
        Some(self.ingest_address_of(key, column))
    }
}
