//! `kumi worker`: start one, look after those of a cluster.

mod config;
mod membership;
mod start;
mod stores;

use kumi_proto::v1;
use kumi_proto::v1::worker_service_client::WorkerServiceClient;
use serde_json::{Value, json};

use crate::args::{Remote, WorkerCommand};
pub(crate) use crate::command::worker::config::load as configuration;
use crate::exit::{Code, Exit};
use crate::print;
use crate::report;
use crate::request;
use crate::table::{Table, bytes, timestamp};

/// Runs the command.
///
/// # Errors
/// What the worker or the scheduler answers.
pub async fn run(command: WorkerCommand) -> anyhow::Result<()> {
    match command {
        WorkerCommand::Start(args) => start::run(*args).await,
        WorkerCommand::List { remote } => list(&remote).await,
        WorkerCommand::Show { name, remote } => show(&name, &remote).await,
        WorkerCommand::Drain {
            name,
            reason,
            remote,
        } => drain(name, false, reason, &remote).await,
        WorkerCommand::Resume { name, remote } => drain(name, true, String::new(), &remote).await,
    }
}

async fn workers(remote: &Remote) -> anyhow::Result<Vec<v1::WorkerStatus>> {
    let asked = v1::ListWorkersRequest { stale: false };
    let answer = remote
        .client()?
        .call(async |channel| WorkerServiceClient::new(channel).list(asked).await)
        .await?;
    Ok(answer.into_inner().workers)
}

fn value(worker: &v1::WorkerStatus) -> Value {
    let hello = worker.hello.clone().unwrap_or_default();
    let running: Vec<_> = worker
        .running
        .iter()
        .map(|task| {
            json!({ "task": report::task_name(&task.task.unwrap_or_default()),
                    "cohort": task.task.unwrap_or_default().cohort, "attempt": task.attempt,
                    "progress": task.progress })
        })
        .collect();
    json!({
        "name": hello.name, "state": worker.state, "cores": hello.cores, "free_cores": worker.free_cores,
        "memory_bytes": hello.memory_bytes, "scratch_bytes": hello.scratch_bytes, "running": running, "cpu": hello.cpu,
        "version": hello.version, "kernel_version": hello.kernel_version,
        "last_report": timestamp(worker.last_report_ms),
    })
}

async fn list(remote: &Remote) -> anyhow::Result<()> {
    let workers = workers(remote).await?;
    let values: Vec<_> = workers.iter().map(value).collect();
    print::all(remote.output, &values, || {
        if workers.is_empty() {
            return "no workers; start one with `kumi worker start`\n".to_owned();
        }
        table(&workers)
    });
    Ok(())
}

fn table(workers: &[v1::WorkerStatus]) -> String {
    let mut table = Table::new(&[
        "worker",
        "state",
        "cores",
        "free",
        "memory",
        "running",
        "cpu",
        "version",
        "last report",
    ]);
    for worker in workers {
        let hello = worker.hello.clone().unwrap_or_default();
        table.row(vec![
            hello.name,
            worker.state.clone(),
            hello.cores.to_string(),
            worker.free_cores.to_string(),
            bytes(hello.memory_bytes),
            worker.running.len().to_string(),
            hello.cpu,
            hello.version,
            timestamp(worker.last_report_ms),
        ]);
    }
    table.render()
}

async fn show(name: &str, remote: &Remote) -> anyhow::Result<()> {
    let of_name = |worker: &v1::WorkerStatus| worker.hello.as_ref().is_some_and(|h| h.name == name);
    // A worker that was started again is listed once for each start; the latest counts.
    let found = workers(remote)
        .await?
        .into_iter()
        .filter(of_name)
        .max_by_key(|w| w.worker);
    let Some(worker) = found else {
        let message = format!("no worker is called {name}; `kumi worker list` shows all");
        return Err(Exit::new(Code::MissingInput, message).into());
    };
    print::one(remote.output, &value(&worker), || {
        let mut tasks = Table::new(&["task", "cohort", "attempt", "progress"]);
        for running in &worker.running {
            let task = running.task.unwrap_or_default();
            tasks.row(vec![
                report::task_name(&task),
                task.cohort.to_string(),
                running.attempt.to_string(),
                format!("{:.0} %", running.progress * 100.0),
            ]);
        }
        let running = if worker.running.is_empty() {
            "nothing is running\n".to_owned()
        } else {
            tasks.render()
        };
        format!("{}\n{running}", table(std::slice::from_ref(&worker)))
    });
    Ok(())
}

async fn drain(name: String, resume: bool, reason: String, remote: &Remote) -> anyhow::Result<()> {
    let asked = v1::DrainWorkerRequest {
        request_id: request::fresh_id(),
        name,
        resume,
        reason,
    };
    remote
        .client()?
        .call(async |channel| WorkerServiceClient::new(channel).drain(asked.clone()).await)
        .await?;
    Ok(())
}
