//! The leader's workers: who is connected, what each can take, and the soft state behind leases.
//!
//! It sends orders but decides nothing about tasks, and waits for nothing: a queue that is full ends
//! its session.

use std::collections::BTreeMap;

use kumi_proto::ids::WorkerId;
use kumi_proto::v1::{Orders, Report, Start};
use kumi_scheduler::policy::Offer;
use tokio::sync::{mpsc, oneshot};
use tonic::{Code, Status};

use crate::refusal;
use crate::soft::Soft;

/// The queue of a worker's stream.
pub(crate) type OrderQueue = mpsc::Sender<Result<Orders, Status>>;

/// What a task holds of a worker.
type Claim = (u32, u64);

/// What a worker is to do when it has finished what it runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Drain {
    /// Take more.
    #[default]
    No,
    /// Wait.
    Stay,
    /// End.
    Leave,
}

impl Drain {
    /// Of a worker that drains: whether it is to leave.
    pub(crate) fn of(drains: Option<&bool>) -> Self {
        match drains {
            None => Self::No,
            Some(false) => Self::Stay,
            Some(true) => Self::Leave,
        }
    }
}

struct Session {
    number: u64,
    orders: OrderQueue,
    end: oneshot::Sender<Status>,
    /// What it had free when it last reported.
    free: Claim,
    /// Started since, and not yet in any report: it did not count these when it said what is free.
    unseen: BTreeMap<u64, Claim>,
    /// It takes no tasks: it has not been welcomed, or wants none.
    closed: bool,
    report_in_ms: u32,
    drain: Drain,
    /// What of a specification it reads.
    specs: u32,
}

/// All sessions of one term.
pub(crate) struct Roster {
    pub(crate) soft: Soft,
    term: Option<u64>,
    sessions: BTreeMap<u64, Session>,
    last_session: u64,
}

impl Roster {
    pub(crate) fn new(lease_ms: u64) -> Self {
        Self {
            soft: Soft::new(lease_ms),
            term: None,
            sessions: BTreeMap::new(),
            last_session: 0,
        }
    }

    /// This node leads: each of `workers` has a fresh lease, none is connected.
    pub(crate) fn begin_term(
        &mut self,
        term: u64,
        steady_ms: u64,
        workers: impl IntoIterator<Item = u64>,
    ) {
        self.term = Some(term);
        self.soft.begin_term(steady_ms, workers);
    }

    /// This node no longer leads: every session ends with `status`.
    pub(crate) fn end_term(&mut self, status: &Status) {
        self.term = None;
        self.soft.begin_term(0, []);
        for session in std::mem::take(&mut self.sessions).into_values() {
            // Its task may have ended by itself.
            let _ = session.end.send(status.clone());
        }
    }

    /// A worker has registered in `term`: its lease begins and earlier sessions of it end. Gives the
    /// session's number and the news of its end; nothing when the term is over.
    pub(crate) fn admit(
        &mut self,
        (term, steady_ms): (u64, u64),
        worker: WorkerId,
        orders: OrderQueue,
        report_in_ms: u32,
    ) -> Option<(u64, oneshot::Receiver<Status>)> {
        if self.term != Some(term) {
            return None;
        }
        self.end(worker, taken_over());
        self.soft.admit(steady_ms, worker.0);
        let (end, ended) = oneshot::channel();
        self.last_session += 1;
        let session = Session {
            number: self.last_session,
            orders,
            end,
            free: (0, 0),
            unseen: BTreeMap::new(),
            closed: true,
            report_in_ms,
            drain: Drain::No,
            specs: 0,
        };
        self.sessions.insert(worker.0, session);
        Some((self.last_session, ended))
    }

    /// A session's worker reported: its lease is renewed. False when the session is over.
    pub(crate) fn report(
        &mut self,
        (worker, number): (WorkerId, u64),
        (steady_ms, unix_ms): (u64, u64),
        report: &Report,
    ) -> bool {
        let Some(session) = self.current(worker, number) else {
            return false;
        };
        session.free = (report.free_cores, report.free_memory_bytes);
        let running = report.running.iter().map(|task| task.attempt);
        for attempt in running.chain(report.finished.iter().map(|task| task.attempt)) {
            session.unseen.remove(&attempt);
        }
        self.soft.report(steady_ms, unix_ms, worker.0, report)
    }

    /// The first orders of a session: the answer to its first report, the leases it does not know
    /// of, and whether it is to drain.
    pub(crate) fn welcome(
        &mut self,
        (worker, number): (WorkerId, u64),
        orders: Orders,
        missing: Vec<Start>,
        drain: Drain,
    ) {
        if let Some(session) = self.current(worker, number) {
            session.drain = drain;
            session
                .unseen
                .extend(missing.iter().map(|start| (start.attempt, claim(start))));
            self.send(
                worker,
                Orders {
                    start: missing,
                    ..orders
                },
            );
        }
    }

    /// From now on a session's worker may be given tasks, or not.
    pub(crate) fn open(&mut self, worker: WorkerId, number: u64, open: bool) {
        if let Some(session) = self.current(worker, number) {
            session.closed = !open;
        }
    }

    /// A session's end as its own task sees it. The lease goes on.
    pub(crate) fn close(&mut self, worker: WorkerId, number: u64) {
        if self.current(worker, number).is_some() {
            self.sessions.remove(&worker.0);
        }
    }

    /// Ends a worker's session, if it has one.
    pub(crate) fn end(&mut self, worker: WorkerId, status: Status) {
        if let Some(session) = self.sessions.remove(&worker.0) {
            // Its task may have ended by itself.
            let _ = session.end.send(status);
        }
    }

    /// Keeps what of a specification a session's worker reads.
    pub(crate) fn reads(&mut self, worker: WorkerId, number: u64, specs: u32) {
        if let Some(session) = self.current(worker, number) {
            session.specs = specs;
        }
    }

    /// What of a specification a connected worker reads; 0: what every worker does.
    pub(crate) fn specs(&self, worker: WorkerId) -> u32 {
        let session = self.sessions.get(&worker.0);
        session.map_or(0, |session| session.specs)
    }

    /// Workers that are connected, in order.
    pub(crate) fn connected(&self) -> Vec<WorkerId> {
        self.sessions.keys().copied().map(WorkerId).collect()
    }

    /// What a connected worker can take now.
    pub(crate) fn offer(&self, worker: WorkerId) -> Option<Offer> {
        let session = self.sessions.get(&worker.0)?;
        let (mut cores, mut memory) = session.free;
        for (unseen_cores, unseen_memory) in session.unseen.values() {
            cores = cores.saturating_sub(*unseen_cores);
            memory = memory.saturating_sub(*unseen_memory);
        }
        let takes = cores > 0 && !session.closed && session.drain == Drain::No;
        takes.then_some(Offer {
            worker,
            free_cores: cores,
            free_memory_bytes: memory,
        })
    }

    /// All that connected workers can take now, the one with the most free cores first.
    pub(crate) fn offers(&self) -> Vec<Offer> {
        let mut offers: Vec<_> = self
            .connected()
            .into_iter()
            .filter_map(|worker| self.offer(worker))
            .collect();
        offers.sort_by_key(|offer| (std::cmp::Reverse(offer.free_cores), offer.worker));
        offers
    }

    /// Tells a worker to start tasks.
    pub(crate) fn start(&mut self, worker: WorkerId, start: Vec<Start>) {
        if let Some(session) = self.sessions.get_mut(&worker.0) {
            session
                .unseen
                .extend(start.iter().map(|start| (start.attempt, claim(start))));
        }
        self.send(
            worker,
            Orders {
                start,
                ..Orders::default()
            },
        );
    }

    /// Tells a worker whether it is to drain, unless it knows.
    pub(crate) fn drain(&mut self, worker: WorkerId, drain: Drain) {
        let session = self.sessions.get_mut(&worker.0);
        if session.is_some_and(|session| std::mem::replace(&mut session.drain, drain) != drain) {
            self.send(worker, Orders::default());
        }
    }

    /// Asks a connected worker to end a task with a part and to leave the rest to others.
    pub(crate) fn split(&mut self, worker: WorkerId, attempt: u64) {
        if self.sessions.contains_key(&worker.0) {
            self.soft.ask(worker.0, attempt);
            let split = vec![attempt];
            self.send(
                worker,
                Orders {
                    split,
                    ..Orders::default()
                },
            );
        }
    }

    /// Tells a worker to stop an attempt that is not current any more.
    pub(crate) fn stop(&mut self, worker: WorkerId, attempt: u64) {
        self.send(
            worker,
            Orders {
                stop: vec![attempt],
                ..Orders::default()
            },
        );
    }

    /// Sends orders, with what every order carries. A worker that does not read its orders loses its
    /// session.
    pub(crate) fn send(&mut self, worker: WorkerId, mut orders: Orders) {
        let Some(session) = self.sessions.get(&worker.0) else {
            return;
        };
        orders.worker = worker.0;
        orders.report_in_ms = session.report_in_ms;
        orders.drain = session.drain != Drain::No;
        orders.leave = session.drain == Drain::Leave;
        if session.orders.try_send(Ok(orders)).is_err() {
            self.end(worker, unread());
        }
    }

    fn current(&mut self, worker: WorkerId, number: u64) -> Option<&mut Session> {
        let session = self.sessions.get_mut(&worker.0);
        session.filter(|session| session.number == number)
    }
}

fn claim(start: &Start) -> Claim {
    let spec = start.spec.as_ref();
    spec.map_or((0, 0), |spec| (spec.cores, spec.memory_bytes))
}

fn taken_over() -> Status {
    let message = "another session of this worker took this one's place";
    refusal::status(Code::Aborted, refusal::SESSION_OVER, message)
}

fn unread() -> Status {
    let message = "this worker does not read its orders";
    refusal::status(Code::ResourceExhausted, refusal::SESSION_OVER, message)
}
