//! Changes of who belongs to the cluster, and which of them are refused.
//!
//! Pure. A change goes through joint consensus (Ongaro, *Consensus: Bridging Theory and Practice*,
//! section 4.3): the old and the new majority both decide until the leader has left the joint
//! configuration.

use protobuf::Message as _;
use raft::eraftpb::{
    ConfChangeSingle, ConfChangeTransition, ConfChangeType, ConfChangeV2, ConfState, Entry,
};

use crate::limits;
use crate::membership::{Membership, members};

/// A change of the membership.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A node that has everything sent and does not vote.
    AddLearner {
        /// Its id, which no member has ever had.
        id: u64,
        /// Its `host:port`.
        address: String,
    },
    /// A learner that has caught up votes from now on.
    Promote {
        /// The learner.
        id: u64,
    },
    /// A node leaves.
    Remove {
        /// The node.
        id: u64,
    },
    /// A learner that has caught up takes a voter's place, in one step.
    Replace {
        /// The voter that leaves.
        old: u64,
        /// The learner that votes from now on.
        new: u64,
    },
    /// A newer version of the state machine comes into force.
    Upgrade {
        /// The version.
        version: u32,
    },
}

/// A change as it enters the log.
#[derive(Debug)]
pub(crate) enum Step {
    /// Of the configuration, with what belongs to it.
    Members(ConfChangeV2, Membership),
    /// Of the state machine's version.
    Version(u32),
}

/// Why the membership was not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// Another node leads, or none does.
    #[error("{}", crate::error::not_leader(.leader.as_ref()))]
    NotLeader {
        /// The leader's id and address, if this node knows one.
        leader: Option<(u64, String)>,
    },
    /// Leadership changed while the change was under way: look whether it was made.
    #[error("leadership changed before the change was made; look at the members, then retry")]
    Lost,
    /// The node has stopped.
    #[error("this node has stopped; ask another one")]
    Stopped,
    /// One change at a time.
    #[error("another change of the members is under way; wait until it is done")]
    UnderWay,
    /// The id is 0, a member's or a former member's.
    #[error("the id {id} is taken by a member or was a former one's; give the new node another")]
    Taken {
        /// The id.
        id: u64,
    },
    /// The address is not one.
    #[error("the address {address:?} of node {id} is not host:port")]
    Address {
        /// The node.
        id: u64,
        /// As given.
        address: String,
    },
    /// Nobody has the id.
    #[error("node {id} is not a member")]
    NotAMember {
        /// The id.
        id: u64,
    },
    /// It votes already.
    #[error("node {id} is not a learner; only a learner can become a voter")]
    NotALearner {
        /// The node.
        id: u64,
    },
    /// It does not vote.
    #[error("node {id} does not vote; remove it instead")]
    NotAVoter {
        /// The node.
        id: u64,
    },
    /// The leader would remove itself.
    #[error("node {id} leads; let another one lead first (kumi cluster transfer)")]
    Leads {
        /// The leader.
        id: u64,
    },
    /// Nobody would be left.
    #[error("node {id} is the last one that votes")]
    LastVoter {
        /// The node.
        id: u64,
    },
    /// A learner is behind.
    #[error("node {id} is {entries} log entries behind; wait until it has caught up")]
    Behind {
        /// The learner.
        id: u64,
        /// Entries it lacks.
        entries: u64,
    },
    /// Afterwards no majority would answer.
    #[error(
        "{alive} of the {voters} nodes that would vote answer, which is no majority; bring one back \
         or replace one that is down"
    )]
    NoMajority {
        /// Voters of the new configuration that the leader hears from.
        alive: usize,
        /// Voters of the new configuration.
        voters: usize,
    },
    /// The version is in force already, or was.
    #[error(
        "version {version} of the state machine is in force; only a newer one can come into force"
    )]
    NotNewer {
        /// The version in force.
        version: u32,
    },
    /// A member runs a build that would stop.
    #[error(
        "node {id} knows version {known} of the state machine, not {version}; start the newer build \
         there first"
    )]
    Unknown {
        /// The member.
        id: u64,
        /// The newest version it knows.
        known: u32,
        /// The version asked for.
        version: u32,
    },
    /// A cluster of this size only gets slower.
    #[error("a cluster has at most {} nodes", limits::PEERS_MAX)]
    TooMany,
}

/// What the leader knows of a member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    /// Highest index it is known to hold.
    pub(crate) matched: u64,
    /// Whether it answered within the last election timeout.
    pub(crate) alive: bool,
    /// The newest version of the state machine that it said it knows; 0: it has not said.
    pub(crate) version: u32,
}

/// What the leader goes by.
pub(crate) struct Facts<'a> {
    pub(crate) leader: u64,
    pub(crate) conf: &'a ConfState,
    pub(crate) membership: &'a Membership,
    pub(crate) last_index: u64,
    pub(crate) heard: &'a dyn Fn(u64) -> Heard,
}

/// The change of the configuration that an entry carries; an empty one leaves a joint configuration. No
/// version has written the older kind of entry.
pub(crate) fn of(entry: &Entry) -> Result<ConfChangeV2, protobuf::ProtobufError> {
    let mut change = ConfChangeV2::default();
    change.merge_from_bytes(&entry.data)?;
    Ok(change)
}

/// What enters the log.
pub(crate) fn plan(change: &Change, facts: &Facts<'_>) -> Result<Step, ChangeError> {
    if !facts.conf.voters_outgoing.is_empty() {
        return Err(ChangeError::UnderWay);
    }
    let mut coming = Membership::default();
    let steps = match change {
        Change::AddLearner { id, address } => {
            may_come(*id, address, facts)?;
            coming.addresses.insert(*id, address.clone());
            vec![(*id, ConfChangeType::AddLearnerNode)]
        }
        Change::Promote { id } => {
            may_vote(*id, facts)?;
            vec![(*id, ConfChangeType::AddNode)]
        }
        Change::Remove { id } => {
            may_leave(*id, facts)?;
            vec![(*id, ConfChangeType::RemoveNode)]
        }
        Change::Replace { old, new } => {
            may_vote(*new, facts)?;
            may_leave(*old, facts)?;
            if !facts.conf.voters.contains(old) {
                return Err(ChangeError::NotAVoter { id: *old });
            }
            vec![
                (*new, ConfChangeType::AddNode),
                (*old, ConfChangeType::RemoveNode),
            ]
        }
        Change::Upgrade { version } => {
            may_come_into_force(*version, facts)?;
            return Ok(Step::Version(*version));
        }
    };
    will_go_on(&steps, facts)?;
    let mut joint = ConfChangeV2::default();
    // Left by the leader whenever it finds itself in it, whoever entered it.
    joint.set_transition(ConfChangeTransition::Explicit);
    for (id, kind) in steps {
        let mut step = ConfChangeSingle {
            node_id: id,
            ..ConfChangeSingle::default()
        };
        step.set_change_type(kind);
        joint.mut_changes().push(step);
    }
    Ok(Step::Members(joint, coming))
}

fn may_come(id: u64, address: &str, facts: &Facts<'_>) -> Result<(), ChangeError> {
    let members = members(facts.conf);
    if id == 0 || members.contains(&id) || facts.membership.retired.contains(&id) {
        return Err(ChangeError::Taken { id });
    }
    if members.len() >= limits::PEERS_MAX {
        return Err(ChangeError::TooMany);
    }
    crate::addresses::endpoint(address)
        .map(|_| ())
        .ok_or_else(|| ChangeError::Address {
            id,
            address: address.to_owned(),
        })
}

fn may_vote(id: u64, facts: &Facts<'_>) -> Result<(), ChangeError> {
    if !members(facts.conf).contains(&id) {
        return Err(ChangeError::NotAMember { id });
    }
    if !facts.conf.learners.contains(&id) {
        return Err(ChangeError::NotALearner { id });
    }
    let entries = facts.last_index.saturating_sub((facts.heard)(id).matched);
    if entries > limits::PROMOTE_ENTRIES_BEHIND_MAX {
        return Err(ChangeError::Behind { id, entries });
    }
    Ok(())
}

fn may_leave(id: u64, facts: &Facts<'_>) -> Result<(), ChangeError> {
    if !members(facts.conf).contains(&id) {
        return Err(ChangeError::NotAMember { id });
    }
    if id == facts.leader {
        return Err(ChangeError::Leads { id });
    }
    if facts.conf.voters == [id] {
        return Err(ChangeError::LastVoter { id });
    }
    Ok(())
}

/// A member that is down now is not asked: it stops when it comes back with an older build.
fn may_come_into_force(version: u32, facts: &Facts<'_>) -> Result<(), ChangeError> {
    if version <= facts.membership.version {
        return Err(ChangeError::NotNewer {
            version: facts.membership.version,
        });
    }
    for id in members(facts.conf) {
        let heard = (facts.heard)(id);
        if heard.version < version && (heard.alive || id == facts.leader) {
            let known = heard.version;
            return Err(ChangeError::Unknown { id, known, version });
        }
    }
    Ok(())
}

/// Whether those who vote afterwards are a majority now.
fn will_go_on(steps: &[(u64, ConfChangeType)], facts: &Facts<'_>) -> Result<(), ChangeError> {
    let mut voters = facts.conf.voters.clone();
    for (id, kind) in steps {
        match kind {
            ConfChangeType::AddNode => voters.push(*id),
            ConfChangeType::RemoveNode => voters.retain(|voter| voter != id),
            ConfChangeType::AddLearnerNode => return Ok(()),
        }
    }
    let alive = voters
        .iter()
        .filter(|id| **id == facts.leader || (facts.heard)(**id).alive)
        .count();
    if alive > voters.len() / 2 {
        return Ok(());
    }
    Err(ChangeError::NoMajority {
        alive,
        voters: voters.len(),
    })
}

#[cfg(test)]
mod tests;
