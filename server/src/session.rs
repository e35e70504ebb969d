//! One worker's stream: reports in, orders out.
//!
//! Heartbeats and progress stay in the roster; only registrations and results enter the log.

use std::collections::BTreeSet;
use std::sync::Arc;

use kumi_proto::ids::WorkerId;
use kumi_proto::v1::{
    Expire, FinishedTask, Orders, Register, Report, RunningTask, Settle, Start, WorkerHello,
    command,
};
use kumi_scheduler::Outcome;
use tokio::sync::{mpsc, oneshot};
use tonic::{Code, Status, Streaming};

use crate::caller::Caller;
use crate::control::Control;
use crate::limits;
use crate::machine::Applied;
use crate::orders::OrderStream;
use crate::refusal;
use crate::roster::{Drain, OrderQueue};
use crate::service::deadline;

/// Registers a worker with its first report and begins its session; the leader only.
pub(crate) async fn open(
    control: Arc<Control>,
    caller: Caller,
    mut reports: Streaming<Report>,
) -> Result<OrderStream, Status> {
    let term = control.open_term().await?;
    let first = deadline("the first report", reports.message()).await?;
    let first = first.ok_or_else(|| refusal::bad_field("hello", "the stream ended before it"))?;
    let hello = first.hello.clone();
    let hello =
        hello.ok_or_else(|| refusal::bad_field("hello", "the first report must carry it"))?;
    check(&hello)?;
    caller.may_be_worker(&hello.name)?;
    let name = hello.name.clone();
    let registering = control.membership.read().await;
    let register = command::Kind::Register(Register { hello: Some(hello) });
    let worker = match control.propose_by(&caller, register).await?.outcome {
        Outcome::Registered(worker) => worker,
        other => return Err(refusal::unexpected("a registration", &other)),
    };
    let (orders, stream) = mpsc::channel(limits::ORDERS_WAITING_MAX);
    let report_in_ms = u32::try_from(control.report_in.ms()).unwrap_or(u32::MAX);
    let at = (term, control.clock.steady_ms());
    let admitted = control
        .roster()
        .admit(at, worker, orders.clone(), report_in_ms);
    drop(registering);
    let (number, ended) = admitted.ok_or_else(|| refusal::not_leader(None))?;
    tracing::info!(worker = worker.0, name, "a worker's session begins");
    let session = Session {
        control,
        caller,
        worker,
        number,
        orders,
        settled: BTreeSet::new(),
        leaving: false,
    };
    tokio::spawn(session.run(first, reports, ended));
    Ok(OrderStream::new(stream))
}

fn check(hello: &WorkerHello) -> Result<(), Status> {
    for (field, text) in [
        ("hello.name", &hello.name),
        ("hello.incarnation", &hello.incarnation),
    ] {
        if text.is_empty() || text.len() > limits::WORKER_NAME_BYTES_MAX {
            let problem = format!("it needs 1 to {} bytes", limits::WORKER_NAME_BYTES_MAX);
            return Err(refusal::bad_field(field, problem));
        }
    }
    for (field, text) in [("hello.pool", &hello.pool), ("hello.job", &hello.job)] {
        if text.len() > limits::WORKER_NAME_BYTES_MAX {
            let problem = format!(
                "it may have {} bytes at most",
                limits::WORKER_NAME_BYTES_MAX
            );
            return Err(refusal::bad_field(field, problem));
        }
    }
    if hello.cores == 0 {
        return Err(refusal::bad_field(
            "hello.cores",
            "a worker needs at least one core",
        ));
    }
    Ok(())
}

struct Session {
    control: Arc<Control>,
    caller: Caller,
    worker: WorkerId,
    number: u64,
    orders: OrderQueue,
    /// Results whose fate was decided in this session and that the worker may still repeat.
    settled: BTreeSet<u64>,
    /// Its last report says that it drains by its own wish and runs nothing.
    leaving: bool,
}

impl Session {
    async fn run(
        mut self,
        first: Report,
        reports: Streaming<Report>,
        ended: oneshot::Receiver<Status>,
    ) {
        let outcome = self.converse(first, reports, ended).await;
        self.control.roster().close(self.worker, self.number);
        let worker = self.worker.0;
        match outcome {
            Ok(()) => {
                tracing::info!(worker, "a worker hung up");
                self.farewell().await;
            }
            Err(status) => {
                tracing::info!(worker, reason = status.message(), "a worker's session ends");
                // A worker that reads nothing will not read this either.
                let _ = self.orders.try_send(Err(status));
            }
        }
    }

    /// A worker that drained and hung up has left: nobody need wait for its lease to end.
    async fn farewell(&self) {
        let _alone = self.control.membership.write().await;
        let (idle, given_back) = self.control.local(|state, _| {
            let idle = state.attempts_of(self.worker).is_empty();
            (idle, state.drains().get(&self.worker.0) == Some(&true))
        });
        let returned = self.control.roster().connected().contains(&self.worker);
        if !(self.leaving || given_back) || !idle || returned {
            return;
        }
        let expire = Expire {
            worker: self.worker.0,
            reason: "it drained and left".to_owned(),
        };
        match self.propose(command::Kind::Expire(expire)).await {
            Ok(_) => self.control.roster().soft.forget(self.worker.0),
            Err(status) => tracing::debug!(error = status.message(), "its lease ends by itself"),
        }
    }

    async fn propose(&self, kind: command::Kind) -> Result<Applied, Status> {
        self.control.propose_by(&self.caller, kind).await
    }

    /// Takes reports until the worker hangs up (`Ok`) or the session must end.
    async fn converse(
        &mut self,
        first: Report,
        mut reports: Streaming<Report>,
        mut ended: oneshot::Receiver<Status>,
    ) -> Result<(), Status> {
        self.welcome(first).await?;
        loop {
            let report = tokio::select! {
                biased;
                status = &mut ended => return Err(status.unwrap_or_else(|_| over())),
                report = reports.message() => report,
            };
            match report {
                Ok(Some(report)) => self.take(report).await?,
                Ok(None) => return Ok(()),
                Err(status) => {
                    tracing::debug!(worker = self.worker.0, error = %status, "a worker's stream broke");
                    return Ok(());
                }
            }
        }
    }

    /// The first report of a session: what the worker holds is compared with what it should hold.
    /// Leases that it does not know of are sent again.
    async fn welcome(&mut self, report: Report) -> Result<(), Status> {
        let (listed, open) = (listed(&report), !report.draining);
        let specs = report.specs;
        self.control.roster().reads(self.worker, self.number, specs);
        let orders = self.answer(report).await?;
        let leases = self
            .control
            .local(|state, _| state.starts_of(self.worker, specs));
        let missing: Vec<Start> = leases
            .into_iter()
            .filter(|start| !listed.contains(&start.attempt))
            .collect();
        let drains = self.control.local(|state, _| state.drains());
        let session = (self.worker, self.number);
        let mut roster = self.control.roster();
        let drain = Drain::of(drains.get(&self.worker.0));
        roster.welcome(session, orders, missing, drain);
        roster.open(self.worker, self.number, open);
        drop(roster);
        self.control.wake.notify_one();
        Ok(())
    }

    async fn take(&mut self, report: Report) -> Result<(), Status> {
        let open = !report.draining;
        self.control.roster().open(self.worker, self.number, open);
        let orders = self.answer(report).await?;
        if !orders.acknowledged.is_empty() || !orders.stop.is_empty() {
            self.control.roster().send(self.worker, orders);
        }
        Ok(())
    }

    /// Renews the lease, settles what finished, and says what must stop. What the worker has free may be given away
    /// meanwhile: its results and its next tasks then share an entry of the log.
    async fn answer(&mut self, report: Report) -> Result<Orders, Status> {
        let clock = &self.control.clock;
        let now = (clock.steady_ms(), clock.unix_ms());
        let session = (self.worker, self.number);
        {
            let mut roster = self.control.roster();
            if !roster.report(session, now, &report) {
                return Err(over());
            }
            if roster.offer(self.worker).is_some() {
                self.control.wake.notify_one();
            }
        }
        self.leaving = report.draining && report.running.is_empty();
        let acknowledged = self.settle(report.finished).await?;
        Ok(Orders {
            stop: self.ended(&report.running),
            acknowledged,
            ..Orders::default()
        })
    }

    /// What the worker runs although it holds no lease of it any more.
    fn ended(&self, running: &[RunningTask]) -> Vec<u64> {
        if running.is_empty() {
            return Vec::new();
        }
        let current: BTreeSet<u64> = self.control.local(|state, _| {
            let leases = state.attempts_of(self.worker);
            leases.into_iter().map(|(attempt, _)| attempt).collect()
        });
        let running = running.iter().map(|task| task.attempt);
        running
            .filter(|attempt| !current.contains(attempt))
            .collect()
    }

    /// Puts the results into the log that are not there yet. All that were reported are decided then.
    async fn settle(&mut self, mut finished: Vec<FinishedTask>) -> Result<Vec<u64>, Status> {
        let reported: BTreeSet<u64> = finished.iter().map(|task| task.attempt).collect();
        self.settled.retain(|attempt| reported.contains(attempt));
        finished.retain(|task| !self.settled.contains(&task.attempt));
        if !finished.is_empty() {
            let worker = self.worker.0;
            let settle = command::Kind::Settle(Settle { worker, finished });
            match self.propose(settle).await?.outcome {
                Outcome::Settled(settlements) => {
                    self.settled
                        .extend(settlements.iter().map(|settlement| settlement.attempt));
                }
                other => return Err(refusal::unexpected("results", &other)),
            }
        }
        Ok(reported.into_iter().collect())
    }
}

fn listed(report: &Report) -> BTreeSet<u64> {
    let running = report.running.iter().map(|task| task.attempt);
    running
        .chain(report.finished.iter().map(|task| task.attempt))
        .collect()
}

/// The session's lease is gone; the worker may register again.
pub(crate) fn over() -> Status {
    let message = "this worker was silent for longer than its lease; its tasks run elsewhere";
    refusal::status(Code::Aborted, refusal::SESSION_OVER, message)
}
