//! What a node must be told before it starts, and what is wrong with it when it cannot.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use crate::limits;

/// Who a node is, who its peers are, where its data lies, and its clockwork.
#[derive(Clone, Debug)]
pub struct Config {
    /// Name of the cluster; nodes and data directories of another cluster are refused.
    pub cluster: String,
    /// This node, not 0.
    pub id: u64,
    /// Node id to `host:port` of its gRPC endpoint, this node included. Empty, or this node
    /// alone: a one-node cluster, which elects itself at once. The founding nodes must all be given
    /// the same ids; from then on members come and go by [`crate::Node::change`], and this says no
    /// more than where some of them are.
    pub peers: BTreeMap<u64, String>,
    /// Create the data directory of a node that founds nothing and waits until a cluster takes it in.
    pub join: bool,
    /// Folder of the log and snapshots; created if absent.
    pub data_dir: PathBuf,
    /// Length of a tick.
    pub tick: Duration,
    /// Ticks without a leader before the first node campaigns; the others wait longer, by rank.
    pub election_ticks: usize,
    /// Ticks between a leader's heartbeats.
    pub heartbeat_ticks: usize,
    /// Log entries applied between two snapshots.
    pub snapshot_every: u64,
}

impl Config {
    /// A one-node cluster with the defaults: tick 100 ms, election after 10, heartbeat every 2,
    /// snapshot every 10,000 entries.
    pub fn new(id: u64, data_dir: impl Into<PathBuf>) -> Self {
        Self {
            cluster: "kumi".to_owned(),
            id,
            peers: BTreeMap::new(),
            join: false,
            data_dir: data_dir.into(),
            tick: Duration::from_millis(100),
            election_ticks: 10,
            heartbeat_ticks: 2,
            snapshot_every: 10_000,
        }
    }

    /// The ids that vote in a cluster that is founded with this, ascending; none when it joins one.
    pub fn founders(&self) -> Vec<u64> {
        if self.join {
            Vec::new()
        } else if self.peers.is_empty() {
            vec![self.id]
        } else {
            self.peers.keys().copied().collect()
        }
    }

    /// Where this node says that it is; empty when it was told nothing.
    pub(crate) fn address(&self) -> String {
        self.peers.get(&self.id).cloned().unwrap_or_default()
    }

    /// Ticks after which this node campaigns among `voters`: `election_ticks` for the lowest id, then
    /// later by a fixed step, so that elections are decided by rank and never by chance. Whoever does not
    /// vote does not campaign.
    pub(crate) fn campaign_ticks(&self, voters: &BTreeSet<u64>) -> usize {
        let rank = voters.range(..self.id).count();
        let step = (self.election_ticks / voters.len().max(3)).max(1);
        self.election_ticks + rank * step
    }

    /// More than [`Config::campaign_ticks`] is ever: its steps are at most `election_ticks` together, or one each.
    pub(crate) fn campaign_ticks_end(&self) -> usize {
        2 * self.election_ticks + 2 * limits::PEERS_MAX + 1
    }

    /// Ticks for which a node that hears of its leader refuses every candidate, and in which a leader must hear of a
    /// majority: fewer than [`Config::campaign_ticks`] of any node, unless heartbeats are nearly as far apart. Ticks of
    /// two nodes differ in phase, so that one would else refuse the first candidate by a moment, and nobody would be
    /// elected for another timeout. Nobody's vote depends on it, only when it is asked for.
    pub(crate) fn lease_ticks(&self) -> usize {
        let slack = (self.election_ticks / 5).max(1);
        (self.election_ticks - slack).max(self.heartbeat_ticks + 1)
    }

    /// Checks what can be checked without touching the disk.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.cluster.is_empty() || self.cluster.len() > limits::CLUSTER_NAME_BYTES_MAX {
            return Err(ConfigError::ClusterName {
                bytes: self.cluster.len(),
            });
        }
        if self.id == 0 {
            return Err(ConfigError::ZeroId);
        }
        if !self.peers.is_empty() && !self.peers.contains_key(&self.id) {
            return Err(ConfigError::NotAPeer { id: self.id });
        }
        if self.peers.contains_key(&0) {
            return Err(ConfigError::ZeroId);
        }
        if self.peers.len() > limits::PEERS_MAX {
            return Err(ConfigError::TooManyPeers {
                peers: self.peers.len(),
            });
        }
        if self.tick.is_zero() || self.heartbeat_ticks == 0 {
            return Err(ConfigError::NoTick);
        }
        if self.election_ticks <= self.heartbeat_ticks {
            return Err(ConfigError::ElectionTooShort {
                election: self.election_ticks,
                heartbeat: self.heartbeat_ticks,
            });
        }
        if self.snapshot_every == 0 {
            return Err(ConfigError::NoSnapshots);
        }
        Ok(())
    }
}

/// Why a configuration cannot work.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The cluster's name is empty or too long.
    #[error(
        "the cluster name has {bytes} bytes; give it 1 to {}",
        limits::CLUSTER_NAME_BYTES_MAX
    )]
    ClusterName {
        /// Its length.
        bytes: usize,
    },
    /// Node id 0 means "nobody".
    #[error("a node id is 0; number the nodes from 1")]
    ZeroId,
    /// The node is absent from its own peer list.
    #[error("node {id} is not in its own peer list; add its id and address to the peers")]
    NotAPeer {
        /// The node.
        id: u64,
    },
    /// More nodes than a raft cluster should have.
    #[error(
        "{peers} peers are too many; a cluster has at most {}",
        limits::PEERS_MAX
    )]
    TooManyPeers {
        /// How many were given.
        peers: usize,
    },
    /// The tick or the heartbeat interval is zero.
    #[error("the tick and the heartbeat interval must be longer than zero")]
    NoTick,
    /// An election would start before a heartbeat can arrive.
    #[error("election_ticks ({election}) must be larger than heartbeat_ticks ({heartbeat})")]
    ElectionTooShort {
        /// Ticks before an election.
        election: usize,
        /// Ticks between heartbeats.
        heartbeat: usize,
    },
    /// The log would grow for ever.
    #[error("snapshot_every is 0; the log would never be compacted")]
    NoSnapshots,
}
