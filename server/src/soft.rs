//! The leader's soft state: what workers said last and until when their silence is borne.
//!
//! Pure: time is an argument. It is never replicated; a new leader starts with an empty one in which
//! every registered worker has one fresh lease.

use std::collections::{BTreeMap, BTreeSet};

use kumi_proto::v1::{Report, RunningTask, Stage};

/// A worker as its last report shows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Seen {
    /// When the last report came, Unix milliseconds; 0: none to this leader.
    pub(crate) report_ms: u64,
    /// Cores that no task holds.
    pub(crate) free_cores: u32,
    /// Bytes that no task holds.
    pub(crate) free_memory_bytes: u64,
    /// What it runs.
    pub(crate) running: Vec<RunningTask>,
    /// It wants nothing new.
    pub(crate) draining: bool,
    /// When it is taken for lost, on the steady clock.
    due_ms: u64,
}

/// Running tasks that were asked to make room for urgent ones, since this process began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Preempted {
    /// To end at a checkpoint with the part that is done.
    pub(crate) split: u64,
    /// To stop at once, since they had just begun.
    pub(crate) stopped: u64,
}

/// All workers that hold a lease, and the progress of what they run.
#[derive(Debug)]
pub(crate) struct Soft {
    lease_ms: u64,
    workers: BTreeMap<u64, Seen>,
    /// Attempts that were asked to split, and their workers.
    asked: BTreeMap<u64, u64>,
    checked_ms: Option<u64>,
    /// What made room; a new term does not begin it again.
    pub(crate) preempted: Preempted,
}

impl Soft {
    /// Nobody is known yet.
    #[must_use]
    pub(crate) fn new(lease_ms: u64) -> Self {
        Self {
            lease_ms,
            workers: BTreeMap::new(),
            asked: BTreeMap::new(),
            checked_ms: None,
            preempted: Preempted::default(),
        }
    }

    /// A term begins: all earlier reports are forgotten and each of `workers` has a fresh lease.
    pub(crate) fn begin_term(&mut self, steady_ms: u64, workers: impl IntoIterator<Item = u64>) {
        *self = Self {
            preempted: self.preempted,
            ..Self::new(self.lease_ms)
        };
        for worker in workers {
            self.admit(steady_ms, worker);
        }
    }

    /// A worker registered: its lease begins. It may not have read what it was asked before.
    pub(crate) fn admit(&mut self, steady_ms: u64, worker: u64) {
        self.asked.retain(|_, other| *other != worker);
        let due_ms = steady_ms.saturating_add(self.lease_ms);
        self.workers.entry(worker).or_default().due_ms = due_ms;
    }

    /// A worker reported: its lease is renewed. A worker without a lease gets none by reporting.
    pub(crate) fn report(
        &mut self,
        steady_ms: u64,
        unix_ms: u64,
        worker: u64,
        report: &Report,
    ) -> bool {
        let Some(seen) = self.workers.get_mut(&worker) else {
            return false;
        };
        let running = |attempt| report.running.iter().any(|task| task.attempt == attempt);
        self.asked
            .retain(|attempt, other| *other != worker || running(*attempt));
        *seen = Seen {
            report_ms: unix_ms,
            free_cores: report.free_cores,
            free_memory_bytes: report.free_memory_bytes,
            running: report.running.clone(),
            draining: report.draining,
            due_ms: steady_ms.saturating_add(self.lease_ms),
        };
        true
    }

    /// The workers whose silence has lasted too long, in order. They stay until [`Soft::forget`].
    ///
    /// A check that comes late found this process asleep, not the workers: reports wait unread in
    /// its sockets. The time slept is then given to all.
    pub(crate) fn overdue(&mut self, steady_ms: u64, check_every_ms: u64) -> Vec<u64> {
        let expected = self
            .checked_ms
            .map(|last| last.saturating_add(check_every_ms));
        let late_ms = expected.map_or(0, |at| steady_ms.saturating_sub(at));
        self.checked_ms = Some(steady_ms);
        if late_ms > check_every_ms {
            for seen in self.workers.values_mut() {
                seen.due_ms = seen.due_ms.saturating_add(late_ms);
            }
        }
        let overdue = |(worker, seen): (&u64, &Seen)| (seen.due_ms <= steady_ms).then_some(*worker);
        self.workers.iter().filter_map(overdue).collect()
    }

    /// Whether a worker's silence has lasted too long.
    #[must_use]
    pub(crate) fn is_overdue(&self, steady_ms: u64, worker: u64) -> bool {
        self.workers
            .get(&worker)
            .is_some_and(|seen| seen.due_ms <= steady_ms)
    }

    /// A worker is lost or gone.
    pub(crate) fn forget(&mut self, worker: u64) {
        self.workers.remove(&worker);
        self.asked.retain(|_, other| *other != worker);
    }

    /// A worker is asked to split a task.
    pub(crate) fn ask(&mut self, worker: u64, attempt: u64) {
        self.asked.insert(attempt, worker);
    }

    /// Attempts that were asked to split and still run, as far as their workers said.
    #[must_use]
    pub(crate) fn asked(&self) -> BTreeSet<u64> {
        self.asked.keys().copied().collect()
    }

    /// A worker's last report.
    #[must_use]
    pub(crate) fn seen(&self, worker: u64) -> Option<&Seen> {
        self.workers.get(&worker)
    }

    /// The progress of a cohort's running tasks as workers said it last, summed by stage: a task
    /// half done counts 0.5, one with two attempts as the one that is further.
    #[must_use]
    pub(crate) fn progress(&self, cohort: u64) -> BTreeMap<Stage, f64> {
        let mut by_task = BTreeMap::new();
        for running in self.workers.values().flat_map(|seen| &seen.running) {
            if let Some(task) = running.task.filter(|task| task.cohort == cohort) {
                let place = (task.stage(), task.row, task.column);
                let furthest = by_task.entry(place).or_insert(0.0_f32);
                *furthest = furthest.max(running.progress.clamp(0.0, 1.0));
            }
        }
        let mut sums = BTreeMap::new();
        for ((stage, ..), progress) in by_task {
            *sums.entry(stage).or_default() += f64::from(progress);
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use kumi_proto::v1::{Report, RunningTask, Stage, TaskId};

    use super::Soft;

    const LEASE_MS: u64 = 1_000;
    const CHECK_MS: u64 = 100;

    fn report(running: &[(u64, f32)]) -> Report {
        let running = running.iter().map(|&(attempt, progress)| RunningTask {
            attempt,
            progress,
            task: Some(TaskId {
                cohort: 3,
                stage: Stage::Align.into(),
                row: u32::try_from(attempt).expect("a small one"),
                column: 0,
            }),
        });
        Report {
            free_cores: 3,
            running: running.collect(),
            ..Report::default()
        }
    }

    /// The first time at which workers are overdue when checked regularly from `from`.
    fn first_overdue(soft: &mut Soft, from: u64) -> (u64, Vec<u64>) {
        let mut at = from;
        loop {
            let overdue = soft.overdue(at, CHECK_MS);
            if !overdue.is_empty() {
                return (at, overdue);
            }
            at += CHECK_MS;
        }
    }

    #[test]
    fn silence_is_borne_for_one_lease_from_the_last_report() {
        let mut soft = Soft::new(LEASE_MS);
        soft.begin_term(0, [1, 2]);
        assert_eq!(soft.overdue(0, CHECK_MS), []);
        assert!(soft.report(700, 5, 2, &report(&[])));
        let mut at = 0;
        while at < LEASE_MS {
            assert_eq!(soft.overdue(at, CHECK_MS), [], "{at}");
            at += CHECK_MS;
        }
        assert_eq!(soft.overdue(at, CHECK_MS), [1]);
        soft.forget(1);
        assert!(
            !soft.report(at, 6, 1, &report(&[])),
            "a lost worker cannot come back by reporting"
        );
        assert_eq!(first_overdue(&mut soft, at), (1_700, vec![2]));
    }

    #[test]
    fn the_time_this_process_slept_is_nobodys_silence() {
        let mut soft = Soft::new(LEASE_MS);
        soft.begin_term(0, [1]);
        assert_eq!(soft.overdue(500, CHECK_MS), []);
        assert_eq!(soft.overdue(60_000, CHECK_MS), []);
        let (at, lost) = first_overdue(&mut soft, 60_100);
        assert_eq!(lost, [1]);
        assert_eq!(at, 60_400, "500 of 1000 ms were over when it fell asleep");
    }

    #[test]
    fn a_task_is_asked_once_while_it_runs_and_again_after_a_broken_session() {
        let mut soft = Soft::new(LEASE_MS);
        soft.begin_term(0, [1, 2]);
        soft.ask(1, 7);
        soft.ask(2, 8);
        soft.report(1, 1, 1, &report(&[(7, 0.25)]));
        assert_eq!(soft.asked().into_iter().collect::<Vec<_>>(), [7, 8]);
        soft.admit(2, 1);
        assert_eq!(soft.asked().into_iter().collect::<Vec<_>>(), [8]);
        soft.report(3, 3, 2, &report(&[]));
        assert!(soft.asked().is_empty());
    }

    #[test]
    fn progress_is_that_of_the_last_report_by_stage() {
        let mut soft = Soft::new(LEASE_MS);
        soft.begin_term(0, [1, 2]);
        soft.report(1, 1, 1, &report(&[(7, 0.25), (8, 0.5)]));
        soft.report(2, 2, 1, &report(&[(8, 0.75)]));
        // Another attempt at what 8 does too, and not as far.
        soft.report(2, 2, 2, &report(&[(9, 0.5), (8, 0.25)]));
        assert_eq!(
            soft.progress(3).into_iter().collect::<Vec<_>>(),
            [(Stage::Align, 1.25)]
        );
        assert!(soft.progress(4).is_empty());
        soft.forget(1);
        assert_eq!(soft.progress(3)[&Stage::Align], 0.75);
        assert!(soft.seen(1).is_none());
    }
}
