//! `kumi cluster`: the schedulers, as each of them sees the others.

use kumi_proto::v1;
use kumi_proto::v1::cluster_service_client::ClusterServiceClient;
use serde_json::json;

use crate::args::{ClusterCommand, Remote};
use crate::client::Client;
use crate::exit::{Code, Exit};
use crate::print;
use crate::table::Table;

/// Runs the command.
///
/// # Errors
/// 69 when no scheduler answers or none of them knows a leader.
pub async fn run(command: ClusterCommand) -> anyhow::Result<()> {
    match command {
        ClusterCommand::Status { remote } => status(&remote).await,
    }
}

async fn status(remote: &Remote) -> anyhow::Result<()> {
    let answers = Client::new(remote.endpoint.clone())
        .each(async |channel| {
            ClusterServiceClient::new(channel)
                .status(v1::ClusterStatusRequest {})
                .await
        })
        .await;
    let mut table = Table::new(&[
        "endpoint",
        "id",
        "role",
        "leader",
        "term",
        "committed",
        "applied",
        "version",
    ]);
    let mut values = Vec::new();
    let mut leader = false;
    for (endpoint, answer) in answers {
        let status = match answer {
            Ok(response) => response.into_inner(),
            Err(error) => {
                values.push(json!({ "endpoint": endpoint, "error": error.message() }));
                table.row(
                    [&endpoint, "-", "unreachable", "-", "-", "-", "-", "-"]
                        .map(str::to_owned)
                        .to_vec(),
                );
                continue;
            }
        };
        leader |= status.leader != 0;
        let role = status
            .members
            .iter()
            .find(|m| m.id == status.id)
            .map_or("unknown", |m| m.role.as_str());
        values.push(value(&endpoint, role, &status));
        table.row(vec![
            endpoint,
            status.id.to_string(),
            role.to_owned(),
            if status.leader == 0 {
                "-".to_owned()
            } else {
                status.leader.to_string()
            },
            status.term.to_string(),
            status.commit_index.to_string(),
            status.applied_index.to_string(),
            status.version.clone(),
        ]);
    }
    print::all(remote.output, &values, || table.render());
    if leader {
        return Ok(());
    }
    Err(Exit::new(
        Code::Unavailable,
        "no scheduler that answers knows a leader; is a majority up?",
    )
    .into())
}

fn value(endpoint: &str, role: &str, status: &v1::ClusterStatusResponse) -> serde_json::Value {
    let members: Vec<_> = status
        .members
        .iter()
        .map(|m| json!({ "id": m.id, "address": m.address, "role": m.role, "match_index": m.match_index }))
        .collect();
    json!({
        "endpoint": endpoint, "id": status.id, "role": role, "leader": status.leader, "term": status.term,
        "commit_index": status.commit_index, "applied_index": status.applied_index,
        "version": status.version, "members": members,
    })
}
