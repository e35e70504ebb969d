//! Who puts a new scheduler in the place of an old one while the cohort runs.

use std::time::Duration;

use kumi_proto::v1::change_cluster_request::Change;
use kumi_proto::v1::cluster_service_client::ClusterServiceClient;
use kumi_proto::v1::{
    AddMember, ChangeClusterRequest, ClusterStatusRequest, ClusterStatusResponse, ReplaceMember,
    TransferLeaderRequest,
};
use tonic::Status;
use tonic::transport::Channel;

use crate::client::{Cluster, PAUSE};
use crate::faults::{Size, scheduler};
use crate::history::{History, now_ms};
use crate::network::address;

/// When it gives up: a disk that rotted may have kept the new one away for good. Virtual milliseconds.
const LIMIT_MS: u64 = 60_000;

/// What is to be done next.
#[derive(Clone, Copy)]
enum Step {
    Add(u64),
    /// The old one leads, and whoever leads is not replaced.
    Transfer(u64),
    Replace(u64, u64),
}

/// Takes the node that waits into the cluster, and has it vote in the place of another; as often as it takes.
///
/// # Errors
/// Never; the simulation wants to be told of errors.
pub async fn administrator(size: Size, seed: u64, history: History) -> turmoil::Result {
    let mut cluster = Cluster::new(size, seed, 30);
    let old = cluster.random.between(1, size.schedulers + 1);
    let new = size.nodes();
    tokio::time::sleep(Duration::from_millis(cluster.random.between(500, 10_000))).await;
    while now_ms() < LIMIT_MS {
        if let Ok(status) = cluster.call(status).await {
            let Some(step) = next(&status, old, new) else {
                let (old, new) = (scheduler(old), scheduler(new));
                history.tell(format_args!("{new} is in the place of {old}"));
                break;
            };
            // Refused or unanswered: the next look shows what became of it.
            if let Err(status) = cluster
                .call(async |channel| take(channel, step).await)
                .await
            {
                history.tell(format_args!("no new member: {}", status.message()));
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// None when the new one has the old one's place.
fn next(status: &ClusterStatusResponse, old: u64, new: u64) -> Option<Step> {
    let is_member = |id| status.members.iter().any(|member| member.id == id);
    match (is_member(old), is_member(new)) {
        (false, true) => None,
        (_, false) => Some(Step::Add(new)),
        (true, true) if status.leader == old => Some(Step::Transfer(1 + old % (new - 1))),
        (true, true) => Some(Step::Replace(old, new)),
    }
}

/// The cluster as its leader knows it.
async fn status(channel: Channel) -> Result<ClusterStatusResponse, Status> {
    let request = ClusterStatusRequest { leader: true };
    let status = ClusterServiceClient::new(channel).status(request).await?;
    Ok(status.into_inner())
}

async fn take(channel: Channel, step: Step) -> Result<(), Status> {
    let mut client = ClusterServiceClient::new(channel);
    let change = match step {
        Step::Transfer(id) => {
            client.transfer_leader(TransferLeaderRequest { id }).await?;
            return Ok(());
        }
        Step::Add(id) => Change::Add(AddMember {
            id,
            address: address(id),
        }),
        Step::Replace(old, new) => Change::Replace(ReplaceMember { old, new }),
    };
    let change = Some(change);
    client.change(ChangeClusterRequest { change }).await?;
    Ok(())
}
