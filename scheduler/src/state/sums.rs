//! What censuses are the sums of: another one begins from there, and a purge finds those that count a sample.

use std::collections::BTreeMap;
use std::sync::Arc;

use kumi_proto::specs::CENSUS_BASE;
use kumi_proto::v1::Stage;

use crate::cohort::{Cohort, Counted};
use crate::plan::batch::Batch;
use crate::plan::key::Key;
use crate::state::{Lease, State, Store};
use crate::version::KEPT_SUMS;

/// The batches that the census of a release is the sum of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sum {
    /// What the addresses of its shards follow from: [`crate::plan::layout::ReleaseKeys`].
    pub(crate) base: Key,
    /// By key.
    pub(crate) parts: BTreeMap<Key, Part>,
}

/// A batch of which somebody was counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) batch: Arc<Batch>,
    /// Who was not, in the order of names.
    pub(crate) excluded: Vec<String>,
}

impl Sum {
    /// What the census of a cohort is the sum of now.
    pub(crate) fn of(cohort: &Cohort) -> Self {
        let counted = cohort.counted().into_iter();
        let part = |counted: Counted| {
            let Counted {
                key,
                batch,
                excluded,
            } = counted;
            (key, Part { batch, excluded })
        };
        Self {
            base: cohort.release_keys().base,
            parts: counted
                .filter(|batch| !batch.is_nobody())
                .map(part)
                .collect(),
        }
    }

    /// Whether a sample is counted.
    pub(crate) fn counts(&self, sample: &str) -> bool {
        self.parts.values().any(|part| part.counts(sample))
    }

    /// The same of batches that were written again without samples; none when it counts one of them.
    pub(crate) fn without(&self, samples: &[String]) -> Option<Self> {
        if samples.iter().any(|sample| self.counts(sample)) {
            return None;
        }
        let parts = self.parts.iter();
        let parts: BTreeMap<Key, Part> = parts
            .map(|(key, part)| part.without(samples).unwrap_or((*key, part.clone())))
            .collect();
        let base = self.base;
        (parts.len() == self.parts.len()).then_some(Self { base, parts })
    }
}

impl Part {
    fn counts(&self, sample: &str) -> bool {
        let members = &self.batch.0;
        let found = members.binary_search_by(|member| member.name.as_str().cmp(sample));
        found.is_ok() && !is_among(&self.excluded, sample)
    }

    /// Without samples that are in the batch and were not counted; none when they are not.
    fn without(&self, samples: &[String]) -> Option<(Key, Self)> {
        let is_left = |name: &str| !samples.iter().any(|sample| sample == name);
        let members = self.batch.0.iter();
        let left = members.filter(|member| is_left(&member.name));
        let batch = Batch(left.cloned().collect());
        if batch.0.len() == self.batch.0.len() {
            return None;
        }
        let excluded = self.excluded.iter().filter(|name| is_left(name));
        let part = Self {
            excluded: excluded.cloned().collect(),
            batch: Arc::new(batch),
        };
        Some((part.batch.key(), part))
    }

    /// Who is left out now and was counted; none when somebody was not counted and is not left out now.
    pub(crate) fn withdrawn(&self, excluded: &[String]) -> Option<Vec<String>> {
        let kept = self.excluded.iter().all(|name| is_among(excluded, name));
        let withdrawn = excluded.iter();
        let withdrawn = withdrawn.filter(|name| !is_among(&self.excluded, name));
        kept.then(|| withdrawn.cloned().collect())
    }
}

impl State {
    /// Keeps what a census that begins is the sum of. Whatever becomes of the attempt, it may leave files, which a purge
    /// must find.
    pub(super) fn note_sum(&mut self, cohort: u64) {
        if self.version < KEPT_SUMS {
            return;
        }
        let cohort = &self.cohorts[&cohort];
        let store = cohort.layout.store_key(&cohort.header);
        let store = self.stores.stores.entry(store).or_default();
        if !store.has_sum(&cohort.release_keys().base) {
            store.enter_sum(Sum::of(cohort));
        }
    }

    /// What a census may begin from. After an attempt that failed all batches are added up: what it began from can be at
    /// fault.
    pub(super) fn sums_for(&self, lease: &Lease, specs: u32) -> &[Sum] {
        let cohort = &self.cohorts[&lease.cohort];
        let begins = lease.cell.stage == Stage::Census && specs >= CENSUS_BASE;
        if !begins || cohort.has_failed(lease.cell) {
            return &[];
        }
        let store = cohort.layout.store_key(&cohort.header);
        let store = self.stores.stores.get(&store);
        store.map_or(&[], Store::sums)
    }
}

/// Whether a name is among others in their order.
fn is_among(names: &[String], name: &str) -> bool {
    names
        .binary_search_by(|other| other.as_str().cmp(name))
        .is_ok()
}
