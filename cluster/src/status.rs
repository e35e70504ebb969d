//! What a node knows of itself and its cluster at one moment.

use std::collections::{BTreeMap, BTreeSet};

/// A node's part in the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Follows a leader, or waits for one.
    Follower,
    /// Asks for votes (or whether it would get them).
    Candidate,
    /// Leads.
    Leader,
    /// Applies without voting.
    Learner,
}

impl Role {
    /// The name used in messages and metrics labels.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Follower => "follower",
            Self::Candidate => "candidate",
            Self::Leader => "leader",
            Self::Learner => "learner",
        }
    }
}

/// A node's view. Every field is what this node knew at the end of one turn of its loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// This node.
    pub id: u64,
    /// Its part.
    pub role: Role,
    /// The raft term.
    pub term: u64,
    /// The leader it knows: id and `host:port` (empty in a one-node cluster without an address).
    pub leader: Option<(u64, String)>,
    /// Highest index known to be committed.
    pub commit_index: u64,
    /// Highest index applied to the state machine.
    pub applied_index: u64,
    /// On the leader, the index of the entry that began its term. Once `applied_index` has
    /// reached it, the leader's state holds everything of earlier terms.
    pub term_start: Option<u64>,
    /// Index of the newest snapshot, 0 without one.
    pub snapshot_index: u64,
    /// All members, learners included, and their addresses.
    pub peers: BTreeMap<u64, String>,
    /// The members that do not vote.
    pub learners: BTreeSet<u64>,
    /// Whether the cluster is between two configurations.
    pub joint: bool,
    /// Names the founding that the cluster goes back to; 0: not known yet.
    pub founding: u64,
    /// Ids of former members.
    pub retired: BTreeSet<u64>,
    /// Version of the state machine that is in force.
    pub machine_version: u32,
    /// Newest version of the state machine that this node's build knows.
    pub machine_version_known: u32,
    /// On the leader, the highest index each member is known to hold; empty elsewhere.
    pub match_index: BTreeMap<u64, u64>,
}

impl Status {
    /// Whether this node leads and has applied everything of earlier terms.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.role == Role::Leader
            && self
                .term_start
                .is_some_and(|start| start <= self.applied_index)
    }

    /// Whether more is new since `old` than how far the log and its copies are.
    pub(crate) fn differs_in_more_than_progress(&self, old: &Self) -> bool {
        let Self {
            commit_index: _,
            applied_index: _,
            snapshot_index: _,
            match_index: _,
            id,
            role,
            term,
            leader,
            term_start,
            peers,
            learners,
            joint,
            founding,
            retired,
            machine_version,
            machine_version_known,
        } = self;
        let same = self.leads() == old.leads()
            && (*id, *role, *term, *term_start) == (old.id, old.role, old.term, old.term_start)
            && (*joint, *founding) == (old.joint, old.founding)
            && *machine_version == old.machine_version
            && *machine_version_known == old.machine_version_known
            && (leader, peers) == (&old.leader, &old.peers)
            && (learners, retired) == (&old.learners, &old.retired);
        !same
    }
}
