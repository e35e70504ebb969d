//! What a replica knows of itself and of the cluster.

use std::collections::BTreeMap;

use raft::StateRole;

use crate::machine::StateMachine;
use crate::membership::members;
use crate::replica::Replica;
use crate::status::{Role, Status};
use crate::store::LogStore;

impl<S: StateMachine, L: LogStore> Replica<S, L> {
    /// What this node knows now.
    pub(crate) fn status(&self) -> Status {
        let raft = &self.raw.raft;
        let role = match raft.state {
            StateRole::Leader => Role::Leader,
            StateRole::Candidate | StateRole::PreCandidate => Role::Candidate,
            StateRole::Follower if raft.promotable() => Role::Follower,
            StateRole::Follower => Role::Learner,
        };
        let match_index = if role == Role::Leader {
            raft.prs().iter().map(|(id, p)| (*id, p.matched)).collect()
        } else {
            BTreeMap::new()
        };
        let everybody = members(&self.conf);
        let address = |id: &u64| (*id, self.address_of(*id));
        Status {
            id: self.config.id,
            role,
            term: raft.term,
            leader: self.leader(),
            commit_index: self.raw.store().hard_state().commit.max(self.applied),
            applied_index: self.applied,
            term_start: self.term_start,
            snapshot_index: self.raw.store().snapshot_index(),
            peers: everybody.iter().map(address).collect(),
            learners: self.conf.learners.iter().copied().collect(),
            joint: !self.conf.voters_outgoing.is_empty(),
            founding: self.membership.founding,
            retired: self.membership.retired.clone(),
            machine_version: self.membership.version,
            machine_version_known: self.known_version,
            match_index,
        }
    }
}
