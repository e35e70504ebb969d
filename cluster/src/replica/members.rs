//! The part of a replica that follows who belongs to the cluster.

use std::collections::BTreeMap;

use raft::eraftpb::{ConfChangeV2, Entry, EntryType};
use raft::{GetEntriesContext, StateRole};
use tokio::sync::oneshot;

use crate::addresses::Addresses;
use crate::change::{self, Change, ChangeError, Facts, Heard, Step, plan};
use crate::error::Failure;
use crate::event::{ChangeReply, Introduction};
use crate::limits;
use crate::machine::StateMachine;
use crate::membership::{Membership, members, voters};
use crate::replica::Replica;
use crate::replica::snapshots::check_version;
use crate::store::LogStore;

/// The change that somebody waits for.
pub(crate) struct Changing {
    index: u64,
    reply: ChangeReply,
}

/// What a replica knows of the others' addresses and of when they spoke.
pub(crate) struct Peers {
    addresses: Addresses,
    /// Tick of the last message of each.
    pub(super) heard_at: BTreeMap<u64, u64>,
    /// Newest version of the state machine that each knows.
    versions: BTreeMap<u64, u32>,
    now: u64,
    /// Whether somebody may have moved, come or gone since it was last asked.
    moved: bool,
}

impl Peers {
    pub(crate) fn new(addresses: Addresses) -> Self {
        Self {
            addresses,
            heard_at: BTreeMap::new(),
            versions: BTreeMap::new(),
            now: 0,
            moved: true,
        }
    }

    pub(crate) fn tick(&mut self) {
        self.now += 1;
    }

    /// Of nodes that are not members a few are remembered: without certificates anybody can say any number.
    pub(crate) fn heard_from(&mut self, id: u64, is_member: impl FnOnce() -> bool) {
        if let Some(at) = self.heard_at.get_mut(&id) {
            *at = self.now;
        } else if self.heard_at.len() < limits::HEARD_NODES_MAX || is_member() {
            self.heard_at.insert(id, self.now);
        }
    }

    pub(crate) fn moved(&mut self) {
        self.moved = true;
    }

    fn alive(&self, id: u64, ticks: usize) -> bool {
        let heard = self.heard_at.get(&id);
        heard.is_some_and(|at| self.now - at <= ticks as u64)
    }
}

impl<S: StateMachine, L: LogStore> Replica<S, L> {
    /// Begins a change; whoever asked is told once the cluster has left the joint configuration.
    pub(crate) fn change(&mut self, change: &Change, actor: String, reply: ChangeReply) {
        match self.begin(change, actor) {
            Ok(index) => self.changing = Some(Changing { index, reply }),
            // Who went away needs no answer.
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    fn begin(&mut self, change: &Change, actor: String) -> Result<u64, ChangeError> {
        self.require_lead()?;
        if self.changing.is_some() || self.raw.raft.has_pending_conf() {
            return Err(ChangeError::UnderWay);
        }
        let progress = self.raw.raft.prs();
        let heard = |id| Heard {
            matched: progress.get(id).map_or(0, |progress| progress.matched),
            alive: self.peers.alive(id, self.config.election_ticks),
            version: match id == self.config.id {
                true => self.known_version,
                false => self.peers.versions.get(&id).copied().unwrap_or(0),
            },
        };
        let facts = Facts {
            leader: self.config.id,
            conf: &self.conf,
            membership: &self.membership,
            last_index: self.raw.raft.raft_log.last_index(),
            heard: &heard,
        };
        let proposed = match plan(change, &facts)? {
            Step::Members(joint, mut coming) => {
                coming.actor = actor;
                self.raw.propose_conf_change(coming.encode(), joint)
            }
            Step::Version(version) => {
                let context = Membership {
                    version,
                    actor,
                    ..Membership::default()
                };
                self.raw.propose(context.encode(), Vec::new())
            }
        };
        proposed.map_err(|_| ChangeError::Lost)?;
        Ok(self.raw.raft.raft_log.last_index())
    }

    /// Asks a voter to lead; its election follows, or does not.
    pub(crate) fn transfer(&mut self, to: u64, reply: ChangeReply) {
        let answer = self.require_lead().and_then(|()| {
            if !self.conf.voters.contains(&to) {
                return Err(ChangeError::NotAMember { id: to });
            }
            self.raw.transfer_leader(to);
            Ok(())
        });
        // Who went away needs no answer.
        let _ = reply.send(answer);
    }

    fn require_lead(&self) -> Result<(), ChangeError> {
        if self.raw.raft.state == StateRole::Leader {
            return Ok(());
        }
        let leader = self.leader().filter(|(id, _)| *id != self.config.id);
        Err(ChangeError::NotLeader { leader })
    }

    /// Applies a committed change of the configuration.
    pub(super) fn follow(&mut self, entry: &Entry) -> Result<(), Failure> {
        let wrong = |reason: String| Failure::Membership {
            index: entry.index,
            reason,
        };
        let change = change::of(entry).map_err(|error| wrong(error.to_string()))?;
        let coming = match entry.context.is_empty() {
            true => Membership::default(),
            false => Membership::decode(&entry.context)
                .ok_or_else(|| wrong("its addresses cannot be read".to_owned()))?,
        };
        let now = self.raw.apply_conf_change(&change);
        let now = now.map_err(|error| wrong(error.to_string()))?;
        self.membership.follow(coming, &self.conf, &now);
        self.conf = now;
        self.campaign_ticks = self.config.campaign_ticks(&voters(&self.conf));
        self.conf_changed = true;
        self.peers.moved();
        self.step_down_if_removed();
        self.finish_change(entry.index);
        tracing::info!(
            voters = ?self.conf.voters, learners = ?self.conf.learners,
            outgoing = ?self.conf.voters_outgoing, "the members of the cluster changed"
        );
        Ok(())
    }

    /// Goes over to another version of the state machine.
    pub(super) fn upgrade(&mut self, entry: &Entry) -> Result<(), Failure> {
        let upgrade = Membership::decode(&entry.context).ok_or_else(|| Failure::Membership {
            index: entry.index,
            reason: "its version cannot be read".to_owned(),
        })?;
        self.membership.version = upgrade.version;
        check_version(&self.membership, self.known_version)?;
        self.conf_changed = true;
        self.finish_change(entry.index);
        tracing::info!(
            version = self.membership.version,
            "a newer version of the state machine is in force"
        );
        Ok(())
    }

    /// Whether nothing was ever proposed: all that the log has is that leaders began their terms.
    pub(super) fn is_new(&self) -> bool {
        let log = &self.raw.raft.raft_log;
        let (first, last) = (log.first_index(), log.last_index());
        if first > 1 || last > limits::FOUNDING_ENTRIES_MAX {
            return false;
        }
        let entries = log.slice(first, last + 1, None, GetEntriesContext::empty(false));
        let begins_a_term = |entry: &Entry| {
            let is_normal = entry.get_entry_type() == EntryType::EntryNormal;
            is_normal && entry.data.is_empty() && entry.context.is_empty()
        };
        entries.is_ok_and(|entries| entries.iter().all(begins_a_term))
    }

    /// Whether this node is the first to lead a cluster that does something, in an older version of the state machine than
    /// this build knows.
    fn founds(&self) -> bool {
        self.leads_new.is_some() && self.membership.version < self.known_version
    }

    /// The leader of a new cluster brings into force what all its founders know, when the last of them has come: nothing was
    /// done before that an operator would have to weigh. In any other cluster one decides when.
    pub(super) fn found(&mut self) {
        if !self.founds() {
            return;
        }
        let version = self.known_version;
        let knows = |id: &u64| {
            *id == self.config.id || self.peers.versions.get(id).is_some_and(|v| *v >= version)
        };
        if self.changing.is_none() && self.conf.voters.iter().all(knows) {
            // Nobody waits for it; it is tried again when it is refused.
            let (reply, _) = oneshot::channel();
            let actor = format!("scheduler/-/{}", self.config.id);
            self.change(&Change::Upgrade { version }, actor, reply);
        }
    }

    /// Whether proposals should wait until the founders' version is in force, so that they are applied in it. For founders
    /// that do not come they wait some time.
    pub(super) fn waits_for_founders(&self) -> bool {
        let most = limits::FOUNDING_ELECTIONS * self.config.election_ticks;
        self.founds() && self.leads_new.is_some_and(|ticks| ticks <= most)
    }

    fn finish_change(&mut self, index: u64) {
        let settled = self.conf.voters_outgoing.is_empty();
        if settled && let Some(done) = self.changing.take_if(|c| c.index <= index) {
            self.changed = Some(done.reply);
        }
    }

    /// Who is to be told that a change is made, once [`Replica::status`] shows it to everybody.
    pub(crate) fn take_changed(&mut self) -> Option<ChangeReply> {
        self.changed.take()
    }

    /// Leadership may have changed: whoever waits for a change must look whether it was made.
    pub(super) fn lose_change(&mut self) {
        if let Some(changing) = self.changing.take() {
            // Who went away needs no answer.
            let _ = changing.reply.send(Err(ChangeError::Lost));
        }
    }

    /// A leader leaves a joint configuration, whoever entered it.
    pub(super) fn leave_joint(&mut self) {
        let leads = self.raw.raft.state == StateRole::Leader;
        let joint = !self.conf.voters_outgoing.is_empty();
        if leads && joint && !self.raw.raft.has_pending_conf() {
            // Refused only by a leader that is about to be none.
            let _ = self
                .raw
                .propose_conf_change(Vec::new(), ConfChangeV2::default());
        }
    }

    /// A leader that is no member any more leads no longer: it was a follower when its removal was
    /// proposed, and raft-rs cannot commit without a place for the leader.
    fn step_down_if_removed(&mut self) {
        let raft = &mut self.raw.raft;
        if raft.state == StateRole::Leader && !members(&self.conf).contains(&self.config.id) {
            raft.become_follower(raft.term, raft::INVALID_ID);
        }
    }

    /// What a node says of itself.
    pub(crate) fn hear(&mut self, from: u64, says: &Introduction) {
        if from != self.config.id && self.peers.addresses.hear(from, &says.address) {
            self.peers.moved();
        }
        if self.peers.versions.len() < limits::HEARD_NODES_MAX
            || self.peers.versions.contains_key(&from)
            || members(&self.conf).contains(&from)
        {
            self.peers.versions.insert(from, says.version);
        }
    }

    pub(super) fn address_of(&self, id: u64) -> String {
        self.peers.addresses.of(id, &self.membership.addresses)
    }

    /// Where everybody is to whom messages may go, when that may have changed since the last call.
    pub(crate) fn take_routes(&mut self) -> Option<BTreeMap<u64, String>> {
        if !std::mem::take(&mut self.peers.moved) {
            return None;
        }
        let mut everybody = members(&self.conf);
        everybody.extend(self.peers.addresses.heard());
        everybody.extend(self.peers.addresses.configured());
        everybody.remove(&self.config.id);
        everybody.retain(|id| !self.membership.retired.contains(id));
        let routes = everybody.into_iter().map(|id| (id, self.address_of(id)));
        Some(routes.filter(|(_, address)| !address.is_empty()).collect())
    }

    pub(crate) fn founding(&self) -> u64 {
        self.membership.founding
    }
}
