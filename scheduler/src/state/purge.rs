//! A cohort is opened again to leave no trace of samples that have withdrawn.

use std::collections::BTreeSet;

use kumi_proto::ids::CohortId;
use kumi_proto::v1;

use crate::outcome::{Outcome, Rejection};
use crate::plan::key::CohortPlace;
use crate::plan::validate;
use crate::state::State;
use crate::state::traces::Traces;

impl State {
    /// Opens a cohort again that removes what there is of those who have withdrawn: the ones named, or all of whom that
    /// was not done.
    pub(super) fn purge(&mut self, purge: &v1::Purge) -> Result<Outcome, Rejection> {
        let place = self.cohort_place(purge.cohort)?;
        if let Some(before) = self.derived.opened.get(&purge.request_id) {
            return Ok(self.opened(*before, true));
        }
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
        validate(&header, &open.samples).map_err(Rejection::InvalidCohort)?;
        self.enter(header, open.samples, Some(traces))
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
        for sample in &purge.samples {
            let withdrawn = self.stores.withdrawn.get_mut(&place);
            if let Some(withdrawal) = withdrawn.and_then(|samples| samples.get_mut(sample)) {
                withdrawal.purged_ms = self.clock_ms;
            }
        }
    }
}
