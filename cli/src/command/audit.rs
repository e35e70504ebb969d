//! `kumi audit`: who did what, when and why, and whether that is still what was written.

mod chain;
mod export;
mod verify;

use kumi_proto::v1;
use kumi_proto::v1::audit_service_client::AuditServiceClient;
use serde_json::json;
use tonic::Status;
use tonic::transport::Channel;

use crate::args::{AuditCommand, Remote};
use crate::print;
use crate::table::{Table, timestamp};

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
    let events = u32::try_from(lines).unwrap_or(u32::MAX);
    let latest = remote
        .client()?
        .call(async |channel| {
            let mut client = AuditServiceClient::new(channel);
            let answer = client.tail(v1::TailAuditRequest { events, all }).await?;
            Ok(answer.into_inner().records)
        })
        .await?;
    let of = |record: v1::AuditRecord| {
        let events = record.events.into_iter();
        events.map(move |event| (record.index, event))
    };
    let latest: Vec<_> = latest.into_iter().flat_map(of).collect();
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
