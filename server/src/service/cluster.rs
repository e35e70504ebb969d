//! `kumi.v1.ClusterService`: this node's view of the cluster; every node answers for itself.

use std::sync::Arc;

use kumi_proto::v1::cluster_service_server::ClusterService;
use kumi_proto::v1::{ClusterStatusRequest, ClusterStatusResponse, Member};
use tonic::{Request, Response, Status};

use crate::control::Control;

/// The schedulers.
#[derive(Clone)]
pub(crate) struct Cluster {
    pub(crate) control: Arc<Control>,
}

#[tonic::async_trait]
impl ClusterService for Cluster {
    async fn status(
        &self,
        _: Request<ClusterStatusRequest>,
    ) -> Result<Response<ClusterStatusResponse>, Status> {
        let status = self.control.node.status().borrow().clone();
        let members = status.peers.iter().map(|(id, address)| Member {
            id: *id,
            address: address.clone(),
            role: role(&status, *id).to_owned(),
            match_index: status.match_index.get(id).copied().unwrap_or_default(),
        });
        Ok(Response::new(ClusterStatusResponse {
            id: status.id,
            leader: status.leader.as_ref().map_or(0, |(id, _)| *id),
            term: status.term,
            commit_index: status.commit_index,
            applied_index: status.applied_index,
            members: members.collect(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }))
    }
}

/// What this node knows of a node's part: its own, and who leads.
fn role(status: &kumi_cluster::Status, id: u64) -> &'static str {
    let leads = status
        .leader
        .as_ref()
        .is_some_and(|(leader, _)| *leader == id);
    match (leads, id == status.id) {
        (true, _) => "leader",
        (false, true) => status.role.label(),
        (false, false) if status.role == kumi_cluster::Role::Leader => "follower",
        (false, false) => "unknown",
    }
}
