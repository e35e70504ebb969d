//! Workers register, drain, resume and are lost.

use std::collections::{BTreeMap, VecDeque};

use kumi_proto::ids::{WorkerId, is_label};
use kumi_proto::v1;

use crate::cohort::Cohort;
use crate::limits::{LABELS_MAX, LOST_WORKERS_KEPT_MAX, WARM_ROWS_MAX};
use crate::outcome::{Outcome, Rejection};
use crate::plan::need::Need;
use crate::state::State;
use crate::worker::{WorkerState, WorkerView};

/// A registration.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Worker {
    pub(crate) hello: v1::WorkerHello,
    pub(crate) lost: bool,
    pub(crate) draining: bool,
    /// It drains since its pool wants no more of it, and ends then.
    pub(crate) leaving: bool,
    /// When it was registered, began to drain, resumed or was lost.
    pub(crate) since_ms: u64,
    /// When its last lease ended.
    pub(crate) idle_ms: u64,
    /// Cohorts and rows of which it did something last, the latest first: their files are warm there.
    pub(crate) warm: VecDeque<(u64, u32)>,
}

impl Worker {
    /// It did something of a row.
    pub(crate) fn warm_up(&mut self, cohort: u64, row: u32) {
        // Nearly always: call shards of a row are taken one after another.
        if self.warm.front() == Some(&(cohort, row)) {
            return;
        }
        self.warm.retain(|warm| *warm != (cohort, row));
        self.warm.push_front((cohort, row));
        self.warm.truncate(WARM_ROWS_MAX);
    }

    /// Rows of a cohort that are warm there, the latest first.
    pub(crate) fn warm_rows(&self, cohort: u64) -> impl Iterator<Item = u32> + '_ {
        let warm = self.warm.iter().filter(move |(other, _)| *other == cohort);
        warm.map(|(_, row)| *row)
    }

    pub(crate) fn takes_tasks(&self) -> bool {
        !self.lost && !self.draining
    }

    /// Whether its results are those of a kernel version. A worker that does not say computes any.
    pub(crate) fn computes(&self, kernel_version: &str) -> bool {
        let own = &self.hello.kernel_version;
        own.is_empty() || own == kernel_version
    }

    /// What it offers; scratch without end when it does not say.
    pub(crate) fn capacity(&self) -> Need {
        Need {
            cores: self.hello.cores,
            memory_bytes: self.hello.memory_bytes,
            scratch_bytes: match self.hello.scratch_bytes {
                0 => u64::MAX,
                told => told,
            },
        }
    }

    /// What a task gets here that asks for so much: as many of the cores as there are.
    pub(crate) fn capped(&self, need: Need) -> Need {
        Need {
            cores: need.cores.min(self.hello.cores),
            ..need
        }
    }

    /// Whether a task finds room here when nothing else runs.
    pub(crate) fn holds(&self, need: Need) -> bool {
        self.capped(need).fits(self.capacity())
    }

    /// Whether it may have a cohort's tasks: it computes its kernel version and has the labels that it asks for.
    pub(crate) fn suits(&self, cohort: &Cohort) -> bool {
        self.computes(cohort.kernel_version()) && self.has_labels_of(cohort)
    }

    /// Whether it has all labels that a cohort asks for.
    pub(crate) fn has_labels_of(&self, cohort: &Cohort) -> bool {
        let mut require = cohort.header.require.iter();
        require.all(|label| self.hello.labels.contains(label))
    }
}

impl State {
    /// The same process again keeps its number and its leases; another process of the same name
    /// means that the one before is gone.
    pub(super) fn register(&mut self, register: &v1::Register) -> Result<Outcome, Rejection> {
        let hello = register.hello.clone().unwrap_or_default();
        if hello.name.is_empty() {
            let problem = "its name is empty";
            return Err(Rejection::InvalidWorker { problem });
        }
        if hello.cores == 0 {
            let problem = "it has no cores";
            return Err(Rejection::InvalidWorker { problem });
        }
        let labels = &hello.labels;
        if labels.len() > LABELS_MAX || !labels.iter().all(|label| is_label(label)) {
            let problem =
                "its labels are more than 64 or not letters, digits, `.`, `_`, `-` and `=`";
            return Err(Rejection::InvalidWorker { problem });
        }
        for id in self.registrations(&hello.name) {
            let Some(before) = self.workers.get_mut(&id) else {
                continue;
            };
            if !before.lost && before.hello.incarnation == hello.incarnation {
                before.hello = hello;
                return Ok(Outcome::Registered(WorkerId(id)));
            }
            let why = format!("worker {} was started again", hello.name);
            if self.lose_leases(id, &why) > 0 {
                self.tallies.workers_lost += 1;
            }
            self.workers.remove(&id);
        }
        self.end_earlier_runs(&hello);
        self.last_worker += 1;
        self.note_arrival(&hello);
        let worker = Worker {
            lost: false,
            leaving: false,
            draining: self.drained.contains_key(&hello.name),
            hello,
            since_ms: self.clock_ms,
            idle_ms: self.clock_ms,
            warm: VecDeque::new(),
        };
        self.workers.insert(self.last_worker, worker);
        Ok(Outcome::Registered(WorkerId(self.last_worker)))
    }

    /// A job that its site has started again runs nowhere else: whoever it was before is gone.
    fn end_earlier_runs(&mut self, hello: &v1::WorkerHello) {
        if hello.pool.is_empty() || hello.job.is_empty() {
            return;
        }
        let run = restarts(&hello.name);
        let earlier = self.workers.iter().filter(|(_, worker)| {
            let before = restarts(&worker.hello.name);
            !worker.lost
                && (&worker.hello.pool, &worker.hello.job) == (&hello.pool, &hello.job)
                && before.0 == run.0
                && before.1 < run.1
        });
        let earlier: Vec<u64> = earlier.map(|(id, _)| *id).collect();
        for worker in earlier {
            let reason = format!("its job was started again as {}", hello.name);
            self.expire(&v1::Expire { worker, reason });
        }
    }

    pub(super) fn expire(&mut self, expire: &v1::Expire) -> Outcome {
        let now_ms = self.clock_ms;
        let worker = self.workers.get_mut(&expire.worker);
        let Some(worker) = worker.filter(|worker| !worker.lost) else {
            return Outcome::Expired { tasks: 0 };
        };
        worker.lost = true;
        worker.since_ms = now_ms;
        let why = format!("worker {} was lost: {}", worker.hello.name, expire.reason);
        self.tallies.workers_lost += 1;
        let tasks = self.lose_leases(expire.worker, &why);
        let lost = self.workers.iter().filter(|(_, worker)| worker.lost);
        let lost: Vec<u64> = lost.map(|(id, _)| *id).collect();
        for oldest in lost.iter().rev().skip(LOST_WORKERS_KEPT_MAX) {
            self.workers.remove(oldest);
        }
        Outcome::Expired { tasks }
    }

    /// With a request id an operator drains a worker: it stays drained when it restarts, until it
    /// is resumed. Without one the worker itself drains: its next process takes tasks again.
    pub(super) fn drain(&mut self, drain: &v1::Drain) -> Result<Outcome, Rejection> {
        let registrations = self.registrations(&drain.name);
        if registrations.is_empty() && !self.drained.contains_key(&drain.name) {
            let worker = drain.name.clone();
            return Err(Rejection::NoSuchWorker { worker });
        }
        if drain.resume {
            self.drained.remove(&drain.name);
        } else if !drain.request_id.is_empty() {
            let reason = drain.reason.clone();
            self.drained.insert(drain.name.clone(), reason);
        }
        for id in registrations {
            if let Some(worker) = self.workers.get_mut(&id)
                && !worker.lost
                && worker.draining == drain.resume
            {
                worker.draining = !drain.resume;
                worker.leaving &= worker.draining;
                worker.since_ms = self.clock_ms;
            }
        }
        Ok(Outcome::Drained)
    }

    /// Registrations that drain, and whether they are to end then.
    #[must_use]
    pub fn drains(&self) -> BTreeMap<u64, bool> {
        let workers = self.workers.iter();
        let drains = workers.filter(|(_, worker)| worker.draining && !worker.lost);
        drains.map(|(id, worker)| (*id, worker.leaving)).collect()
    }

    fn registrations(&self, name: &str) -> Vec<u64> {
        let workers = self.workers.iter();
        let named = workers.filter(|(_, worker)| worker.hello.name == name);
        named.map(|(id, _)| *id).collect()
    }

    /// What a worker has free by its leases.
    pub(crate) fn free(&self, id: u64, worker: &Worker) -> Need {
        worker.capacity().less(self.derived.used(id))
    }

    /// Memory of the largest worker that is not lost.
    pub(super) fn memory_max_bytes(&self) -> u64 {
        let present = self.workers.values().filter(|worker| !worker.lost);
        let memory = present.map(|worker| worker.hello.memory_bytes);
        memory.max().unwrap_or(0)
    }

    /// All registrations, by number.
    #[must_use]
    pub fn workers(&self) -> Vec<WorkerView> {
        self.workers
            .iter()
            .map(|worker| self.seen(worker))
            .collect()
    }

    /// Registrations of a pool, by number.
    #[must_use]
    pub fn workers_of(&self, pool: &str) -> Vec<WorkerView> {
        let own = self.workers.iter();
        let own = own.filter(|(_, worker)| worker.hello.pool == pool);
        own.map(|worker| self.seen(worker)).collect()
    }

    fn seen(&self, (id, worker): (&u64, &Worker)) -> WorkerView {
        let attempts = self.attempts_of(WorkerId(*id));
        let (state, since_ms) = match (worker.lost, worker.draining) {
            (true, _) => (WorkerState::Lost, worker.since_ms),
            (false, false) => (WorkerState::Up, worker.since_ms),
            (false, true) if !attempts.is_empty() => (WorkerState::Draining, worker.since_ms),
            (false, true) => (WorkerState::Drained, worker.since_ms.max(worker.idle_ms)),
        };
        WorkerView {
            id: WorkerId(*id),
            hello: worker.hello.clone(),
            state,
            leaving: worker.leaving,
            attempts,
            since_ms,
            idle_ms: worker.idle_ms,
        }
    }
}

/// The name of a worker of a pool without how often its job was started again, and that: `cpu-17_3.1`.
fn restarts(name: &str) -> (&str, u32) {
    let split = name.rsplit_once('.');
    let split = split.and_then(|(job, restarts)| Some((job, restarts.parse().ok()?)));
    split.unwrap_or((name, 0))
}
