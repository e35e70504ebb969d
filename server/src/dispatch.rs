//! Gives ready tasks to workers with room.
//!
//! The choice is the scheduler's policy; the lease exists once its command is in the log; the order
//! to start follows it, never precedes it.

use kumi_proto::ids::WorkerId;
use kumi_proto::v1::{Grant, Speculate, command};
use kumi_scheduler::{Outcome, policy};
use tonic::Status;

use crate::control::Control;
use crate::limits;
use crate::refusal;
use crate::views;

/// Serves offers whenever the state or the offers change; ends with the term.
pub(crate) async fn run(control: &Control) {
    let mut applied = control.node.applied();
    loop {
        applied.borrow_and_update();
        pass_on_drains(control);
        hand_out(control).await;
        tokio::select! {
            biased;
            () = control.wake.notified() => {}
            changed = applied.changed() => if changed.is_err() { return },
        }
    }
}

/// Workers that an operator drains or resumes are told so.
fn pass_on_drains(control: &Control) {
    let draining = control.local(|state, _| views::draining(state));
    let mut roster = control.roster();
    for worker in roster.connected() {
        roster.drain(worker, draining.contains(&worker.0));
    }
}

/// Gives until nobody takes. Each round gives a worker at most twice as much as the one before: a few
/// tasks are spread over the workers, many are handed out in few rounds.
async fn hand_out(control: &Control) {
    let mut most = 1;
    for _ in 0..limits::GRANT_ROUNDS_MAX {
        let offers = control.roster().offers();
        let mut given = false;
        for offer in offers {
            given |= serve(control, offer.worker, most).await;
        }
        if !given {
            return;
        }
        most = (2 * most).min(limits::GRANT_TASKS_MAX);
    }
    // There is more, but leases and drains are looked at first.
    control.wake.notify_one();
}

/// Grants to one worker.
async fn serve(control: &Control, worker: WorkerId, most: usize) -> bool {
    match grant(control, worker, most).await {
        Ok(given) => given,
        Err(status) => {
            no_outcome(control, worker, status);
            false
        }
    }
}

/// Of a grant without an outcome the worker's session ends: the next one compares what it should run with what it runs.
fn no_outcome(control: &Control, worker: WorkerId, status: Status) {
    tracing::warn!(
        worker = worker.0,
        error = status.message(),
        "a grant has no outcome"
    );
    control.roster().end(worker, status);
}

/// One command with tasks for one worker; whether it got any.
async fn grant(control: &Control, worker: WorkerId, most: usize) -> Result<bool, Status> {
    let Some(offer) = control.roster().offer(worker) else {
        return Ok(false);
    };
    let tasks = control.local(|state, _| policy::pick(state, &offer, most));
    if tasks.is_empty() {
        return Ok(false);
    }
    let grant = command::Kind::Grant(Grant {
        worker: worker.0,
        tasks,
        lease_ms: control.lease.ms(),
    });
    start(control, worker, grant).await
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
    if let Err(status) = start(control, worker, speculate).await {
        no_outcome(control, worker, status);
    }
}

/// Proposes leases of a worker, and tells it to start what was granted; whether that was any.
async fn start(control: &Control, worker: WorkerId, kind: command::Kind) -> Result<bool, Status> {
    match control.propose(kind).await?.outcome {
        Outcome::Granted(starts) => {
            let some = !starts.is_empty();
            if some {
                control.roster().start(worker, starts);
            }
            Ok(some)
        }
        other => Err(refusal::unexpected("a grant", &other)),
    }
}
