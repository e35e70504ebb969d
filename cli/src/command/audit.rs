//! `kumi audit`: who did what, when and why, and whether that is still what was written.

mod chain;
mod export;
mod verify;

use std::collections::VecDeque;

use kumi_proto::v1;
use kumi_proto::v1::audit_service_client::AuditServiceClient;
use serde_json::json;
use tonic::Status;
use tonic::transport::Channel;

use crate::args::{AuditCommand, Remote};
use crate::print;
use crate::table::{Table, timestamp};

/// What schedulers and workers do by themselves.
const BY_ITSELF: [&str; 5] = ["grant", "settle", "register", "expire", "lead"];

/// Runs the command.
///
/// # Errors
/// 69 when no scheduler answers, 65 when the log is not what was written.
pub async fn run(command: AuditCommand) -> anyhow::Result<()> {
    match command {
        AuditCommand::Tail { lines, all, remote } => tail(lines, all, &remote).await,
        AuditCommand::Verify {
            file: Some(file), ..
        } => verify::file(&file),
        AuditCommand::Verify { file: None, remote } => verify::schedulers(&remote).await,
        AuditCommand::Export { to, remote } => export::export(&to, &remote).await,
    }
}

async fn tail(lines: usize, all: bool, remote: &Remote) -> anyhow::Result<()> {
    let latest = remote
        .client()?
        .call(async |channel| {
            let mut latest = VecDeque::new();
            let keep = |record: &v1::AuditRecord| {
                for event in &record.events {
                    if all || !BY_ITSELF.contains(&event.action.as_str()) {
                        latest.push_back((record.index, event.clone()));
                    }
                    while latest.len() > lines {
                        latest.pop_front();
                    }
                }
                Ok(())
            };
            each(channel, 0, keep).await.map(|()| latest)
        })
        .await?;
    let values: Vec<_> = latest
        .iter()
        .map(|(index, event)| value(*index, event))
        .collect();
    print::all(remote.output, &values, || {
        let mut table = Table::new(&["revision", "when", "who", "what", "of", "why"]);
        for (index, event) in &latest {
            table.row(vec![
                index.to_string(),
                timestamp(event.at_ms),
                who(event).to_owned(),
                event.action.clone(),
                event.object.clone(),
                event.reason.clone(),
            ]);
        }
        table.render()
    });
    Ok(())
}

/// Hands every record of a scheduler's log to `take`.
async fn each(
    channel: Channel,
    from: u64,
    mut take: impl FnMut(&v1::AuditRecord) -> Result<(), Status>,
) -> Result<(), Status> {
    let mut client = AuditServiceClient::new(channel);
    let answer = client.read(v1::ReadAuditRequest { from }).await?;
    let mut records = answer.into_inner();
    while let Some(record) = records.message().await? {
        take(&record)?;
    }
    Ok(())
}

fn who(event: &v1::AuditEvent) -> &str {
    match event.actor.as_str() {
        "" => "-",
        actor => actor,
    }
}

fn value(index: u64, event: &v1::AuditEvent) -> serde_json::Value {
    json!({
        "revision": index, "when": timestamp(event.at_ms), "who": event.actor, "what": event.action,
        "of": event.object, "why": event.reason,
    })
}
