//! What a worker does next, decided purely: `step(now, input) -> actions`.
//!
//! The agent knows no socket, thread, file or clock. It keeps these promises: an attempt is started
//! at most once; a result is repeated in every report until the scheduler has acknowledged it; a
//! broken session stops nothing that computes; the tasks that run never take more cores or memory
//! than the worker offers, except one task alone that wants more than there is.

mod tasks;
#[cfg(test)]
mod tests;

use kumi_proto::specs;
use kumi_proto::v1::{Orders, Report, Start, WorkerHello};

use crate::agent::tasks::Tasks;
pub use crate::agent::tasks::{Done, TaskResult};
use crate::endpoint::Endpoints;

/// First pause after a broken session, in milliseconds; it doubles up to [`BACKOFF_ELECTION_MS`].
const BACKOFF_MS_MIN: u64 = 100;
/// Longest pause while another leader is about to be elected, in milliseconds: work goes on that soon after it is.
const BACKOFF_ELECTION_MS: u64 = 250;
/// Pauses that an election may take; after them they double up to [`BACKOFF_MS_MAX`].
const ELECTION_PAUSES: u32 = 12;
/// Longest pause between two dials, in milliseconds.
const BACKOFF_MS_MAX: u64 = 5_000;
/// A scheduler may ask for reports no more often than this, in milliseconds.
const REPORT_MS_MIN: u64 = 20;
/// … and no less often than this.
const REPORT_MS_MAX: u64 = 60_000;
/// Before the site ends the worker, it takes nothing new for this long and for the time in which it may still go on, in
/// milliseconds: it is as much as the scheduler reckons with beyond what a task is expected to take.
const END_NOTICE_MS: u64 = 30_000;
/// Everything is stopped this long before the site ends the worker, in milliseconds.
const END_STOP_MS: u64 = 10_000;
/// How long a shutdown waits for tasks to stop and results to be acknowledged, in milliseconds.
const SHUTDOWN_MS_MAX: u64 = 5_000;

/// What happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// The scheduler accepted the stream.
    Connected,
    /// The scheduler spoke.
    Orders(Orders),
    /// The stream or the dial failed; `leader` when the refusal named one.
    SessionBroken {
        /// Address of the leader.
        leader: Option<String>,
    },
    /// A task got further: 0..1.
    TaskProgress {
        /// Which attempt.
        attempt: u64,
        /// How far.
        progress: f32,
    },
    /// A task ended.
    TaskFinished {
        /// Which attempt.
        attempt: u64,
        /// With what.
        result: TaskResult,
    },
    /// Time passed.
    Tick,
    /// Finish what runs, take nothing new, then exit.
    Drain,
    /// Take nothing new, end call tasks soon with a part, stop what still runs after so many milliseconds, then exit.
    Leave {
        /// How long tasks may go on.
        within_ms: u64,
    },
    /// Stop what runs, then exit.
    Shutdown,
}

/// What to do about it.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Open a session with the first report; whatever session there was is over.
    Dial {
        /// `host:port`, or a URI.
        endpoint: String,
        /// The first message; it carries the hello.
        report: Report,
    },
    /// Send on the open session.
    Send(Report),
    /// Run a task. Its `spec` is there and asks for no more than the worker has.
    StartTask(Box<Start>),
    /// Tell a running attempt to stop; it still reports how it ended.
    StopTask(u64),
    /// Tell a running call task to end soon with a part of its work.
    SplitTask(u64),
    /// The worker is done.
    Exit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Down { dial_at_ms: u64 },
    Dialing,
    Up { reported_at_ms: u64 },
}

/// The deciding half of a worker.
#[derive(Debug)]
pub struct Agent {
    hello: WorkerHello,
    report_interval_ms: u64,
    /// The pause between reports that holds now: ours, or what the scheduler asked for.
    pause_ms: u64,
    endpoints: Endpoints,
    link: Link,
    failures: u32,
    tasks: Tasks,
    /// Something worth telling happened since the last report.
    news: bool,
    draining: bool,
    drain_ordered: bool,
    shutdown_by_ms: Option<u64>,
    /// When nothing new is taken any more, and when everything is stopped.
    end: Option<(u64, u64)>,
    exited: bool,
}

impl Agent {
    /// An agent that has not dialled yet; its first `Tick` does.
    #[must_use]
    pub fn new(hello: WorkerHello, endpoints: Vec<String>, report_interval_ms: u64) -> Self {
        Self {
            tasks: Tasks::new(hello.cores, hello.memory_bytes),
            hello,
            report_interval_ms: report_interval_ms.clamp(REPORT_MS_MIN, REPORT_MS_MAX),
            pause_ms: report_interval_ms.clamp(REPORT_MS_MIN, REPORT_MS_MAX),
            endpoints: Endpoints::new(endpoints),
            link: Link::Down { dial_at_ms: 0 },
            failures: 0,
            news: false,
            draining: false,
            drain_ordered: false,
            shutdown_by_ms: None,
            end: None,
            exited: false,
        }
    }

    /// The site ends it at `at_ms`, on the clock of `step`; call tasks are given `grace_ms` to end with a part.
    #[must_use]
    pub fn ending(mut self, at_ms: u64, grace_ms: u64) -> Self {
        let stop_ms = at_ms.saturating_sub(END_STOP_MS);
        let notice_ms = stop_ms.saturating_sub(END_NOTICE_MS + grace_ms);
        self.end = Some((notice_ms, stop_ms));
        self
    }

    /// Takes one input and says what to do, in order. `now_ms` is any clock that only grows.
    pub fn step(&mut self, now_ms: u64, input: Input) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.exited {
            return actions;
        }
        match input {
            Input::Connected => self.connected(now_ms),
            Input::Orders(orders) => self.obey(orders, &mut actions),
            Input::SessionBroken { leader } => self.broken(now_ms, leader.as_deref()),
            Input::TaskProgress { attempt, progress } => self.tasks.progress(attempt, progress),
            Input::TaskFinished { attempt, result } => {
                self.news |= self.tasks.finish(attempt, result);
            }
            Input::Tick => {}
            Input::Drain => {
                self.draining = true;
                self.news = true;
            }
            Input::Leave { within_ms } => {
                self.leave(now_ms.saturating_add(within_ms), &mut actions)
            }
            Input::Shutdown => self.shut_down(now_ms, &mut actions),
        }
        self.watch_end(now_ms, &mut actions);
        self.settle(now_ms, &mut actions);
        actions
    }

    /// When the agent wants its next `Tick`, on the clock of `step`.
    #[must_use]
    pub fn wake_at_ms(&self) -> Option<u64> {
        let link = match self.link {
            Link::Down { dial_at_ms } => Some(dial_at_ms),
            Link::Dialing => None,
            Link::Up { reported_at_ms } => Some(reported_at_ms + self.pause_ms),
        };
        let end = self.end.map(
            |(notice_ms, stop_ms)| {
                if self.draining { stop_ms } else { notice_ms }
            },
        );
        let end = end.filter(|_| self.shutdown_by_ms.is_none());
        link.into_iter().chain(end).chain(self.shutdown_by_ms).min()
    }

    /// Cores that no task holds.
    #[must_use]
    pub fn free_cores(&self) -> u32 {
        self.tasks.free_cores()
    }

    /// Bytes that no task holds.
    #[must_use]
    pub fn free_memory(&self) -> u64 {
        self.tasks.free_memory()
    }

    fn takes_nothing_new(&self) -> bool {
        self.draining || self.drain_ordered || self.shutdown_by_ms.is_some()
    }

    fn connected(&mut self, now_ms: u64) {
        if self.link == Link::Dialing {
            self.pause_ms = self.report_interval_ms;
            self.link = Link::Up {
                reported_at_ms: now_ms,
            };
        }
    }

    fn obey(&mut self, orders: Orders, actions: &mut Vec<Action>) {
        self.failures = 0;
        self.endpoints.settled();
        self.drain_ordered = orders.drain;
        if orders.leave && !self.draining {
            self.draining = true;
            self.news = true;
        }
        if orders.report_in_ms > 0 {
            self.pause_ms = u64::from(orders.report_in_ms).clamp(REPORT_MS_MIN, REPORT_MS_MAX);
        }
        for attempt in orders.acknowledged {
            self.tasks.acknowledge(attempt);
        }
        for start in orders.start {
            self.news |= self.tasks.accept(start);
        }
        for attempt in orders.stop {
            let stop = self.tasks.stop(attempt);
            self.news |= stop.settled;
            actions.extend(stop.running.then_some(Action::StopTask(attempt)));
        }
        let running = |attempt: &u64| self.tasks.runs(*attempt);
        let split = orders.split.into_iter().filter(running);
        actions.extend(split.map(Action::SplitTask));
    }

    fn broken(&mut self, now_ms: u64, leader: Option<&str>) {
        let at_once = match leader {
            Some(leader) => self.endpoints.redirect(leader),
            None => {
                self.endpoints.failed();
                false
            }
        };
        let pause = if at_once { 0 } else { self.backoff_ms() };
        self.link = Link::Down {
            dial_at_ms: now_ms + pause,
        };
    }

    /// Doubles from the least to the largest pause, with a rest for an election; every worker waits its own share of
    /// it, so that a thousand workers do not fall upon a new leader in the same millisecond.
    fn backoff_ms(&mut self) -> u64 {
        let full = match self.failures.checked_sub(ELECTION_PAUSES) {
            None => (BACKOFF_MS_MIN << self.failures).min(BACKOFF_ELECTION_MS),
            Some(more) => (BACKOFF_ELECTION_MS << more.min(16)).min(BACKOFF_MS_MAX),
        };
        self.failures = self.failures.saturating_add(1);
        let share = fnv1a(self.hello.incarnation.as_bytes(), self.failures) % (full / 2 + 1);
        full / 2 + share
    }

    /// Ends soon: what runs is stopped at `stop_ms`, or earlier when the site ends the worker before.
    fn leave(&mut self, stop_ms: u64, actions: &mut Vec<Action>) {
        let stop_ms = self.end.map_or(stop_ms, |(_, before)| before.min(stop_ms));
        self.end = Some((0, stop_ms));
        self.draining = true;
        self.news = true;
        let running = self.tasks.running().into_iter().map(|task| task.attempt);
        let running = running.filter(|attempt| self.tasks.runs(*attempt));
        actions.extend(running.map(Action::SplitTask));
    }

    /// Leaves before the site ends the worker.
    fn watch_end(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        let Some((notice_ms, stop_ms)) = self.end else {
            return;
        };
        if now_ms >= stop_ms {
            self.shut_down(now_ms, actions);
        } else if now_ms >= notice_ms && !self.draining {
            self.leave(stop_ms, actions);
        }
    }

    fn shut_down(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        if self.shutdown_by_ms.is_some() {
            return;
        }
        self.shutdown_by_ms = Some(now_ms + SHUTDOWN_MS_MAX);
        self.news = true;
        actions.extend(self.tasks.stop_all().into_iter().map(Action::StopTask));
    }

    /// What follows from the state after any input.
    fn settle(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        if self.takes_nothing_new() {
            self.news |= self.tasks.give_back_waiting();
        }
        actions.extend(
            self.tasks
                .startable()
                .into_iter()
                .map(|start| Action::StartTask(Box::new(start))),
        );
        self.speak(now_ms, actions);
        if self.is_over(now_ms) {
            self.exited = true;
            actions.push(Action::Exit);
        }
    }

    fn speak(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        match self.link {
            Link::Down { dial_at_ms } if now_ms >= dial_at_ms && !self.endpoints.is_empty() => {
                let endpoint = self.endpoints.choose();
                let mut report = self.report();
                report.hello = Some(self.hello.clone());
                self.link = Link::Dialing;
                actions.push(Action::Dial { endpoint, report });
            }
            Link::Up { reported_at_ms }
                if self.news || now_ms >= reported_at_ms + self.pause_ms =>
            {
                self.link = Link::Up {
                    reported_at_ms: now_ms,
                };
                self.news = false;
                actions.push(Action::Send(self.report()));
            }
            _ => {}
        }
    }

    fn is_over(&self, now_ms: u64) -> bool {
        let nothing_left = self.tasks.is_idle() && self.tasks.all_acknowledged();
        match self.shutdown_by_ms {
            Some(by_ms) => nothing_left || now_ms >= by_ms,
            None => self.draining && nothing_left,
        }
    }

    /// `draining` tells the worker's own wish only: what the scheduler ordered it knows, and saying
    /// it back would undo a `resume`.
    fn report(&self) -> Report {
        let open = !self.takes_nothing_new();
        Report {
            hello: None,
            free_cores: if open { self.tasks.free_cores() } else { 0 },
            free_memory_bytes: if open { self.tasks.free_memory() } else { 0 },
            running: self.tasks.running(),
            finished: self.tasks.finished(),
            draining: self.draining || self.shutdown_by_ms.is_some(),
            specs: specs::NEWEST,
        }
    }
}

fn fnv1a(bytes: &[u8], salt: u32) -> u64 {
    bytes
        .iter()
        .chain(&salt.to_le_bytes())
        .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
}
