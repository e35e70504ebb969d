//! What the log knows of a pool and of its workers.

use kumi_proto::v1;
use kumi_scheduler::pool::Pool;
use kumi_scheduler::{State, WorkerState, WorkerView};

use crate::pool::decide::Member;

/// A pool and its registrations.
pub(super) fn facts(state: &State, name: &str) -> (Pool, Vec<Member>) {
    let known = state.pools().get(name).cloned().unwrap_or_default();
    let members = state.workers_of(name).into_iter().map(member);
    (known, members.collect())
}

fn member(worker: WorkerView) -> Member {
    Member {
        id: worker.id.0,
        request: worker.hello.pool_request,
        run: run(&worker.hello),
        job: worker.hello.job,
        lost: worker.state == WorkerState::Lost,
        draining: matches!(worker.state, WorkerState::Draining | WorkerState::Drained),
        leaving: worker.leaving,
        busy: !worker.attempts.is_empty(),
        since_ms: worker.since_ms.max(worker.idle_ms),
    }
}

/// A worker whose job was started again has the run at the end of its name: `cpu-17_3.1`.
fn run(hello: &v1::WorkerHello) -> usize {
    let job = format!("{}-{}.", hello.pool, hello.job);
    let run = hello.name.strip_prefix(&job);
    run.and_then(|run| run.parse().ok()).unwrap_or(0)
}
