//! Who belongs to the cluster: each command looks first, does what is missing, and may be run again.

use std::time::{Duration, Instant};

use kumi_proto::v1;
use kumi_proto::v1::change_cluster_request::Change;
use kumi_proto::v1::cluster_service_client::ClusterServiceClient;
use tonic::{Code as Grpc, Status};

use crate::args::{ChangeArgs, Remote};
use crate::client::Client;
use crate::command::cluster::view;
use crate::exit::{Code, Exit};

const PAUSE: Duration = Duration::from_millis(300);
/// How often a change is begun again after a change of leader.
const TRIES: usize = 5;

/// `kumi cluster add`.
///
/// # Errors
/// What the leader refused it for, or 124 when the node did not catch up in time.
pub(super) async fn add(
    id: u64,
    address: &str,
    learner: bool,
    args: &ChangeArgs,
) -> anyhow::Result<()> {
    let members = Members::new(args)?;
    members
        .until_made(async || {
            members.take_in(id, address).await?;
            if learner {
                return Ok(());
            }
            members.promote(id).await
        })
        .await
}

/// `kumi cluster promote`.
///
/// # Errors
/// As [`add`].
pub(super) async fn promote(id: u64, args: &ChangeArgs) -> anyhow::Result<()> {
    let members = Members::new(args)?;
    members.until_made(async || members.promote(id).await).await
}

/// `kumi cluster remove`.
///
/// # Errors
/// What the leader refused it for.
pub(super) async fn remove(id: u64, args: &ChangeArgs) -> anyhow::Result<()> {
    let members = Members::new(args)?;
    members
        .until_made(async || {
            if members.has_left(id).await? {
                return Ok(());
            }
            members.let_another_lead(id).await?;
            let removal = Change::Remove(v1::RemoveMember { id });
            members.change(removal).await
        })
        .await
}

/// `kumi cluster replace`.
///
/// # Errors
/// As [`add`].
pub(super) async fn replace(
    old: u64,
    new: u64,
    address: &str,
    args: &ChangeArgs,
) -> anyhow::Result<()> {
    let members = Members::new(args)?;
    members
        .until_made(async || {
            if members.has_left(old).await? {
                return Ok(());
            }
            members.take_in(new, address).await?;
            members.let_another_lead(old).await?;
            let replacement = Change::Replace(v1::ReplaceMember { old, new });
            members.change(replacement).await
        })
        .await
}

/// `kumi cluster transfer`.
///
/// # Errors
/// What the leader refused it for, or that the other node does not lead yet.
pub(super) async fn transfer(id: u64, remote: &Remote) -> anyhow::Result<()> {
    let client = remote.client()?;
    transfer_to(&client, id).await?;
    view::one(&client, remote).await
}

/// `kumi cluster upgrade`.
///
/// # Errors
/// Which node runs an older build.
pub(super) async fn upgrade(remote: &Remote) -> anyhow::Result<()> {
    let client = remote.client()?;
    let status = status(&client).await?;
    let version = status.machine_version_known;
    if version > status.machine_version {
        let change = Change::Upgrade(v1::UpgradeMachine { version });
        let answer = ask(&client, change).await?;
        answer.map_err(|status| Exit::new(Code::TryAgain, status.message().to_owned()))?;
    } else {
        eprintln!(
            "version {version} of the state machine is in force; this build knows no newer one"
        );
    }
    view::one(&client, remote).await
}

/// What the leader knows of the cluster.
pub(super) async fn status(client: &Client) -> anyhow::Result<v1::ClusterStatusResponse> {
    let answer = client
        .call(async |channel| {
            ClusterServiceClient::new(channel)
                .status(v1::ClusterStatusRequest { leader: true })
                .await
        })
        .await?;
    Ok(answer.into_inner())
}

async fn transfer_to(client: &Client, id: u64) -> anyhow::Result<()> {
    client
        .call(async |channel| {
            ClusterServiceClient::new(channel)
                .transfer_leader(v1::TransferLeaderRequest { id })
                .await
        })
        .await?;
    Ok(())
}

/// Asks the leader; a refusal that may pass is given back instead of ending the command.
async fn ask(client: &Client, change: Change) -> anyhow::Result<Result<(), Status>> {
    let request = v1::ChangeClusterRequest {
        change: Some(change),
    };
    client
        .call(async |channel| {
            let answer = ClusterServiceClient::new(channel)
                .change(request.clone())
                .await;
            match answer {
                Ok(_) => Ok(Ok(())),
                Err(status) if may_pass(&status) => Ok(Err(status)),
                Err(status) => Err(status),
            }
        })
        .await
}

/// A node that catches up, another change under way, a leader that changed.
fn may_pass(status: &Status) -> bool {
    status.code() == Grpc::Aborted
}

/// Another node leads: whether the change was made is not known.
fn leader_changed(error: &anyhow::Error) -> bool {
    let exit = error.downcast_ref::<Exit>();
    exit.is_some_and(|exit| exit.code == Code::TryAgain)
}

struct Members<'a> {
    client: Client,
    args: &'a ChangeArgs,
    deadline: Instant,
}

impl<'a> Members<'a> {
    fn new(args: &'a ChangeArgs) -> Result<Self, Exit> {
        Ok(Self {
            client: args.remote.client()?,
            args,
            deadline: Instant::now() + args.timeout,
        })
    }

    /// Runs `steps` again after a change of leader, then prints the members.
    async fn until_made(&self, steps: impl AsyncFn() -> anyhow::Result<()>) -> anyhow::Result<()> {
        let mut tries = 0;
        while let Err(error) = steps().await {
            tries += 1;
            if tries == TRIES || !leader_changed(&error) {
                return Err(error);
            }
            tokio::time::sleep(PAUSE).await;
        }
        view::one(&self.client, &self.args.remote).await
    }

    async fn change(&self, change: Change) -> anyhow::Result<()> {
        let mut said = String::new();
        loop {
            let Err(status) = ask(&self.client, change.clone()).await? else {
                return Ok(());
            };
            if status.code() == Grpc::Aborted {
                return Err(Exit::new(Code::TryAgain, status.message().to_owned()).into());
            }
            if Instant::now() >= self.deadline {
                return Err(Exit::new(Code::Timeout, status.message().to_owned()).into());
            }
            if said != status.message() {
                status.message().clone_into(&mut said);
                eprintln!("{said}");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn member(&self, id: u64) -> anyhow::Result<Option<v1::Member>> {
        let members = status(&self.client).await?.members;
        Ok(members.into_iter().find(|member| member.id == id))
    }

    async fn has_left(&self, id: u64) -> anyhow::Result<bool> {
        Ok(status(&self.client).await?.retired.contains(&id))
    }

    /// A node becomes a learner, unless it is a member at that address.
    async fn take_in(&self, id: u64, address: &str) -> anyhow::Result<()> {
        let member = self.member(id).await?;
        if member.is_some_and(|member| member.address == address) {
            return Ok(());
        }
        let address = address.to_owned();
        self.change(Change::Add(v1::AddMember { id, address }))
            .await
    }

    /// A learner becomes a voter, unless it is one.
    async fn promote(&self, id: u64) -> anyhow::Result<()> {
        let member = self.member(id).await?;
        if member.is_some_and(|member| member.role != "learner") {
            return Ok(());
        }
        self.change(Change::Promote(v1::PromoteMember { id })).await
    }

    /// Who leads must not leave.
    async fn let_another_lead(&self, leaving: u64) -> anyhow::Result<()> {
        let status = status(&self.client).await?;
        if status.leader != leaving {
            return Ok(());
        }
        let voters = status
            .members
            .iter()
            .filter(|member| member.role != "learner" && member.id != leaving);
        let Some(next) = voters.max_by_key(|member| member.match_index) else {
            return Ok(());
        };
        eprintln!("node {leaving} leads; node {} leads from now on", next.id);
        transfer_to(&self.client, next.id).await
    }
}
