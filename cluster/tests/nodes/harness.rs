//! A journal as the state machine, and a cluster of nodes that can be killed and revived.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use kumi_cluster::backup::{Backup, BackupError};
use kumi_cluster::{
    Change, ChangeError, Config, Node, RestoreError, StateMachine, UnknownCommand, service,
};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;

/// Long enough for a machine under load; only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(120);

/// Remembers every command; its outcome is how many there are.
#[derive(Debug)]
pub(crate) struct Journal {
    /// Newest version of the state machine that it knows.
    knows: u32,
    commands: Vec<Vec<u8>>,
    last_index: u64,
    /// In which versions it was told to apply something since it started.
    versions: BTreeSet<u32>,
}

impl Default for Journal {
    fn default() -> Self {
        Self {
            knows: 1,
            commands: Vec::new(),
            last_index: 0,
            versions: BTreeSet::new(),
        }
    }
}

impl Journal {
    pub(crate) const PANIC: &[u8] = b"panic";

    pub(crate) fn commands(&self) -> Vec<Vec<u8>> {
        self.commands.clone()
    }

    pub(crate) fn versions(&self) -> BTreeSet<u32> {
        self.versions.clone()
    }
}

impl StateMachine for Journal {
    type Outcome = usize;

    fn version(&self) -> u32 {
        self.knows
    }

    fn apply(&mut self, index: u64, version: u32, command: &[u8]) -> Result<usize, UnknownCommand> {
        assert!(index >= self.last_index, "an index went backwards");
        assert_ne!(command, Self::PANIC, "told to panic");
        self.last_index = index;
        self.commands.push(command.to_vec());
        self.versions.insert(version);
        Ok(self.commands.len())
    }

    fn snapshot(&self) -> Vec<u8> {
        let mut bytes = self.last_index.to_le_bytes().to_vec();
        for command in &self.commands {
            bytes.extend_from_slice(&(command.len() as u64).to_le_bytes());
            bytes.extend_from_slice(command);
        }
        bytes
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), RestoreError> {
        let short = || RestoreError::new("too short");
        let (index, mut rest) = snapshot.split_first_chunk::<8>().ok_or_else(short)?;
        let mut commands = Vec::new();
        while let Some((length, after)) = rest.split_first_chunk::<8>() {
            let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| short())?;
            let (command, after) = after.split_at_checked(length).ok_or_else(short)?;
            commands.push(command.to_vec());
            rest = after;
        }
        self.last_index = u64::from_le_bytes(*index);
        self.commands = commands;
        Ok(())
    }
}

/// A one-node cluster in `folder`.
pub(crate) fn solo(folder: &Path) -> Config {
    Config {
        tick: Duration::from_millis(20),
        ..Config::new(1, folder)
    }
}

struct Member {
    node: Node<Journal>,
    server: JoinHandle<()>,
}

pub(crate) struct Cluster {
    folder: TempDir,
    peers: BTreeMap<u64, String>,
    /// Ids up to this one found the cluster.
    founders: u64,
    snapshot_every: u64,
    /// Newest version of the state machine that each node's build knows; 1 where it is not said.
    pub(crate) knows: BTreeMap<u64, u32>,
    members: BTreeMap<u64, Member>,
}

impl Cluster {
    pub(crate) async fn start(nodes: u64, snapshot_every: u64) -> Self {
        let (mut cluster, listeners) = Self::found(nodes, snapshot_every).await;
        for (id, listener) in listeners {
            cluster.serve(id, listener).await;
        }
        cluster
    }

    /// A cluster of builds that know these versions of the state machine, a node each.
    pub(crate) async fn start_knowing(versions: &[u32]) -> Self {
        let (mut cluster, listeners) = Self::found(versions.len() as u64, 1000).await;
        for ((id, listener), version) in listeners.into_iter().zip(versions) {
            cluster.knows.insert(id, *version);
            cluster.serve(id, listener).await;
        }
        cluster
    }

    /// A cluster whose nodes begin with a backup.
    pub(crate) async fn restore(nodes: u64, backup: &Backup) -> Self {
        let (mut cluster, listeners) = Self::found(nodes, 1000).await;
        for (id, listener) in listeners {
            backup.restore(&cluster.config(id)).unwrap();
            let again = backup.restore(&cluster.config(id));
            assert!(matches!(again, Err(BackupError::Exists { .. })));
            cluster.serve(id, listener).await;
        }
        cluster
    }

    async fn found(nodes: u64, snapshot_every: u64) -> (Self, BTreeMap<u64, TcpListener>) {
        let mut cluster = Self {
            folder: tempfile::tempdir().unwrap(),
            peers: BTreeMap::new(),
            founders: nodes,
            snapshot_every,
            knows: BTreeMap::new(),
            members: BTreeMap::new(),
        };
        let mut listeners = BTreeMap::new();
        for id in 1..=nodes {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap().to_string();
            cluster.peers.insert(id, address);
            listeners.insert(id, listener);
        }
        (cluster, listeners)
    }

    /// A node that founded nothing; its address.
    pub(crate) async fn join(&mut self, id: u64) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        self.peers.insert(id, address.clone());
        self.serve(id, listener).await;
        address
    }

    /// Asks whoever leads for a change until it is made.
    pub(crate) async fn change(&self, change: Change) {
        eventually("the change to be made", async || {
            let leader = self.leader().await;
            match self
                .node(leader)
                .change(change.clone(), String::new())
                .await
            {
                Ok(()) => Some(()),
                Err(
                    ChangeError::Behind { .. }
                    | ChangeError::UnderWay
                    | ChangeError::Lost
                    | ChangeError::NotLeader { .. }
                    | ChangeError::NoMajority { .. },
                ) => None,
                Err(error) => panic!("{change:?}: {error}"),
            }
        })
        .await;
    }

    /// Brings a version of the state machine into force, once the nodes that are down count as such.
    pub(crate) async fn upgrade(&self, version: u32) {
        eventually("the upgrade", async || {
            let leader = self.leader().await;
            let changed = self
                .node(leader)
                .change(Change::Upgrade { version }, String::new())
                .await;
            changed.ok()
        })
        .await;
    }

    /// A new node becomes a learner and then a voter.
    pub(crate) async fn grow(&mut self, id: u64) {
        let address = self.join(id).await;
        self.change(Change::AddLearner { id, address }).await;
        self.change(Change::Promote { id }).await;
    }

    fn config(&self, id: u64) -> Config {
        let founds = id <= self.founders;
        let known = |peer: &u64| {
            if founds {
                *peer <= self.founders
            } else {
                *peer == id
            }
        };
        let peers = self.peers.iter().filter(|(peer, _)| known(peer));
        Config {
            peers: peers.map(|(id, address)| (*id, address.clone())).collect(),
            join: !founds,
            tick: Duration::from_millis(20),
            snapshot_every: self.snapshot_every,
            ..Config::new(id, self.folder.path().join(id.to_string()))
        }
    }

    async fn serve(&mut self, id: u64, listener: TcpListener) {
        let config = self.config(id);
        let journal = Journal {
            knows: self.knows.get(&id).copied().unwrap_or(1),
            ..Journal::default()
        };
        let node = Node::start(config, journal).await.unwrap();
        let server = Server::builder()
            .add_service(service(&node))
            .serve_with_incoming(TcpListenerStream::new(listener));
        let server = tokio::spawn(async move { server.await.unwrap() });
        self.members.insert(id, Member { node, server });
    }

    pub(crate) fn node(&self, id: u64) -> Node<Journal> {
        self.members[&id].node.clone()
    }

    pub(crate) fn address(&self, id: u64) -> String {
        self.peers[&id].clone()
    }

    /// Ends a node. Nothing but the end of the audit log is written on the way out, so its disk is as after a kill.
    pub(crate) async fn kill(&mut self, id: u64) {
        let member = self.members.remove(&id).unwrap();
        member.server.abort();
        member.node.shutdown().await;
        let _ = member.server.await;
    }

    pub(crate) async fn revive(&mut self, id: u64) {
        let listener = eventually("the port to be free", async || {
            TcpListener::bind(&self.peers[&id]).await.ok()
        })
        .await;
        self.serve(id, listener).await;
    }

    pub(crate) async fn leader(&self) -> u64 {
        eventually("a leader", async || {
            self.members
                .iter()
                .find(|(_, member)| member.node.status().borrow().leads())
                .map(|(id, _)| *id)
        })
        .await
    }

    /// Sends leadership to a voter until it has it.
    pub(crate) async fn lead(&self, to: u64) {
        eventually("another leader", async || {
            let leader = self.leader().await;
            if leader != to {
                // Not every transfer succeeds at once.
                let _ = self.node(leader).transfer(to).await;
            }
            (leader == to).then_some(())
        })
        .await;
    }

    /// Sends leadership elsewhere if that node has it.
    pub(crate) async fn lead_other_than(&self, id: u64) {
        let leader = self.leader().await;
        if leader == id {
            let status = self.node(leader).status().borrow().clone();
            let votes = |to: &&u64| **to != id && !status.learners.contains(*to);
            let to = *status.peers.keys().find(votes).unwrap();
            self.lead(to).await;
        }
    }

    pub(crate) async fn follower(&self) -> u64 {
        let leader = self.leader().await;
        *self.members.keys().find(|id| **id != leader).unwrap()
    }

    /// Proposes until some leader has answered; commands are distinct, so a retry that doubles
    /// one is visible in the journal and left to the caller's comparison as a set.
    pub(crate) async fn propose(&self, command: Vec<u8>) -> Vec<u8> {
        eventually("an answer", async || {
            let leader = self.leader().await;
            self.node(leader).propose(command.clone()).await.ok()
        })
        .await;
        command
    }

    pub(crate) async fn propose_all(&self, range: std::ops::Range<usize>) -> Vec<Vec<u8>> {
        let mut done = Vec::new();
        for at in range {
            done.push(self.propose(format!("command {at}").into_bytes()).await);
        }
        done
    }

    /// Waits until every node holds the same journal with everything that was acknowledged.
    pub(crate) async fn settled(&self, acknowledged: &[Vec<u8>]) {
        eventually("all nodes to agree", async || {
            let mut journals: Vec<_> = self
                .members
                .values()
                .map(|member| member.node.stale(|journal, _| journal.commands()))
                .collect();
            journals.dedup();
            let all = acknowledged
                .iter()
                .all(|command| journals[0].contains(command));
            (journals.len() == 1 && all).then_some(())
        })
        .await;
    }

    pub(crate) async fn stop(mut self) {
        let ids: Vec<u64> = self.members.keys().copied().collect();
        for id in ids {
            self.kill(id).await;
        }
    }
}

async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let search = async {
        loop {
            if let Some(found) = probe().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, search)
        .await
        .unwrap_or_else(|_| panic!("waited in vain for {what}"))
}
