//! Gives ready tasks to workers with room.
//!
//! The choice is the scheduler's policy; the lease exists once its command is in the log; the order
//! to start follows it, never precedes it. Grants to different workers are under way together, so
//! that they share an entry and an fsync, one at a time to each; what they promise nobody else gets.

use std::collections::BTreeSet;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use kumi_proto::ids::WorkerId;
use kumi_proto::v1::{Grant, Speculate, TaskId, command};
use kumi_scheduler::policy::{self, Promised};
use kumi_scheduler::{Granted, Outcome};
use tonic::Status;

use crate::control::Control;
use crate::limits;
use crate::refusal;
use crate::roster::Drain;

/// Serves offers whenever the state or the offers change; ends with the term.
pub(crate) async fn run(control: &Control) {
    let mut applied = control.node.applied();
    let mut dealer = Dealer::new(control);
    loop {
        applied.borrow_and_update();
        pass_on_drains(control);
        dealer.deal();
        tokio::select! {
            biased;
            Some(grant) = dealer.under_way.next() => dealer.settle(grant),
            () = control.wake.notified() => {}
            changed = applied.changed() => if changed.is_err() { return },
        }
        while let Some(Some(grant)) = futures::FutureExt::now_or_never(dealer.under_way.next()) {
            dealer.settle(grant);
        }
    }
}

/// Workers that an operator drains or resumes, or that their pools give back, are told so.
fn pass_on_drains(control: &Control) {
    let drains = control.local(|state, _| state.drains());
    let mut roster = control.roster();
    for worker in roster.connected() {
        roster.drain(worker, Drain::of(drains.get(&worker.0)));
    }
}

/// A grant that has an outcome, or never will.
struct Answer {
    worker: WorkerId,
    tasks: Vec<TaskId>,
    granted: Result<Vec<Granted>, Status>,
}

struct Dealer<'a> {
    control: &'a Control,
    promised: Promised,
    /// Workers with a grant under way.
    served: BTreeSet<WorkerId>,
    under_way: FuturesUnordered<BoxFuture<'a, Answer>>,
}

impl<'a> Dealer<'a> {
    fn new(control: &'a Control) -> Self {
        Self {
            control,
            promised: Promised::default(),
            served: BTreeSet::new(),
            under_way: FuturesUnordered::new(),
        }
    }

    /// Proposes grants to all workers with room and none under way.
    fn deal(&mut self) {
        let mut offers = self.control.roster().offers();
        offers.retain(|offer| !self.served.contains(&offer.worker));
        for offers in offers.chunks(limits::DEAL_WORKERS) {
            if self.served.len() >= limits::DEAL_WORKERS {
                break;
            }
            let promised = &mut self.promised;
            let dealt = self
                .control
                .local(|state, _| policy::deal(state, offers, limits::GRANT_TASKS_MAX, promised));
            for (worker, tasks) in dealt {
                self.served.insert(worker);
                self.under_way
                    .push(Box::pin(grant(self.control, worker, tasks)));
            }
        }
    }

    /// Keeps nothing aside for a grant any more.
    fn settle(&mut self, answer: Answer) {
        let Answer {
            worker,
            tasks,
            granted,
        } = answer;
        self.promised.settle(&tasks);
        self.served.remove(&worker);
        tell(self.control, worker, granted);
    }
}

/// One command with tasks for one worker.
async fn grant(control: &Control, worker: WorkerId, tasks: Vec<TaskId>) -> Answer {
    let grant = command::Kind::Grant(Grant {
        worker: worker.0,
        tasks: tasks.clone(),
        lease_ms: control.lease.ms(),
    });
    Answer {
        worker,
        tasks,
        granted: granted(control, grant).await,
    }
}

/// A second attempt beside one that takes far too long.
pub(crate) async fn speculate(control: &Control, worker: WorkerId, attempt: u64) {
    tracing::info!(
        worker = worker.0,
        attempt,
        "a late task is tried a second time"
    );
    let speculate = command::Kind::Speculate(Speculate {
        worker: worker.0,
        attempt,
    });
    tell(control, worker, granted(control, speculate).await);
}

/// Proposes leases; those that were granted.
async fn granted(control: &Control, kind: command::Kind) -> Result<Vec<Granted>, Status> {
    match control.propose(kind).await?.outcome {
        Outcome::Granted(granted) => Ok(granted),
        other => Err(refusal::unexpected("a grant", &other)),
    }
}

/// Tells a worker to start what it was granted. When that has no outcome, its session ends: the next one compares what
/// it should run with what it runs.
fn tell(control: &Control, worker: WorkerId, granted: Result<Vec<Granted>, Status>) {
    match granted {
        Ok(granted) => {
            let specs = control.roster().specs(worker);
            let starts = control.local(|state, _| state.starts(&granted, specs));
            if !starts.is_empty() {
                control.roster().start(worker, starts);
            }
        }
        Err(status) => {
            let error = status.message();
            tracing::warn!(worker = worker.0, error, "a grant has no outcome");
            control.roster().end(worker, status);
        }
    }
}
