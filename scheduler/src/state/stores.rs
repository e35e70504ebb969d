//! The cohort stores: which batches were ingested and counted, and who has withdrawn.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kumi_proto::v1;

use crate::plan::batch::{Batch, Member};
use crate::plan::key::{CohortPlace, Key};
use crate::plan::layout::Layout;
use crate::state::Sum;

/// The batches of one cohort and one way to cut its reference into shards.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Store {
    /// By a number that grows.
    batches: BTreeMap<u64, Arc<Batch>>,
    /// The latest batch with a gVCF.
    holding: BTreeMap<Key, u64>,
    /// What censuses are the sums of, the oldest first: all that were ever made, since a purge must find them.
    sums: Vec<Sum>,
}

/// That a sample is not to be in any release any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Withdrawal {
    pub(crate) at_ms: u64,
    /// When what there was of it was removed; 0: it was not.
    pub(crate) purged_ms: u64,
    pub(crate) reason: String,
}

/// The stores and the withdrawals of all cohorts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Stores {
    /// By [`Layout::store_key`].
    pub(crate) stores: BTreeMap<Key, Store>,
    pub(crate) withdrawn: BTreeMap<CohortPlace, BTreeMap<String, Withdrawal>>,
}

impl Store {
    /// Enters a batch of which every shard was ingested. Batches of which other ones hold every gVCF are forgotten.
    pub(crate) fn enter(&mut self, batch: &Arc<Batch>) {
        if self.batches.values().any(|known| known == batch) {
            return;
        }
        let last = self.batches.last_key_value();
        let number = last.map_or(1, |(number, _)| number + 1);
        let members = batch.0.iter();
        let before = members.map(|member| self.holding.insert(member.gvcf, number));
        let before: BTreeSet<u64> = before.flatten().collect();
        self.batches.insert(number, Arc::clone(batch));
        for before in before {
            let batch = self.batches.get(&before);
            let held = |member: &Member| self.holding.get(&member.gvcf) == Some(&before);
            if batch.is_some_and(|batch| !batch.0.iter().any(held)) {
                self.batches.remove(&before);
            }
        }
    }

    /// Forgets batches, by key.
    pub(crate) fn leave(&mut self, keys: &[Key]) {
        let batches = std::mem::take(&mut self.batches).into_values();
        self.holding.clear();
        for batch in batches.filter(|batch| !keys.contains(&batch.key())) {
            self.enter(&batch);
        }
    }

    /// Whether it is known what a census is the sum of.
    pub(crate) fn has_sum(&self, base: &Key) -> bool {
        self.sums.iter().any(|sum| sum.base == *base)
    }

    /// Enters what a census is the sum of, which is not known yet.
    pub(crate) fn enter_sum(&mut self, sum: Sum) {
        self.sums.push(sum);
    }

    /// Forgets censuses that count one of these samples; what others are the sums of was written again without them.
    pub(crate) fn purge_sums(&mut self, samples: &[String]) {
        let sums = std::mem::take(&mut self.sums).into_iter();
        self.sums = sums.filter_map(|sum| sum.without(samples)).collect();
    }

    /// What censuses are the sums of, the oldest first.
    pub(crate) fn sums(&self) -> &[Sum] {
        &self.sums
    }

    /// The batches, the oldest first.
    pub(crate) fn batches(&self) -> impl Iterator<Item = &Arc<Batch>> {
        self.batches.values()
    }

    /// The batch that holds a gVCF.
    fn holding(&self, gvcf: &Key) -> Option<(u64, &Arc<Batch>)> {
        let number = self.holding.get(gvcf)?;
        Some((*number, &self.batches[number]))
    }
}

impl Stores {
    /// The batches that a cohort is genotyped from: those that hold its gVCFs already, the oldest first, and new ones of
    /// the rest, in the order of names.
    pub(crate) fn batches(
        &self,
        header: &v1::CohortHeader,
        samples: &[v1::Sample],
        layout: &Layout,
    ) -> Vec<Arc<Batch>> {
        let store = self.stores.get(&layout.store_key(header));
        let mut known = BTreeMap::new();
        let mut rest = Vec::new();
        for row in &layout.by_name {
            let gvcf = layout.gvcf[*row as usize];
            match store.and_then(|store| store.holding(&gvcf)) {
                Some((number, batch)) => {
                    known.insert(number, Arc::clone(batch));
                }
                None => rest.push(Member {
                    name: samples[*row as usize].name.clone(),
                    gvcf,
                }),
            }
        }
        let params = header.params.as_ref();
        let rest = Batch::parted(rest, params.map_or(0, |params| params.batch_samples));
        let known = known.into_values();
        known.chain(rest.into_iter().map(Arc::new)).collect()
    }

    /// Who has withdrawn from a cohort.
    pub(crate) fn withdrawal(&self, place: &CohortPlace, sample: &str) -> Option<&Withdrawal> {
        self.withdrawn.get(place)?.get(sample)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Store;
    use crate::plan::batch::{Batch, Member};

    fn batch(gvcfs: &[u8]) -> Arc<Batch> {
        let member = |gvcf: &u8| Member {
            name: format!("s{gvcf}"),
            gvcf: [*gvcf; 32],
        };
        Arc::new(Batch(gvcfs.iter().map(member).collect()))
    }

    #[test]
    fn a_batch_is_forgotten_when_others_hold_all_of_it() {
        let mut store = Store::default();
        store.enter(&batch(&[1, 2]));
        store.enter(&batch(&[2, 3]));
        assert_eq!(store.batches().count(), 2, "the first still holds 1");
        assert_eq!(
            store.holding(&[2; 32]).map(|(_, held)| held),
            Some(&batch(&[2, 3]))
        );
        for _ in 0..2 {
            store.enter(&batch(&[1]));
            let batches: Vec<_> = store.batches().cloned().collect();
            assert_eq!(batches, [batch(&[2, 3]), batch(&[1])]);
        }
    }
}
