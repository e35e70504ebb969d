//! `kumi worker`: look after the workers of a cluster.

use kumi_proto::v1;
use kumi_proto::v1::worker_service_client::WorkerServiceClient;
use serde_json::json;

use crate::args::{Remote, WorkerCommand};
use crate::client::Client;
use crate::print;
use crate::request;
use crate::table::{Table, timestamp};

/// Runs the command.
///
/// # Errors
/// What the worker or the scheduler answers.
pub async fn run(command: WorkerCommand) -> anyhow::Result<()> {
    match command {
        WorkerCommand::List { remote } => list(&remote).await,
        WorkerCommand::Drain {
            name,
            reason,
            remote,
        } => drain(name, false, reason, &remote).await,
        WorkerCommand::Resume { name, remote } => drain(name, true, String::new(), &remote).await,
    }
}

async fn list(remote: &Remote) -> anyhow::Result<()> {
    let asked = v1::ListWorkersRequest { stale: false };
    let answer = Client::new(remote.endpoint.clone())
        .call(async |channel| WorkerServiceClient::new(channel).list(asked).await)
        .await?
        .into_inner();
    let mut table = Table::new(&[
        "worker",
        "state",
        "cores",
        "free",
        "running",
        "cpu",
        "version",
        "last report",
    ]);
    let mut values = Vec::new();
    for worker in &answer.workers {
        let hello = worker.hello.clone().unwrap_or_default();
        values.push(json!({
            "name": hello.name, "state": worker.state, "cores": hello.cores, "free_cores": worker.free_cores,
            "memory_bytes": hello.memory_bytes, "running": worker.running.len(), "cpu": hello.cpu,
            "version": hello.version, "last_report": timestamp(worker.last_report_ms),
        }));
        table.row(vec![
            hello.name,
            worker.state.clone(),
            hello.cores.to_string(),
            worker.free_cores.to_string(),
            worker.running.len().to_string(),
            hello.cpu,
            hello.version,
            timestamp(worker.last_report_ms),
        ]);
    }
    print::all(remote.output, &values, || table.render());
    Ok(())
}

async fn drain(name: String, resume: bool, reason: String, remote: &Remote) -> anyhow::Result<()> {
    let asked = v1::DrainWorkerRequest {
        request_id: request::fresh_id(),
        name,
        resume,
        reason,
    };
    Client::new(remote.endpoint.clone())
        .call(async |channel| WorkerServiceClient::new(channel).drain(asked.clone()).await)
        .await?;
    Ok(())
}
