//! How accounts and cohorts stand in the queue.

use std::collections::{BTreeMap, BTreeSet};

use kumi_proto::ids::CohortId;
use kumi_proto::v1;
use kumi_proto::v1::{Stage, TaskState};

use crate::cohort::Cohort;
use crate::grid::Cell;
use crate::policy::Level;
use crate::state::{Standing, State};
use crate::view::centre::{is_of, shows};
use crate::view::kept::Kept;
use crate::view::wait::count;

/// Core-milliseconds in 1024ths of a core-hour.
const HEIGHT_PER_CORE_HOUR: f64 = 3_600_000.0 * 1_024.0;

impl State {
    /// Accounts that used something, run something or wait, and the cohorts that run in the order in which they are
    /// served; of one cohort alone: itself and its accounts. A `centre` is shown its own cohorts and accounts and the
    /// programmes as a whole.
    #[must_use]
    pub fn queue(&self, centre: Option<&str>, only: Option<CohortId>) -> v1::ShowQueueResponse {
        let kept = self.kept();
        let served = self.served().into_iter().zip(1..);
        let cohorts = served.filter(|(id, _)| only.is_none_or(|only| only.0 == *id));
        let cohorts: Vec<_> = cohorts
            .map(|(id, place)| (&self.cohorts[&id], place))
            .filter(|(cohort, _)| is_of(cohort, centre))
            .map(|(cohort, place)| self.queued(centre, (cohort, place), kept.as_ref()))
            .collect();
        let mut accounts = match only.and_then(|id| self.cohorts.get(&id.0)) {
            Some(cohort) => {
                let (programme, centre) = cohort.account();
                vec![
                    self.account(programme, None),
                    self.account(programme, Some(centre)),
                ]
            }
            None => self.account_list(),
        };
        accounts.retain(|account| shows(centre, &account.centre));
        v1::ShowQueueResponse {
            accounts,
            cohorts,
            fair: self.rules.is_some(),
            half_life_ms: self.half_life_ms(),
            pools: match (centre, only) {
                (None, None) => self.pool_statuses(),
                _ => Vec::new(),
            },
        }
    }

    /// All accounts of which something is known: each programme, then its centres.
    #[must_use]
    pub fn account_list(&self) -> Vec<v1::AccountStatus> {
        let mut known: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (programme, centres) in &self.usage.accounts {
            let known = known.entry(programme).or_default();
            known.extend(centres.keys().map(String::as_str));
        }
        let lines = self.derived.lines.values().flatten();
        for (programme, centres) in lines {
            let known = known.entry(programme).or_default();
            known.extend(centres.keys().map(String::as_str));
        }
        for (programme, centre) in self.rules.iter().flat_map(|rules| rules.names()) {
            let known = known.entry(programme).or_default();
            known.extend(Some(centre).filter(|centre| !centre.is_empty()));
        }
        let mut accounts = Vec::new();
        for (programme, centres) in known {
            accounts.push(self.account(programme, None));
            let centres = centres.into_iter();
            accounts.extend(centres.map(|centre| self.account(programme, Some(centre))));
        }
        accounts
    }

    /// How a programme stands, or a centre of it.
    pub(super) fn account(&self, programme: &str, centre: Option<&str>) -> v1::AccountStatus {
        let standing: Standing = match centre {
            Some(centre) => self.centre_standing(programme, centre),
            None => self.programme_standing(programme),
        };
        let programmes = self.derived.lines.values();
        let centres = programmes.filter_map(|programmes| programmes.get(programme));
        let lines = centres.flatten();
        let own = lines.filter(|(name, _)| centre.is_none_or(|centre| centre == *name));
        let cohorts = own
            .flat_map(|(_, line)| line)
            .map(|(_, id)| &self.cohorts[id]);
        let (ready, waiting) = cohorts.fold((0, 0), |(ready, waiting), cohort| {
            let more = |state| count(cohort, state);
            (
                ready + more(TaskState::Ready),
                waiting + more(TaskState::Waiting),
            )
        });
        v1::AccountStatus {
            programme: programme.to_owned(),
            centre: centre.unwrap_or_default().to_owned(),
            share: standing.allowance.share,
            core_milliseconds: standing.core_milliseconds,
            cores: standing.cores,
            cores_max: standing.allowance.cores,
            genomes: standing.genomes,
            genomes_max: standing.allowance.genomes_per_day,
            ready,
            waiting,
            level: Level::of(&standing).height() as f64 / HEIGHT_PER_CORE_HOUR,
        }
    }

    fn queued(
        &self,
        centre: Option<&str>,
        (cohort, place): (&Cohort, u64),
        kept: Option<&Kept>,
    ) -> v1::QueuedCohort {
        let first = first_ready(cohort);
        v1::QueuedCohort {
            cohort: cohort.id,
            name: cohort.header.name.clone(),
            programme: cohort.header.programme.clone(),
            centre: cohort.header.centre.clone(),
            priority: cohort.priority().into(),
            deadline_ms: cohort.header.deadline_ms,
            place,
            ready: count(cohort, TaskState::Ready),
            running: count(cohort, TaskState::Running),
            waiting: count(cohort, TaskState::Waiting),
            reason: first.map_or_else(String::new, |cell| self.ready(centre, (cohort, cell), kept)),
        }
    }
}

/// The ready task of a cohort that is taken first.
fn first_ready(cohort: &Cohort) -> Option<Cell> {
    let stages = kumi_proto::STAGES.into_iter().rev();
    let mut ready = stages.filter_map(|stage: Stage| {
        let (row, column) = cohort.grid(stage).ready().next()?;
        Some(Cell { stage, row, column })
    });
    ready.next()
}
