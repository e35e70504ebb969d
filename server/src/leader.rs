//! What only the leader does: begin its term, give work to workers, declare silent ones lost, have late tasks split.
//!
//! It holds no truth: everything it decides goes through the log, and a new leader starts afresh.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use kumi_proto::ids::WorkerId;
use kumi_proto::v1::{
    Expire, Failure, FailureClass, FinishedTask, NewTerm, Settle, command, finished_task,
};
use kumi_scheduler::policy;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::ages::Ages;
use crate::control::Control;
use crate::dispatch;
use crate::limits;
use crate::pool;
use crate::refusal;
use crate::session;
use crate::views;

/// Leads whenever this node is elected, until the server stops.
pub(crate) async fn run(control: Arc<Control>) {
    let mut status = control.node.status();
    loop {
        let term = tokio::select! {
            biased;
            () = control.stopping() => return,
            found = status.wait_for(kumi_cluster::Status::leads) => match found {
                Ok(found) => found.term,
                // The node has stopped.
                Err(_) => return,
            },
        };
        let end = lead(&control, term, &mut status).await;
        control.announce(None);
        control.roster().end_term(&end);
        tracing::info!(term, "this node's term ends");
    }
}

/// One term, from its first command to its end; what sessions are told then.
async fn lead(
    control: &Control,
    term: u64,
    status: &mut watch::Receiver<kumi_cluster::Status>,
) -> tonic::Status {
    let work = async {
        begin(control, term).await;
        // None may wait for another: leases are watched while grants are under way.
        tokio::join!(
            watch_leases(control),
            watch_shards(control),
            dispatch::run(control),
            pool::run(control)
        );
    };
    tokio::select! {
        biased;
        () = control.stopping() => refusal::stopping(),
        next = status.wait_for(|status| !status.leads() || status.term != term) => match next {
            Ok(next) => refusal::not_leader(next.leader.as_ref()),
            Err(_) => refusal::stopping(),
        },
        () = work => refusal::not_leader(None),
    }
}

/// Gives every running lease one fresh term, then opens the doors.
async fn begin(control: &Control, term: u64) {
    let leader = control.node.status().borrow().id;
    let lease_ms = control.lease.ms();
    loop {
        let new_term = command::Kind::NewTerm(NewTerm { leader, lease_ms });
        match control.propose(new_term).await {
            Ok(_) => break,
            Err(status) => {
                tracing::warn!(term, error = status.message(), "the term cannot begin yet");
                tokio::time::sleep(Duration::from_millis(limits::LEADER_RETRY_MS)).await;
            }
        }
    }
    let workers = control.local(|state, _| views::present(state));
    tracing::info!(term, workers = workers.len(), "this node leads");
    control
        .roster()
        .begin_term(term, control.clock.steady_ms(), workers);
    control.announce(Some(term));
}

/// Looks for workers that are silent for too long.
async fn watch_leases(control: &Control) {
    let every_ms = (control.lease.ms() / limits::LEASE_CHECKS).clamp(1, limits::LEASE_CHECK_MS_MAX);
    let mut checks = tokio::time::interval(Duration::from_millis(every_ms));
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        checks.tick().await;
        let now = control.clock.steady_ms();
        let overdue = control.roster().soft.overdue(now, every_ms);
        if !overdue.is_empty() {
            expire(control, &overdue).await;
        }
    }
}

/// Ends running normal and bulk tasks early when urgent ones have waited for their cores for too long. `besieged` keeps
/// since when they do, by the steady clock.
async fn make_room(control: &Control, ages: &Ages, besieged: &mut Option<u64>) {
    let after_ms = control.preempt_after.ms();
    if after_ms == 0 {
        return;
    }
    let room = wanted_room(control, ages);
    let now_ms = control.clock.steady_ms();
    if !room.is_wanted {
        *besieged = None;
        return;
    }
    if now_ms.saturating_sub(*besieged.get_or_insert(now_ms)) < after_ms {
        return;
    }
    for (worker, attempt) in room.split {
        tracing::info!(
            worker = worker.0,
            attempt,
            "a task makes room for an urgent one"
        );
        let mut roster = control.roster();
        roster.split(worker, attempt);
        roster.soft.preempted.split += 1;
    }
    for (worker, attempt, task) in room.stop {
        tracing::info!(
            worker = worker.0,
            attempt,
            "a task that has just begun makes room for an urgent one"
        );
        let failure = Failure {
            class: FailureClass::Stopped.into(),
            message: "it made room for urgent work".to_owned(),
        };
        let stopped = FinishedTask {
            attempt,
            task: Some(task),
            result: Some(finished_task::Result::Failure(failure)),
            ..FinishedTask::default()
        };
        let settle = Settle {
            worker: worker.0,
            finished: vec![stopped],
        };
        match control.propose(command::Kind::Settle(settle)).await {
            Ok(_) => {
                let mut roster = control.roster();
                roster.stop(worker, attempt);
                roster.soft.preempted.stopped += 1;
            }
            Err(status) => {
                tracing::warn!(attempt, error = status.message(), "it may still run");
            }
        }
    }
}

fn wanted_room(control: &Control, ages: &Ages) -> policy::Room {
    let (connected, asked) = {
        let roster = control.roster();
        let connected = roster.connected().into_iter().map(|worker| worker.0);
        (connected.collect(), roster.soft.asked())
    };
    let siege = policy::Siege {
        age_ms: &|attempt| ages.of(attempt),
        was_asked: &|attempt| asked.contains(&attempt),
        connected: &connected,
    };
    control.local(|state, _| policy::make_room(state, &siege))
}

/// Looks for tasks that take far longer than was expected while workers have nothing to do, and for urgent ones that wait
/// for cores.
async fn watch_shards(control: &Control) {
    let every_ms = control.split_after.ms().min(limits::SPLIT_CHECK_MS_MAX);
    let mut checks = tokio::time::interval(Duration::from_millis(every_ms));
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut ages = Ages::default();
    let mut besieged = None;
    loop {
        checks.tick().await;
        let running = control.local(|state, _| policy::running(state));
        ages.see(control.clock.steady_ms(), running);
        make_room(control, &ages, &mut besieged).await;
        let (late, copied) = late_tasks(control, &ages);
        for (worker, attempt) in late {
            tracing::info!(worker = worker.0, attempt, "a task is asked to be split");
            control.roster().split(worker, attempt);
        }
        for (worker, attempt) in copied {
            dispatch::speculate(control, worker, attempt).await;
        }
    }
}

/// Attempts and their workers.
type Chosen = Vec<(WorkerId, u64)>;

/// Which tasks are to be split, and which are to be tried a second time by which workers.
fn late_tasks(control: &Control, ages: &Ages) -> (Chosen, Chosen) {
    let (offers, asked) = {
        let roster = control.roster();
        (roster.offers(), roster.soft.asked())
    };
    if offers.is_empty() {
        return (Chosen::new(), Chosen::new());
    }
    let watch = policy::Watch {
        age_ms: &|attempt| ages.of(attempt),
        after_ms: control.split_after.ms(),
        copy_after_ms: control.copy_after.ms(),
        offers: &offers,
        was_asked: &|attempt| asked.contains(&attempt),
    };
    control.local(|state, _| {
        let late = policy::split(state, &watch);
        (late, policy::speculate(state, &watch))
    })
}

/// Declares workers lost; their tasks are ready again. One that registers meanwhile is let through
/// before or after, never in between.
async fn expire(control: &Control, overdue: &[u64]) {
    let _alone = control.membership.write().await;
    let now = control.clock.steady_ms();
    let lost: Vec<u64> = {
        let mut roster = control.roster();
        let still = |worker: &&u64| roster.soft.is_overdue(now, **worker);
        let lost: Vec<u64> = overdue.iter().filter(still).copied().collect();
        for worker in &lost {
            roster.end(WorkerId(*worker), session::over());
        }
        lost
    };
    let seconds = control.lease.ms() as f64 / 1e3;
    let commands = lost.iter().map(|&worker| {
        tracing::warn!(worker, "a worker is silent for longer than its lease: lost");
        let reason = format!("no report for {seconds} s");
        control.propose(command::Kind::Expire(Expire { worker, reason }))
    });
    let outcomes = join_all(commands).await;
    let mut roster = control.roster();
    for (worker, outcome) in lost.into_iter().zip(outcomes) {
        match outcome {
            Ok(_) => roster.soft.forget(worker),
            Err(status) => {
                tracing::warn!(worker, error = status.message(), "its leases stand for now");
            }
        }
    }
}
