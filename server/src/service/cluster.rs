//! `kumi.v1.ClusterService`: this node's view of the cluster, and changes of who belongs to it.

use std::sync::Arc;
use std::time::Duration;

use kumi_cluster::{Change, Role};
use kumi_proto::v1::change_cluster_request::Change as Asked;
use kumi_proto::v1::cluster_service_server::ClusterService;
use kumi_proto::v1::{
    BackupChunk, BackupRequest, ChangeClusterRequest, ChangeClusterResponse, ClusterStatusRequest,
    ClusterStatusResponse, Member, Note, TransferLeaderRequest, TransferLeaderResponse, command,
};
use kumi_scheduler::version;
use tokio_stream::{Iter, iter};
use tonic::{Request, Response, Status};

use crate::caller::Caller;
use crate::control::Control;
use crate::limits;
use crate::refusal;

/// The schedulers.
#[derive(Clone)]
pub(crate) struct Cluster {
    pub(crate) control: Arc<Control>,
}

#[tonic::async_trait]
impl ClusterService for Cluster {
    async fn status(
        &self,
        request: Request<ClusterStatusRequest>,
    ) -> Result<Response<ClusterStatusResponse>, Status> {
        let caller = Caller::of(&request)?;
        if request.into_inner().leader {
            self.control.require_leader()?;
        }
        let mut status = self.view();
        if caller.is_operator() {
            let known = self.control.local(|state, _| state.pool_statuses());
            status.pools = self.control.pools.described(known);
        }
        Ok(Response::new(status))
    }

    async fn change(
        &self,
        request: Request<ChangeClusterRequest>,
    ) -> Result<Response<ChangeClusterResponse>, Status> {
        let caller = Caller::of(&request)?;
        let asked = request.into_inner().change;
        let asked = asked.ok_or_else(|| refusal::bad_field("change", "it says nothing to do"))?;
        let change = change(asked);
        let changed = self.control.node.change(change.clone(), caller.actor());
        changed.await.map_err(|error| refusal::change(&error))?;
        // The change is in the log, with who asked for it. When it was made is in this alone, so it is
        // made all the same when this cannot be written.
        let noted = self.note(&caller, "changed", in_words(&change)).await;
        if let Err(status) = noted {
            tracing::warn!(%status, "a change of the cluster has no time in the audit log");
        }
        let status = Some(self.view());
        Ok(Response::new(ChangeClusterResponse { status }))
    }

    async fn transfer_leader(
        &self,
        request: Request<TransferLeaderRequest>,
    ) -> Result<Response<TransferLeaderResponse>, Status> {
        let caller = Caller::of(&request)?;
        let to = request.into_inner().id;
        // What is refused below is not begun.
        if self.control.node.status().borrow().peers.contains_key(&to) {
            let object = format!("leadership to node {to}");
            self.note(&caller, "transfer", object).await?;
        }
        let node = &self.control.node;
        let mut status = node.status();
        let asked = node.transfer(to).await;
        asked.map_err(|error| refusal::change(&error))?;
        let patience = Duration::from_millis(limits::TRANSFER_MS_MAX);
        let leads = |status: &kumi_cluster::Status| {
            status
                .leader
                .as_ref()
                .is_some_and(|(leader, _)| *leader == to)
        };
        let led = tokio::time::timeout(patience, status.wait_for(leads)).await;
        let Ok(Ok(status)) = led else {
            return Err(refusal::not_transferred(to));
        };
        Ok(Response::new(TransferLeaderResponse {
            leader: to,
            term: status.term,
        }))
    }

    type BackupStream = Iter<Chunks>;

    async fn backup(
        &self,
        request: Request<BackupRequest>,
    ) -> Result<Response<Self::BackupStream>, Status> {
        let caller = Caller::of(&request)?;
        self.note(&caller, "backup", "the whole cluster".to_owned())
            .await?;
        let backup = self.control.node.backup().await;
        let backup = backup.map_err(|error| refusal::read(&error))?;
        let file = tokio::task::spawn_blocking(move || backup.encode()).await;
        let file = file.map_err(|_| refusal::stopping())?;
        Ok(Response::new(iter(Chunks { file, sent: 0 })))
    }
}

/// A file in messages, each made when it is sent.
pub(crate) struct Chunks {
    file: Vec<u8>,
    sent: usize,
}

impl Iterator for Chunks {
    type Item = Result<BackupChunk, Status>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = &self.file[self.sent..];
        let data = rest.chunks(limits::BACKUP_CHUNK_BYTES).next()?.to_vec();
        self.sent += data.len();
        Some(Ok(BackupChunk { data }))
    }
}

impl Cluster {
    /// Writes into the audit log what is in no command of its own; as soon as the state machine knows such notes.
    async fn note(&self, caller: &Caller, action: &str, object: String) -> Result<(), Status> {
        let in_force = self.control.node.status().borrow().machine_version;
        if in_force < version::NOTES {
            return Ok(());
        }
        let note = command::Kind::Note(Note {
            action: action.to_owned(),
            object,
        });
        self.control.propose_by(caller, note).await.map(|_| ())
    }

    fn view(&self) -> ClusterStatusResponse {
        let node = &self.control.node;
        let status = node.status().borrow().clone();
        let members = status.peers.iter().map(|(id, address)| Member {
            id: *id,
            address: address.clone(),
            role: role(&status, *id).to_owned(),
            match_index: status.match_index.get(id).copied().unwrap_or_default(),
        });
        ClusterStatusResponse {
            id: status.id,
            leader: status.leader.as_ref().map_or(0, |(id, _)| *id),
            term: status.term,
            commit_index: status.commit_index,
            applied_index: status.applied_index,
            members: members.collect(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            cluster: self.control.cluster.clone(),
            snapshot_index: status.snapshot_index,
            data_bytes: node.metrics().wal_bytes,
            changing: status.joint,
            retired: status.retired.iter().copied().collect(),
            machine_version: status.machine_version,
            machine_version_known: status.machine_version_known,
            pools: Vec::new(),
        }
    }
}

fn change(asked: Asked) -> Change {
    match asked {
        Asked::Add(add) => Change::AddLearner {
            id: add.id,
            address: add.address,
        },
        Asked::Promote(promote) => Change::Promote { id: promote.id },
        Asked::Remove(remove) => Change::Remove { id: remove.id },
        Asked::Replace(replace) => Change::Replace {
            old: replace.old,
            new: replace.new,
        },
        Asked::Upgrade(upgrade) => Change::Upgrade {
            version: upgrade.version,
        },
    }
}

fn in_words(change: &Change) -> String {
    match change {
        Change::AddLearner { id, address } => format!("node {id} at {address} added"),
        Change::Promote { id } => format!("node {id} promoted"),
        Change::Remove { id } => format!("node {id} removed"),
        Change::Replace { old, new } => format!("node {old} replaced by {new}"),
        Change::Upgrade { version } => format!("state machine version {version} in force"),
    }
}

/// What this node knows of a node's part: its own, who leads, and who does not vote.
fn role(status: &kumi_cluster::Status, id: u64) -> &'static str {
    let leader = status.leader.as_ref().map(|(leader, _)| *leader);
    if leader == Some(id) {
        Role::Leader.label()
    } else if id == status.id {
        status.role.label()
    } else if status.learners.contains(&id) {
        Role::Learner.label()
    } else if status.role == Role::Leader {
        Role::Follower.label()
    } else {
        "unknown"
    }
}
