//! What there is of samples that have withdrawn from a cohort.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kumi_proto::v1::Stage;

use crate::cohort::{BY_SAMPLE, Cohort, Purge};
use crate::grid::Cell;
use crate::plan::batch::Batch;
use crate::plan::directory;
use crate::plan::key::{Address, CohortPlace, Key};
use crate::plan::layout::ReleaseKeys;
use crate::state::{State, Store};
use crate::version::FANNED_OUT;

/// Collected over all cohorts of a place, whatever became of them.
pub(super) struct Traces {
    samples: BTreeSet<String>,
    directories: BTreeSet<String>,
    kept: BTreeSet<String>,
    forget: BTreeSet<Address>,
    batches: BTreeSet<Key>,
}

impl Traces {
    /// What there is of `samples`.
    pub(super) fn of(state: &State, place: &CohortPlace, samples: BTreeSet<String>) -> Self {
        let mut traces = Self {
            samples,
            directories: BTreeSet::new(),
            kept: BTreeSet::new(),
            forget: BTreeSet::new(),
            batches: BTreeSet::new(),
        };
        for id in state.at_place(place) {
            let cohort = &state.cohorts[&id];
            for name in traces.samples.clone() {
                if let Some(row) = cohort.row_of(&name) {
                    traces.add_row(state, place, (cohort, row));
                }
            }
            traces.add_batches(state, cohort);
            traces.add_release(state, cohort);
            traces.add_sums(state, cohort);
        }
        traces
    }

    /// What was made of a sample alone.
    fn add_row(&mut self, state: &State, place: &CohortPlace, (cohort, row): (&Cohort, u32)) {
        let places = directory::sample_directories(cohort, row);
        let directories = known_in(state, places);
        if is_used_elsewhere(state, place, (cohort, row)) {
            self.kept.extend(directories);
            return;
        }
        self.directories.extend(directories);
        for stage in BY_SAMPLE {
            let columns = 0..cohort.grid(stage).columns();
            let cells = columns.map(|column| Cell { stage, row, column });
            for cell in cells.filter(|cell| cohort.has(*cell)) {
                self.add(cohort, cell);
            }
        }
        // Where shards were before they were split: parts lie beside.
        self.directories
            .extend(directory::whole_shards(cohort, row));
    }

    fn add(&mut self, cohort: &Cohort, cell: Cell) {
        self.forget.insert(cohort.address(cell));
        self.directories.insert(directory::directory(cohort, cell));
    }

    /// What was ingested of batches with one of the samples.
    fn add_batches(&mut self, state: &State, cohort: &Cohort) {
        let own = 0..cohort.grid(Stage::Ingest).rows();
        let own = own.filter_map(|batch| cohort.ingested(batch));
        let store = state
            .stores
            .stores
            .get(&cohort.layout.store_key(&cohort.header));
        let stored = store.into_iter().flat_map(|store| store.batches().cloned());
        let batches = own.chain(stored).filter(|batch| self.is_in(batch));
        for batch in batches.collect::<Vec<_>>() {
            let key = batch.key();
            self.batches.insert(key);
            for column in 0..cohort.grid(Stage::Ingest).columns() {
                let address = cohort.ingest_address_of(&key, column);
                self.forget.insert(address);
                let places = directory::store_directories(&cohort.header, &address.key);
                self.directories.extend(known_in(state, places));
            }
        }
    }

    fn is_in(&self, batch: &Batch) -> bool {
        batch
            .0
            .iter()
            .any(|member| self.samples.contains(&member.name))
    }

    /// What was released with one of the samples in it.
    fn add_release(&mut self, state: &State, cohort: &Cohort) {
        let mut included = cohort.included();
        let name = |row: u32| &cohort.samples[row as usize].name;
        if included.any(|row| self.samples.contains(name(row))) {
            self.add_shards(state, cohort, &cohort.release_keys());
        }
    }

    /// What was made of censuses that count one of the samples, of whatever composition the cohort once had.
    fn add_sums(&mut self, state: &State, cohort: &Cohort) {
        let store = cohort.layout.store_key(&cohort.header);
        let sums = state.stores.stores.get(&store).map_or(&[][..], Store::sums);
        let samples = self.samples.clone();
        for sum in sums
            .iter()
            .filter(|sum| samples.iter().any(|name| sum.counts(name)))
        {
            let keys = cohort.layout.release_keys_of(&cohort.header, sum.base);
            self.add_shards(state, cohort, &keys);
        }
    }

    /// A release, and what it was made of.
    fn add_shards(&mut self, state: &State, cohort: &Cohort, keys: &ReleaseKeys) {
        for stage in [Stage::Census, Stage::Joint, Stage::Release] {
            let (row, columns) = (0, cohort.grid(stage).columns());
            for cell in (0..columns).map(|column| Cell { stage, row, column }) {
                let address = cohort.address_in(keys, cell);
                self.forget.insert(address);
                if stage == Stage::Census {
                    let places = directory::census_directories(&cohort.header, &address.key);
                    self.directories.extend(known_in(state, places));
                } else {
                    let directory = directory::directory_in(cohort, keys, cell);
                    self.directories.insert(directory);
                }
            }
        }
    }

    /// Takes the samples out of the batches that a cohort is genotyped from; which of them are written from which others.
    pub(super) fn purge(self, batches: &mut [Arc<Batch>]) -> Purge {
        let mut sources = BTreeMap::new();
        for (number, batch) in (0..).zip(batches) {
            if self.is_in(batch) {
                sources.insert(number, batch.key());
                let members = batch.0.iter();
                let kept = members.filter(|member| !self.samples.contains(&member.name));
                *batch = Arc::new(Batch(kept.cloned().collect()));
            }
        }
        Purge {
            samples: self.samples.into_iter().collect(),
            sources,
            directories: self.directories.into_iter().collect(),
            kept: self.kept.into_iter().collect(),
            forget: self.forget.into_iter().collect(),
            batches: self.batches.into_iter().collect(),
        }
    }
}

/// Of where something may have been published, without and with digits before it, those that the version in force knows.
fn known_in(state: &State, [flat, fanned]: [String; 2]) -> impl Iterator<Item = String> {
    let knows = state.version >= FANNED_OUT;
    std::iter::once(flat).chain(knows.then_some(fanned))
}

/// Whether a cohort of another name and the same programme uses what was made of a sample: one that runs, or from which
/// the sample has not withdrawn.
fn is_used_elsewhere(state: &State, place: &CohortPlace, (cohort, row): (&Cohort, u32)) -> bool {
    let name = &cohort.samples[row as usize].name;
    let others = state.cohorts.values();
    others
        .filter(|other| {
            let at = other.layout.cohort_place(&other.header);
            let uses = || other.is_running() || state.stores.withdrawal(&at, name).is_none();
            at.0 == place.0 && at.1 != place.1 && uses()
        })
        .any(|other| {
            let keys = |cohort: &Cohort, row: u32| {
                let layout = &cohort.layout;
                (layout.align[row as usize], layout.gvcf[row as usize])
            };
            let (align, gvcf) = keys(cohort, row);
            let same = |at: u32| {
                let (other_align, other_gvcf) = keys(other, at);
                gvcf == other_gvcf || align.is_some() && align == other_align
            };
            other.row_of(name).is_some_and(same)
        })
}
