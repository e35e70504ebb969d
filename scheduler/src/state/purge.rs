//! A cohort is opened again to leave no trace of samples that have withdrawn.

use std::collections::BTreeSet;

use kumi_proto::ids::CohortId;
use kumi_proto::v1;

use crate::cohort::{Cohort, Purge};
use crate::outcome::{Outcome, Rejection};
use crate::plan::key::{Address, CohortPlace, Key};
use crate::plan::validate_in;
use crate::state::State;
use crate::state::traces::Traces;

impl State {
    /// Opens a cohort again that removes what there is of those who have withdrawn: the ones named, or all of whom that
    /// was not done.
    pub(super) fn purge(&mut self, purge: &v1::Purge) -> Result<Outcome, Rejection> {
        let place = self.cohort_place(purge.cohort)?;
        let running = self
            .at_place(&place)
            .find(|id| self.cohorts[id].is_running());
        if let Some(running) = running {
            return Err(Rejection::CohortRuns {
                cohort: CohortId(running),
            });
        }
        let samples = self.to_purge(&place, purge)?;
        let traces = Traces::of(self, &place, samples);
        let open = self.again(purge.cohort, &purge.request_id)?;
        let header = open.header.unwrap_or_default();
        validate_in(self.version, &header, &open.samples).map_err(Rejection::InvalidCohort)?;
        self.enter(header, open.samples, Some(traces))
    }

    /// The cohort that removes what another at this place, or one that uses these results, would build on.
    pub(super) fn purging(&self, place: &CohortPlace, used: &[Address]) -> Option<u64> {
        let running = self
            .derived
            .queue
            .iter()
            .map(|(_, _, id)| &self.cohorts[id]);
        let mut purges = running.filter_map(|cohort| Some((cohort, cohort.purge.as_ref()?)));
        let uses = |(cohort, purge): &(&Cohort, &Purge)| {
            cohort.layout.cohort_place(&cohort.header) == *place
                || used
                    .iter()
                    .any(|address| purge.forget.binary_search(address).is_ok())
        };
        purges.find(uses).map(|(cohort, _)| cohort.id)
    }

    /// Refuses to change a cohort while another removes what it builds on.
    pub(super) fn refuse_beside_purge(&self, id: u64) -> Result<(), Rejection> {
        let place = self.cohort_place(id)?;
        match self.purging(&place, &self.cohorts[&id].layout.lasting()) {
            Some(purging) if purging != id => Err(Rejection::CohortRuns {
                cohort: CohortId(purging),
            }),
            _ => Ok(()),
        }
    }

    /// The stores of the cohorts at a place.
    pub(super) fn stores_at<'a>(
        &'a self,
        place: &'a CohortPlace,
    ) -> impl Iterator<Item = Key> + 'a {
        let cohorts = self.at_place(place).map(|id| &self.cohorts[&id]);
        cohorts.map(|cohort| cohort.layout.store_key(&cohort.header))
    }

    fn to_purge(
        &self,
        place: &CohortPlace,
        purge: &v1::Purge,
    ) -> Result<BTreeSet<String>, Rejection> {
        let withdrawn = self.stores.withdrawn.get(place);
        let withdrawn = withdrawn.into_iter().flatten();
        let left = withdrawn.filter(|(_, withdrawal)| withdrawal.purged_ms == 0);
        let left: BTreeSet<String> = left.map(|(name, _)| name.clone()).collect();
        let named: BTreeSet<String> = purge.samples.iter().cloned().collect();
        match named.difference(&left).next() {
            Some(sample) => Err(Rejection::NothingToPurge {
                cohort: CohortId(purge.cohort),
                why: format!("sample `{sample}` has not withdrawn, or was purged before"),
            }),
            None if left.is_empty() => Err(Rejection::NothingToPurge {
                cohort: CohortId(purge.cohort),
                why: "all who have withdrawn were purged before".to_owned(),
            }),
            None if named.is_empty() => Ok(left),
            None => Ok(named),
        }
    }

    /// A cohort has removed what there was: it is not known any more.
    pub(super) fn forget_purged(&mut self, id: u64) {
        let cohort = &self.cohorts[&id];
        let place = cohort.layout.cohort_place(&cohort.header);
        let Some(purge) = cohort.purge.clone() else {
            return;
        };
        for address in &purge.forget {
            self.ledger.remove(address);
        }
        for store in self.stores.stores.values_mut() {
            store.leave(&purge.batches);
        }
        let stores: BTreeSet<Key> = self.stores_at(&place).collect();
        for store in stores {
            if let Some(store) = self.stores.stores.get_mut(&store) {
                store.purge_sums(&purge.samples);
            }
        }
        for sample in &purge.samples {
            let withdrawn = self.stores.withdrawn.get_mut(&place);
            if let Some(withdrawal) = withdrawn.and_then(|samples| samples.get_mut(sample)) {
                withdrawal.purged_ms = self.clock_ms;
            }
        }
    }
}
