//! The tasks a worker holds: waiting for room, running, finished but not acknowledged.

use std::collections::{BTreeMap, VecDeque};

use kumi_proto::v1::{
    Failure, FailureClass, FinishedTask, Manifest, RunningTask, Start, TaskId, finished_task,
};

/// How a task ended.
#[derive(Clone, Debug, PartialEq)]
pub enum TaskResult {
    /// Everything it made is published.
    Done(Done),
    /// It published nothing.
    Failed(Failure),
}

/// What a task that ended well left behind and says about itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Done {
    /// What it published.
    pub manifest: Manifest,
    /// Of call tasks: CPU time by bin, in the order of the bins that its regions touch.
    pub bin_milliseconds: Vec<u32>,
    /// Of call tasks that were asked to split: how many bases of their regions, from the first, are done; 0: all.
    pub part_bases: u64,
}

impl From<Manifest> for Done {
    fn from(manifest: Manifest) -> Self {
        Self {
            manifest,
            ..Self::default()
        }
    }
}

#[derive(Clone, Debug)]
struct Running {
    task: Option<TaskId>,
    cores: u32,
    memory_bytes: u64,
    progress: f32,
}

/// What became of a request to stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stop {
    /// It runs: its threads must be told.
    pub(super) running: bool,
    /// It had not begun: its result is there already.
    pub(super) settled: bool,
}

#[derive(Debug)]
pub(super) struct Tasks {
    cores: u32,
    memory_bytes: u64,
    waiting: VecDeque<Start>,
    running: BTreeMap<u64, Running>,
    finished: BTreeMap<u64, FinishedTask>,
}

impl Tasks {
    pub(super) fn new(cores: u32, memory_bytes: u64) -> Self {
        Self {
            cores,
            memory_bytes,
            waiting: VecDeque::new(),
            running: BTreeMap::new(),
            finished: BTreeMap::new(),
        }
    }

    /// Takes a task in. One that is known already is not taken twice. True: there is a result at
    /// once, because the order could not be understood.
    pub(super) fn accept(&mut self, mut start: Start) -> bool {
        let attempt = start.attempt;
        let known = self.running.contains_key(&attempt)
            || self.finished.contains_key(&attempt)
            || self.waiting.iter().any(|other| other.attempt == attempt);
        if known {
            return false;
        }
        let Some(spec) = &mut start.spec else {
            let message = "the order to start carries no specification".to_owned();
            self.fail(attempt, None, FailureClass::Internal, message);
            return true;
        };
        spec.cores = spec.cores.clamp(1, self.cores.max(1));
        spec.memory_bytes = spec.memory_bytes.min(self.memory_bytes);
        self.waiting.push_back(start);
        false
    }

    /// Moves what fits from waiting to running, in order, and gives it out. A task that nothing runs
    /// beside always fits.
    pub(super) fn startable(&mut self) -> Vec<Start> {
        let mut starts = Vec::new();
        while let Some(start) = self.waiting.front() {
            let (cores, memory_bytes) = demand(start);
            let (used_cores, used_memory) = self.used();
            let fits = used_cores + cores <= self.cores
                && used_memory.saturating_add(memory_bytes) <= self.memory_bytes;
            if !fits && !self.running.is_empty() {
                break;
            }
            let running = Running {
                task: task_of(start),
                cores,
                memory_bytes,
                progress: 0.0,
            };
            self.running.insert(start.attempt, running);
            starts.extend(self.waiting.pop_front());
        }
        starts
    }

    pub(super) fn progress(&mut self, attempt: u64, progress: f32) {
        if let Some(running) = self.running.get_mut(&attempt) {
            running.progress = running.progress.max(progress.clamp(0.0, 1.0));
        }
    }

    /// Keeps a result. False when no such attempt runs.
    pub(super) fn finish(&mut self, attempt: u64, result: TaskResult) -> bool {
        let Some(running) = self.running.remove(&attempt) else {
            return false;
        };
        let finished = FinishedTask {
            attempt,
            task: running.task,
            ..finished_of(result)
        };
        self.finished.insert(attempt, finished);
        true
    }

    pub(super) fn acknowledge(&mut self, attempt: u64) {
        self.finished.remove(&attempt);
    }

    pub(super) fn stop(&mut self, attempt: u64) -> Stop {
        if self.running.contains_key(&attempt) {
            return Stop {
                running: true,
                settled: false,
            };
        }
        let position = self.waiting.iter().position(|w| w.attempt == attempt);
        let waiting = position.and_then(|position| self.waiting.remove(position));
        let settled = waiting.is_some();
        if let Some(start) = waiting {
            self.give_back(&start);
        }
        Stop {
            running: false,
            settled,
        }
    }

    /// Whether an attempt runs.
    pub(super) fn runs(&self, attempt: u64) -> bool {
        self.running.contains_key(&attempt)
    }

    /// Ends what waits; the attempts that run and must be told.
    pub(super) fn stop_all(&mut self) -> Vec<u64> {
        self.give_back_waiting();
        self.running.keys().copied().collect()
    }

    /// Ends what waits. True when something did.
    pub(super) fn give_back_waiting(&mut self) -> bool {
        let waiting = std::mem::take(&mut self.waiting);
        for start in &waiting {
            self.give_back(start);
        }
        !waiting.is_empty()
    }

    fn give_back(&mut self, start: &Start) {
        let message = "given back before it began".to_owned();
        self.fail(
            start.attempt,
            task_of(start),
            FailureClass::Stopped,
            message,
        );
    }

    fn fail(&mut self, attempt: u64, task: Option<TaskId>, class: FailureClass, message: String) {
        let failure = Failure {
            class: class.into(),
            message,
        };
        let finished = FinishedTask {
            attempt,
            task,
            result: Some(finished_task::Result::Failure(failure)),
            ..FinishedTask::default()
        };
        self.finished.insert(attempt, finished);
    }

    fn used(&self) -> (u32, u64) {
        self.running.values().fold((0, 0), |(cores, memory), task| {
            (cores + task.cores, memory.saturating_add(task.memory_bytes))
        })
    }

    fn promised(&self) -> (u32, u64) {
        self.waiting
            .iter()
            .map(demand)
            .fold(self.used(), |(cores, memory), (c, m)| {
                (cores.saturating_add(c), memory.saturating_add(m))
            })
    }

    pub(super) fn free_cores(&self) -> u32 {
        self.cores.saturating_sub(self.promised().0)
    }

    pub(super) fn free_memory(&self) -> u64 {
        self.memory_bytes.saturating_sub(self.promised().1)
    }

    /// What runs and what waits for room, by attempt.
    pub(super) fn running(&self) -> Vec<RunningTask> {
        let running = self.running.iter().map(|(&attempt, task)| RunningTask {
            attempt,
            task: task.task,
            progress: task.progress,
        });
        let waiting = self.waiting.iter().map(|start| RunningTask {
            attempt: start.attempt,
            task: task_of(start),
            progress: 0.0,
        });
        let mut all: Vec<_> = running.chain(waiting).collect();
        all.sort_by_key(|task| task.attempt);
        all
    }

    pub(super) fn finished(&self) -> Vec<FinishedTask> {
        self.finished.values().cloned().collect()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty() && self.waiting.is_empty()
    }

    pub(super) fn all_acknowledged(&self) -> bool {
        self.finished.is_empty()
    }
}

/// A result as it is told, but for whose it is.
fn finished_of(result: TaskResult) -> FinishedTask {
    match result {
        TaskResult::Done(done) => FinishedTask {
            result: Some(finished_task::Result::Manifest(done.manifest)),
            bin_milliseconds: done.bin_milliseconds,
            part_bases: done.part_bases,
            ..FinishedTask::default()
        },
        TaskResult::Failed(failure) => FinishedTask {
            result: Some(finished_task::Result::Failure(failure)),
            ..FinishedTask::default()
        },
    }
}

fn demand(start: &Start) -> (u32, u64) {
    start
        .spec
        .as_ref()
        .map_or((1, 0), |spec| (spec.cores.max(1), spec.memory_bytes))
}

fn task_of(start: &Start) -> Option<TaskId> {
    start.spec.as_ref().and_then(|spec| spec.task)
}
