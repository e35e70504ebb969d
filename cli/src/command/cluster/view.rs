//! The schedulers as tables and as JSON.

use kumi_proto::v1;
use kumi_proto::v1::cluster_service_client::ClusterServiceClient;
use serde_json::{Value, json};
use tonic::Status;

use crate::args::Remote;
use crate::client::Client;
use crate::command::cluster::members;
use crate::command::pools;
use crate::exit::{Code, Exit};
use crate::print;
use crate::table::Table;

type Answer = (String, Result<v1::ClusterStatusResponse, Status>);

/// `kumi cluster status`: what each of the endpoints says.
///
/// # Errors
/// 69 when none of them knows a leader.
pub(super) async fn all(remote: &Remote) -> anyhow::Result<()> {
    let answers: Vec<Answer> = remote
        .client()?
        .each(async |channel| {
            ClusterServiceClient::new(channel)
                .status(v1::ClusterStatusRequest::default())
                .await
                .map(tonic::Response::into_inner)
        })
        .await;
    let values: Vec<Value> = answers.iter().map(value).collect();
    print::all(remote.output, &values, || tables(&answers));
    if answers
        .iter()
        .any(|(_, answer)| answer.as_ref().is_ok_and(|status| status.leader != 0))
    {
        return Ok(());
    }
    let message = "no scheduler that answers knows a leader; is a majority up?";
    Err(Exit::new(Code::Unavailable, message).into())
}

/// What one scheduler says, after a change.
///
/// # Errors
/// 69 when none answers.
pub(super) async fn one(client: &Client, remote: &Remote) -> anyhow::Result<()> {
    let status = members::status(client).await?;
    let answer = [(String::new(), Ok(status))];
    print::one(remote.output, &value(&answer[0]), || member_table(&answer));
    Ok(())
}

fn tables(answers: &[Answer]) -> String {
    let mut table = Table::new(&[
        "endpoint",
        "id",
        "role",
        "leader",
        "term",
        "committed",
        "applied",
        "snapshot",
        "version",
    ]);
    for (endpoint, answer) in answers {
        table.row(match answer {
            Ok(status) => row(endpoint, status),
            Err(_) => [endpoint, "-", "unreachable", "-", "-", "-", "-", "-", "-"]
                .map(str::to_owned)
                .to_vec(),
        });
    }
    let told = told(answers);
    let pools = told.map_or_else(String::new, |status| pools::table(&status.pools));
    format!("{}\n{}{pools}", table.render(), member_table(answers))
}

fn row(endpoint: &str, status: &v1::ClusterStatusResponse) -> Vec<String> {
    let leader = match status.leader {
        0 => "-".to_owned(),
        leader => leader.to_string(),
    };
    vec![
        endpoint.to_owned(),
        status.id.to_string(),
        role(status).to_owned(),
        leader,
        status.term.to_string(),
        status.commit_index.to_string(),
        status.applied_index.to_string(),
        status.snapshot_index.to_string(),
        status.version.clone(),
    ]
}

/// What the leader says, or any other if the leader was not asked.
fn told(answers: &[Answer]) -> Option<&v1::ClusterStatusResponse> {
    let answered = || {
        answers
            .iter()
            .filter_map(|(_, answer)| answer.as_ref().ok())
    };
    let leader = answered().find(|status| status.id == status.leader);
    leader.or_else(|| answered().next())
}

fn member_table(answers: &[Answer]) -> String {
    let Some(status) = told(answers) else {
        return String::new();
    };
    let leads = status.id == status.leader;
    let mut table = Table::new(&["member", "address", "role", "behind"]);
    for member in &status.members {
        let behind = status.commit_index.saturating_sub(member.match_index);
        table.row(vec![
            member.id.to_string(),
            member.address.clone(),
            member.role.clone(),
            match leads {
                true => behind.to_string(),
                false => "-".to_owned(),
            },
        ]);
    }
    let machine = match (status.machine_version, status.machine_version_known) {
        (version, known) if known > version => {
            format!("version {version}; this build knows {known} (kumi cluster upgrade)")
        }
        (version, _) => format!("version {version}"),
    };
    let changing = if status.changing {
        "; the members are changing"
    } else {
        ""
    };
    format!(
        "{}cluster {}, state machine {machine}{changing}\n",
        table.render(),
        status.cluster
    )
}

/// What a scheduler says of its own part.
fn role(status: &v1::ClusterStatusResponse) -> &str {
    let own = status.members.iter().find(|member| member.id == status.id);
    own.map_or("not a member", |member| member.role.as_str())
}

fn value((endpoint, answer): &Answer) -> Value {
    let status = match answer {
        Ok(status) => status,
        Err(error) => return json!({ "endpoint": endpoint, "error": error.message() }),
    };
    let members: Vec<_> = status
        .members
        .iter()
        .map(|m| json!({ "id": m.id, "address": m.address, "role": m.role, "match_index": m.match_index }))
        .collect();
    json!({
        "endpoint": endpoint, "cluster": status.cluster, "id": status.id, "role": role(status),
        "leader": status.leader, "term": status.term, "commit_index": status.commit_index,
        "applied_index": status.applied_index, "snapshot_index": status.snapshot_index,
        "data_bytes": status.data_bytes, "version": status.version, "members": members,
        "changing": status.changing, "retired": status.retired,
        "machine_version": status.machine_version,
        "machine_version_known": status.machine_version_known,
        "pools": status.pools.iter().map(pools::value).collect::<Vec<_>>(),
    })
}
