//! How tasks fail and cohorts end.

use kumi_proto::STAGES;
use kumi_proto::v1::{CohortState, OnBadSample, Stage, TaskState};

use crate::cohort::advance::is_unfinished;
use crate::cohort::{Aside, Cohort, Extent, Trouble, is_by_sample};
use crate::grid::Cell;
use crate::ledger::Ledger;
use crate::limits::{FAILURES_MAX, LOSSES_MAX, MESSAGE_CHARS_MAX};
use crate::ripple::Ripple;
use crate::tallies::Reason;

/// An attempt that ended without a result.
#[derive(Debug)]
pub(crate) struct Mishap<'a> {
    pub(crate) reason: Reason,
    pub(crate) message: &'a str,
    /// Name of the worker.
    pub(crate) worker: &'a str,
    /// What the task was given, and what the largest worker has.
    pub(crate) memory_bytes: u64,
    pub(crate) memory_max_bytes: u64,
}

impl Cohort {
    /// Decides what becomes of a task whose attempt failed or was lost: whether it is tried again.
    pub(crate) fn mishap(
        &mut self,
        cell: Cell,
        mishap: &Mishap<'_>,
        ledger: &Ledger,
        ripple: &mut Ripple,
    ) -> bool {
        self.running.remove(&cell);
        if mishap.reason == Reason::Stopped {
            self.set(cell, TaskState::Ready, ripple);
            return true;
        }
        let trouble = self.troubles.entry(cell).or_default();
        trouble.record(mishap, ripple.now_ms);
        let again = mishap.reason != Reason::BadInput
            && trouble.failures < FAILURES_MAX
            && trouble.losses < LOSSES_MAX;
        if again {
            self.set(cell, TaskState::Ready, ripple);
        } else {
            self.set(cell, TaskState::Failed, ripple);
            self.give_up(cell, mishap, ledger, ripple);
        }
        again
    }

    /// Keeps that one of two attempts failed or was lost while the other goes on.
    pub(crate) fn note_mishap(&mut self, cell: Cell, mishap: &Mishap<'_>, now_ms: u64) {
        if mishap.reason != Reason::Stopped {
            self.troubles
                .entry(cell)
                .or_default()
                .record(mishap, now_ms);
        }
    }

    fn give_up(&mut self, cell: Cell, mishap: &Mishap<'_>, ledger: &Ledger, ripple: &mut Ripple) {
        let message = shortened(mishap.message);
        ripple.reason = Reason::Failed;
        if !is_by_sample(cell.stage) {
            let text = match cell.stage {
                Stage::Ingest => format!(
                    "ingest of batch {} in shard {}: {message}",
                    cell.row, cell.column
                ),
                stage => format!("{} {}: {message}", stage.label(), cell.column),
            };
            self.fail(&text, mishap.reason, ripple);
            return;
        }
        let sample = self.samples[cell.row as usize].name.clone();
        let reason = mishap.reason;
        let aside = Aside { reason, message };
        // Workers begin with whose task it was.
        let heading = format!("sample {sample}: ");
        let message = aside.message.strip_prefix(&heading);
        let text = format!("{heading}{}", message.unwrap_or(&aside.message));
        self.aside.insert(cell.row, aside);
        ripple.failed.push(cell.row);
        if self.quarantines() {
            self.advance(Extent::Row(cell.row), ledger, ripple);
        } else {
            self.fail(&text, reason, ripple);
        }
    }

    /// Sets rows aside whose samples have withdrawn; true when one was not aside already.
    pub(crate) fn withdraw(
        &mut self,
        mut rows: Vec<u32>,
        why: &str,
        ledger: &Ledger,
        ripple: &mut Ripple,
    ) -> bool {
        rows.retain(|row| !self.aside.contains_key(row));
        if !self.is_running() || rows.is_empty() {
            return false;
        }
        for row in &rows {
            let aside = Aside {
                reason: Reason::Withdrawn,
                message: shortened(why),
            };
            self.aside.insert(*row, aside);
        }
        self.release = None;
        self.hold_tail(ripple);
        let extent = match rows[..] {
            [row] => Extent::Row(row),
            _ => Extent::Whole,
        };
        self.advance(extent, ledger, ripple);
        true
    }

    /// Marks a row whose sample has withdrawn, before the cohort is opened again.
    pub(super) fn leave_out(&mut self, row: u32) {
        let aside = Aside {
            reason: Reason::Withdrawn,
            message: "the sample has withdrawn".to_owned(),
        };
        self.aside.insert(row, aside);
        self.release = None;
    }

    /// Rows that were set aside because something was wrong with them.
    pub(crate) fn failed_rows(&self) -> usize {
        let failed = self.aside.values();
        failed
            .filter(|aside| aside.reason != Reason::Withdrawn)
            .count()
    }

    pub(crate) fn quarantines(&self) -> bool {
        let params = self.header.params.as_ref();
        params.is_some_and(|params| params.on_bad_sample() == OnBadSample::Quarantine)
    }

    /// The cohort ends with what it has.
    pub(super) fn complete(&mut self, now_ms: u64) {
        self.finished_ms = now_ms;
        self.state = if self.failed_rows() == 0 {
            CohortState::Completed
        } else {
            CohortState::CompletedWithFailures
        };
    }

    pub(super) fn fail(&mut self, text: &str, reason: Reason, ripple: &mut Ripple) {
        debug_assert_ne!(reason, Reason::None);
        ripple.reason = Reason::Failed;
        self.stop(CohortState::Failed, text, ripple);
    }

    /// Nothing more of the cohort runs; how many tasks that concerns.
    pub(crate) fn cancel(&mut self, text: &str, ripple: &mut Ripple) -> u64 {
        ripple.reason = Reason::Cancelled;
        self.stop(CohortState::Cancelled, text, ripple)
    }

    fn stop(&mut self, state: CohortState, text: &str, ripple: &mut Ripple) -> u64 {
        let mut stopped = 0;
        for stage in STAGES {
            for row in 0..self.grid(stage).rows() {
                for cell in self.row_cells(stage, row) {
                    if is_unfinished(self.get(cell)) {
                        self.place(cell, TaskState::Cancelled, ripple);
                        stopped += 1;
                    }
                }
            }
        }
        self.call_keys.clear();
        self.state = state;
        self.reason = shortened(text);
        self.finished_ms = ripple.now_ms;
        stopped
    }

    /// Keeps the keys of a release that is there.
    pub(crate) fn remember_release(&mut self) {
        if self.has_release() {
            self.release = Some(self.release_keys());
        }
    }

    /// Where the release stands: done cohorts have one.
    pub(crate) fn has_release(&self) -> bool {
        self.grid(Stage::Release).count(TaskState::Done) == 1
    }
}

impl Trouble {
    fn record(&mut self, mishap: &Mishap<'_>, now_ms: u64) {
        if mishap.reason == Reason::WorkerLost {
            self.losses += 1;
        } else {
            self.failures += 1;
        }
        if mishap.reason == Reason::OutOfMemory {
            let doubled = mishap.memory_bytes.saturating_mul(2);
            let possible = doubled.min(mishap.memory_max_bytes);
            self.memory_bytes = possible.max(mishap.memory_bytes);
        }
        self.message = shortened(mishap.message);
        self.worker = mishap.worker.to_owned();
        self.workers.insert(mishap.worker.to_owned());
        self.since_ms = now_ms;
    }
}

/// A message that is kept: not longer than the limit.
fn shortened(message: &str) -> String {
    message.chars().take(MESSAGE_CHARS_MAX).collect()
}
