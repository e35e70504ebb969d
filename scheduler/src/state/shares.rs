//! The policy that is in force, and what accounts use and may still use.

use kumi_proto::v1;
use kumi_proto::v1::Stage;

use crate::cohort::Cohort;
use crate::grid::Cell;
use crate::limits::HALF_LIFE_MS;
use crate::outcome::{Outcome, Rejection};
use crate::rules::{Allowance, Rules};
use crate::state::cohorts::genome;
use crate::state::{Lease, State};
use crate::usage::{DAY_MS, Used};

/// How an account stands now.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Standing {
    pub(crate) allowance: Allowance,
    /// Used, with what running tasks have used so far.
    pub(crate) core_milliseconds: u64,
    /// In use.
    pub(crate) cores: u64,
    /// Begun today.
    pub(crate) genomes: u32,
}

impl Standing {
    /// Cores that it may still take; none: any number.
    pub(crate) fn cores_left(&self) -> Option<u64> {
        let most = self.allowance.cores.map(u64::from);
        most.map(|most| most.saturating_sub(self.cores))
    }

    /// Genomes that it may still begin today; none: any number.
    pub(crate) fn genomes_left(&self) -> Option<u32> {
        let most = self.allowance.genomes_per_day;
        most.map(|most| most.saturating_sub(self.genomes))
    }
}

impl State {
    pub(super) fn set_policy(&mut self, set: &v1::SetPolicy) -> Result<Outcome, Rejection> {
        let policy = set.policy.clone().unwrap_or_default();
        let rules = Rules::of(&policy)
            .map_err(|(field, problem)| Rejection::InvalidPolicy { field, problem })?;
        self.usage.rescale(self.clock_ms, rules.half_life_ms);
        self.rules = Some(rules);
        Ok(Outcome::PolicySet)
    }

    /// The policy that is in force; none when none was ever set.
    #[must_use]
    pub fn policy(&self) -> Option<v1::Policy> {
        self.rules.as_ref().map(Rules::policy)
    }

    pub(crate) fn half_life_ms(&self) -> u64 {
        let rules = self.rules.as_ref();
        rules.map_or(HALF_LIFE_MS, |rules| rules.half_life_ms)
    }

    /// How a programme stands as a whole.
    pub(crate) fn programme_standing(&self, programme: &str) -> Standing {
        let running = self.derived.running_of(programme, None);
        let (used, genomes) = self.usage.of_programme(programme, self.day());
        Standing {
            allowance: self
                .rules
                .as_ref()
                .map_or_else(Allowance::default, |rules| rules.programme(programme)),
            core_milliseconds: used.saturating_add(running.used_ms(self.clock_ms)),
            cores: running.cores,
            genomes,
        }
    }

    /// How a centre of a programme stands.
    pub(crate) fn centre_standing(&self, programme: &str, centre: &str) -> Standing {
        let running = self.derived.running_of(programme, Some(centre));
        let used: Used = self.usage.of(programme, centre);
        let so_far = running.used_ms(self.clock_ms);
        Standing {
            allowance: self
                .rules
                .as_ref()
                .map_or_else(Allowance::default, |rules| rules.centre(programme, centre)),
            core_milliseconds: used.core_milliseconds.saturating_add(so_far),
            cores: running.cores,
            genomes: used.genomes_on(self.day()),
        }
    }

    /// How those stand to whom a cohort's tasks are charged: the programme and its centre.
    pub(crate) fn standings(&self, cohort: &Cohort) -> [Standing; 2] {
        let (programme, centre) = cohort.account();
        [
            self.programme_standing(programme),
            self.centre_standing(programme, centre),
        ]
    }

    /// Whether the quotas allow that a task begins with so many cores.
    pub(crate) fn quotas_allow(&self, cohort: &Cohort, cell: Cell, cores: u32) -> bool {
        self.rules.is_none()
            || self.standings(cohort).iter().all(|standing| {
                let cores = standing
                    .cores_left()
                    .is_none_or(|left| u64::from(cores) <= left);
                let begun = standing.genomes_left() != Some(0) || !self.would_begin(cohort, cell);
                cores && begun
            })
    }

    /// Whether a task's beginning is that of a genome.
    pub(crate) fn would_begin(&self, cohort: &Cohort, cell: Cell) -> bool {
        is_entry(cohort, cell) && !self.accounts.has_begun(&genome(cohort, cell.row))
    }

    /// Notes that a genome begins, if one does.
    pub(super) fn note_beginning(&mut self, cohort: u64, cell: Cell) {
        let cohort = &self.cohorts[&cohort];
        if is_entry(cohort, cell) && self.accounts.begin(&genome(cohort, cell.row)) {
            let (programme, centre) = cohort.account();
            self.usage.begin(programme, centre, self.clock_ms / DAY_MS);
        }
    }

    /// Notes that a task was stopped through no fault of its own: its genome will begin again.
    pub(super) fn note_stop(&mut self, lease: &Lease) {
        let cohort = &self.cohorts[&lease.cohort];
        if is_entry(cohort, lease.cell) {
            let unit = genome(cohort, lease.cell.row);
            if self.accounts.take_back(&unit) {
                let (programme, centre) = cohort.account();
                self.usage
                    .take_back(programme, centre, lease.started_ms / DAY_MS);
            }
        }
    }

    /// Charges an ended lease to its account.
    pub(super) fn charge(&mut self, lease: &Lease, lasted_ms: u64) {
        let (programme, centre) = self.cohorts[&lease.cohort].account();
        let used = lasted_ms.saturating_mul(lease.cores.into());
        self.usage.charge(programme, centre, used);
    }

    pub(crate) fn day(&self) -> u64 {
        self.clock_ms / DAY_MS
    }
}

/// Whether a genome begins with this task: with the cut or, if its reads are not chunked, with the alignment.
pub(crate) fn is_entry(cohort: &Cohort, cell: Cell) -> bool {
    match cell.stage {
        Stage::Cut => true,
        Stage::Align => cohort.layout.tasks_of(Stage::Cut, cell.row) == 0,
        _ => false,
    }
}
