//! Units and targets. A unit is counted once for its programme, however often it is submitted.

use std::collections::BTreeMap;

use kumi_proto::v1;

use crate::limits::RATE_HOURS;
use crate::outcome::{Outcome, Rejection};
use crate::plan::key::Chain;
use crate::state::State;
use crate::tallies::{Reason, UnitLabels};
use crate::unit::Unit;

const HOUR_MS: u64 = 3_600_000;

/// A target as it was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) count: u64,
    pub(crate) deadline_ms: u64,
    pub(crate) set_ms: u64,
}

/// How one kind of unit of a programme stands, in parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) received: u64,
    pub(crate) completed: u64,
    /// Failed and not completed since.
    pub(crate) failed: u64,
    /// First and last completion; 0: none.
    pub(crate) first_ms: u64,
    pub(crate) last_ms: u64,
    /// Completions by hour since 1970, the latest ones.
    pub(crate) hours: BTreeMap<u64, u64>,
}

impl Account {
    fn complete(&mut self, parts: u64, now_ms: u64) {
        self.completed += parts;
        if self.first_ms == 0 {
            self.first_ms = now_ms;
        }
        self.last_ms = now_ms;
        let hour = now_ms / HOUR_MS;
        *self.hours.entry(hour).or_default() += parts;
        let kept = self.hours.split_off(&(hour.saturating_sub(RATE_HOURS - 1)));
        self.hours = kept;
    }
}

/// The books of all programmes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Accounts {
    pub(crate) targets: BTreeMap<(String, Unit), Target>,
    pub(crate) accounts: BTreeMap<(String, Unit), Account>,
    /// What happened to each unit: [`RECEIVED`], [`COMPLETED`], [`FAILED`], [`BEGUN`].
    pub(crate) marks: BTreeMap<MarkKey, u8>,
}

const RECEIVED: u8 = 1;
const COMPLETED: u8 = 2;
const FAILED: u8 = 4;
const BEGUN: u8 = 8;

impl Accounts {
    /// Whether a genome has begun, ever.
    pub(crate) fn has_begun(&self, unit: &Counted) -> bool {
        let marks = self.marks.get(&unit.mark_key());
        marks.is_some_and(|marks| marks & BEGUN != 0)
    }

    /// Notes that a unit was received; false when it had been before.
    pub(super) fn receive(&mut self, unit: &MarkKey) -> bool {
        let marks = self.marks.entry(*unit).or_default();
        let first = *marks & RECEIVED == 0;
        *marks |= RECEIVED;
        first
    }

    /// Enters units that were received, in parts.
    pub(super) fn add_received(&mut self, labels: &UnitLabels, parts: u64) {
        let account = self.accounts.entry((labels.programme.clone(), labels.unit));
        account.or_default().received += parts;
    }

    /// Notes that a genome begins; false when it has before.
    pub(super) fn begin(&mut self, unit: &Counted) -> bool {
        let marks = self.marks.entry(unit.mark_key()).or_default();
        let first = *marks & BEGUN == 0;
        *marks |= BEGUN;
        first
    }

    /// Notes that a genome has not begun; false when that was known.
    pub(super) fn take_back(&mut self, unit: &Counted) -> bool {
        let marks = self.marks.entry(unit.mark_key()).or_default();
        let had = *marks & BEGUN != 0;
        *marks &= !BEGUN;
        had
    }
}

/// What a unit's marks are kept by.
pub(super) type MarkKey = [u8; 16];

pub(super) fn mark_key(unit: Unit, programme: &str, name: &str) -> MarkKey {
    Chain::new("unit")
        .text(unit.label())
        .text(programme)
        .text(name)
        .finish_short()
}

/// A case or a sample of a programme.
#[derive(Clone, Debug)]
pub(crate) struct Counted {
    pub(crate) labels: UnitLabels,
    pub(crate) name: String,
}

impl Counted {
    fn mark_key(&self) -> MarkKey {
        mark_key(self.labels.unit, &self.labels.programme, &self.name)
    }

    fn account_key(&self) -> (String, Unit) {
        (self.labels.programme.clone(), self.labels.unit)
    }
}

impl State {
    pub(super) fn count_received(&mut self, unit: &Counted, parts: u64) {
        if self.accounts.receive(&unit.mark_key()) {
            self.accounts.add_received(&unit.labels, parts);
            let received = self.tallies.received.entry(unit.labels.clone());
            *received.or_default() += parts;
        }
    }

    /// Counts a completed unit; false when it was completed before.
    pub(super) fn count_completed(&mut self, unit: &Counted, parts: u64) -> bool {
        let marks = self.accounts.marks.entry(unit.mark_key()).or_default();
        if *marks & COMPLETED != 0 {
            return false;
        }
        let account = self.accounts.accounts.entry(unit.account_key());
        let account = account.or_default();
        if *marks & FAILED != 0 {
            account.failed -= parts;
        }
        *marks = *marks & !FAILED | COMPLETED;
        account.complete(parts, self.clock_ms);
        let completed = self.tallies.completed.entry(unit.labels.clone());
        *completed.or_default() += parts;
        true
    }

    /// Counts the failure of a unit that is counted one by one.
    pub(super) fn count_failed(&mut self, unit: &Counted, reason: Reason) {
        let marks = self.accounts.marks.entry(unit.mark_key()).or_default();
        if *marks & (COMPLETED | FAILED) == 0 {
            *marks |= FAILED;
            let account = self.accounts.accounts.entry(unit.account_key());
            account.or_default().failed += 1;
            let failed = self.tallies.failed.entry((unit.labels.clone(), reason));
            *failed.or_default() += 1;
        }
    }

    pub(super) fn set_target(&mut self, set: &v1::SetTarget) -> Result<Outcome, Rejection> {
        let wrong = |field, problem: &str| Rejection::InvalidTarget {
            field,
            problem: problem.to_owned(),
        };
        let target = set.target.clone().unwrap_or_default();
        let unit = Unit::of_label(&target.unit)
            .ok_or_else(|| wrong("unit", "use case, genome or eq30x"))?;
        if target.programme.is_empty() {
            return Err(wrong("programme", "it is empty"));
        }
        if target.count == 0 {
            return Err(wrong("count", "it is 0"));
        }
        if target.deadline_ms == 0 {
            return Err(wrong("deadline", "it is missing"));
        }
        let record = Target {
            count: target.count,
            deadline_ms: target.deadline_ms,
            set_ms: self.clock_ms,
        };
        let targets = &mut self.accounts.targets;
        targets.insert((target.programme, unit), record);
        Ok(Outcome::TargetSet)
    }
}
