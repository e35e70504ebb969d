//! Samples withdraw from a cohort, and the cohort is released without them.

use std::collections::BTreeSet;

use kumi_proto::ids::CohortId;
use kumi_proto::v1;

use crate::outcome::{Outcome, Rejection};
use crate::plan::Violation;
use crate::plan::key::CohortPlace;
use crate::ripple::Ripple;
use crate::state::{State, Withdrawal};
use crate::tallies::Reason;

impl State {
    /// From now on no release of the cohort, whatever its number, has these samples; those that run go on without them.
    pub(super) fn withdraw(&mut self, withdraw: &v1::Withdraw) -> Result<Outcome, Rejection> {
        let place = self.cohort_place(withdraw.cohort)?;
        if withdraw.undo {
            self.refuse_beside_purge(withdraw.cohort)?;
        }
        for sample in &withdraw.samples {
            let known =
                self.stores.withdrawal(&place, sample).is_some() || self.is_of(&place, sample);
            if !known {
                return Err(Rejection::NoSuchSample {
                    cohort: CohortId(withdraw.cohort),
                    sample: sample.clone(),
                });
            }
        }
        let withdrawn = self.stores.withdrawn.entry(place.clone()).or_default();
        let mut changed = 0;
        for sample in &withdraw.samples {
            let withdrawal = Withdrawal {
                at_ms: self.clock_ms,
                purged_ms: 0,
                reason: withdraw.reason.clone(),
            };
            let has = withdrawn.contains_key(sample);
            if withdraw.undo {
                withdrawn.remove(sample);
            } else if !has {
                withdrawn.insert(sample.clone(), withdrawal);
            }
            changed += u64::from(has == withdraw.undo);
        }
        if withdrawn.is_empty() {
            self.stores.withdrawn.remove(&place);
        }
        if !withdraw.undo {
            self.set_withdrawn_aside(&place, withdraw);
        }
        Ok(Outcome::Withdrawn { samples: changed })
    }

    /// Opens a cohort again, with the samples it has and without those who have withdrawn.
    pub(super) fn build(&mut self, build: &v1::Build) -> Result<Outcome, Rejection> {
        let open = self.again(build.cohort, &build.request_id)?;
        if self.cohorts[&build.cohort].is_running() {
            return Err(Rejection::CohortRuns {
                cohort: CohortId(build.cohort),
            });
        }
        self.open(open)
    }

    /// A submission of a cohort as it was, without those who have withdrawn since.
    pub(super) fn again(&self, cohort: u64, request_id: &str) -> Result<v1::Open, Rejection> {
        let place = self.cohort_place(cohort)?;
        let cohort = &self.cohorts[&cohort];
        let samples = cohort.samples.iter();
        let kept = samples.filter(|sample| self.stores.withdrawal(&place, &sample.name).is_none());
        let kept: Vec<v1::Sample> = kept.cloned().collect();
        if kept.is_empty() {
            return Err(Rejection::NobodyLeft {
                cohort: CohortId(cohort.id),
            });
        }
        Ok(v1::Open {
            header: Some(v1::CohortHeader {
                request_id: request_id.to_owned(),
                ..cohort.header.clone()
            }),
            samples: kept,
        })
    }

    /// The rows of a cohort whose samples have withdrawn.
    pub(super) fn withdrawn_rows(&self, id: u64) -> BTreeSet<u32> {
        let cohort = &self.cohorts[&id];
        let place = cohort.layout.cohort_place(&cohort.header);
        let withdrawn = self.stores.withdrawn.get(&place);
        let samples = withdrawn.into_iter().flat_map(|samples| samples.keys());
        samples.filter_map(|sample| cohort.row_of(sample)).collect()
    }

    /// Refuses a submission of samples that have withdrawn: each is named.
    pub(super) fn refuse_withdrawn(
        &self,
        place: &CohortPlace,
        samples: &[v1::Sample],
    ) -> Result<(), Rejection> {
        let violation = |(at, sample): (usize, &v1::Sample)| {
            self.stores.withdrawal(place, &sample.name)?;
            Some(Violation {
                field: format!("samples[{at}].name"),
                problem: format!(
                    "`{}` has withdrawn from this cohort; take it out of the sample sheet",
                    sample.name
                ),
            })
        };
        let violations: Vec<_> = samples.iter().enumerate().filter_map(violation).collect();
        if violations.is_empty() {
            Ok(())
        } else {
            Err(Rejection::InvalidCohort(violations))
        }
    }

    pub(super) fn cohort_place(&self, cohort: u64) -> Result<CohortPlace, Rejection> {
        let cohort = self
            .cohorts
            .get(&cohort)
            .ok_or(Rejection::NoSuchCohort { cohort })?;
        Ok(cohort.layout.cohort_place(&cohort.header))
    }

    /// The cohorts that lie at a place, by number.
    pub(super) fn at_place<'a>(&'a self, place: &'a CohortPlace) -> impl Iterator<Item = u64> + 'a {
        let cohorts = self.cohorts.values();
        let there = cohorts.filter(|cohort| cohort.layout.cohort_place(&cohort.header) == *place);
        there.map(|cohort| cohort.id)
    }

    /// Whether any cohort at a place has a sample.
    fn is_of(&self, place: &CohortPlace, sample: &str) -> bool {
        self.at_place(place)
            .any(|id| self.cohorts[&id].row_of(sample).is_some())
    }

    fn set_withdrawn_aside(&mut self, place: &CohortPlace, withdraw: &v1::Withdraw) {
        let why = match withdraw.reason.as_str() {
            "" => "the sample has withdrawn".to_owned(),
            reason => format!("the sample has withdrawn: {reason}"),
        };
        let cohorts: Vec<u64> = self.at_place(place).collect();
        for id in cohorts {
            let mut ripple = Ripple::new(self.clock_ms);
            ripple.reason = Reason::Withdrawn;
            let Some(cohort) = self.cohorts.get_mut(&id) else {
                continue;
            };
            let samples = withdraw.samples.iter();
            let rows = samples.filter_map(|sample| cohort.row_of(sample)).collect();
            if cohort.withdraw(rows, &why, &self.ledger, &mut ripple) {
                self.absorb(id, ripple, None);
            }
        }
    }
}
