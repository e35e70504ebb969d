//! One raft replica as a step function: messages, ticks, proposals and reads in; messages to
//! send, durable writes and applied commands out.
//!
//! It holds no clock, thread or socket. Order within a step: messages a leader may send early,
//! then entries and hard state to disk, then the messages that promise them, then the committed
//! commands to the state machine. Nothing is answered before it is durable.

mod apply;
mod members;
mod propose;
mod snapshots;
mod status;

use std::path::PathBuf;
use std::sync::{Arc, RwLock};

use raft::eraftpb::{ConfState, Message, MessageType};
use raft::{RawNode, ReadOnlyOption, SnapshotStatus, StateRole};

use crate::addresses::Addresses;
use crate::audit::{Head, Journal};
use crate::config::Config;
use crate::error::{Failure, StartError};
use crate::event::{ChangeReply, Reader};
use crate::limits;
use crate::log_bridge;
use crate::machine::StateMachine;
use crate::membership::{Membership, members, voters};
use crate::metrics::Counters;
use crate::pending::Pending;
use crate::reads::Reads;
use crate::replica::members::{Changing, Peers};
use crate::replica::propose::Held;
use crate::replica::snapshots::stored;
use crate::storage::RaftStorage;
use crate::store::LogStore;

/// The state machine and the index up to which it has been applied.
#[derive(Debug)]
pub(crate) struct Applied<S> {
    pub(crate) machine: S,
    /// Version of it that is in force at the index.
    pub(crate) version: u32,
    pub(crate) index: u64,
    /// Of the audit log up to the index.
    pub(crate) head: Head,
}

/// What a replica finds on its disk.
pub(crate) struct Disk<L> {
    pub(crate) log: L,
    /// A number no earlier life has used.
    pub(crate) boot: u64,
    /// Folder of the audit log, when one is kept.
    pub(crate) audit: Option<PathBuf>,
}

/// Shared with readers; written only by the replica.
pub(crate) type Shared<S> = Arc<RwLock<Applied<S>>>;

/// See the module.
pub(crate) struct Replica<S: StateMachine, L: LogStore> {
    raw: RawNode<RaftStorage<L>>,
    config: Config,
    shared: Shared<S>,
    applied: u64,
    held: Held<S::Outcome>,
    /// How many proposals were answered since the last entry was packed.
    answered: usize,
    pending: Pending<S::Outcome>,
    /// The commit index when followers were told last, by an entry or without.
    commit_told: u64,
    reads: Reads,
    counters: Arc<Counters>,
    /// Role and term at the last look.
    seen: (StateRole, u64),
    leader_seen: u64,
    term_start: Option<u64>,
    entries_since_snapshot: u64,
    bytes_since_snapshot: u64,
    /// Who belongs to the cluster at the applied index.
    conf: ConfState,
    /// Ticks without a leader after which this node campaigns: no two of those who vote have the same.
    campaign_ticks: usize,
    membership: Membership,
    /// Newest version of the state machine that this build knows.
    known_version: u32,
    /// The configuration changed: the next snapshot is due, so that whoever joins starts from one
    /// that names it.
    conf_changed: bool,
    /// For how many ticks this node has led a cluster in which nothing had been proposed before.
    leads_new: Option<usize>,
    changing: Option<Changing>,
    changed: Option<ChangeReply>,
    audit: Option<Journal>,
    peers: Peers,
}

impl<S: StateMachine, L: LogStore> Replica<S, L> {
    /// Restores the state machine from the store's snapshot; the committed entries after it are
    /// applied by the first [`Replica::settle`].
    pub(crate) fn new(
        config: Config,
        Disk { log, boot, audit }: Disk<L>,
        machine: S,
        counters: Arc<Counters>,
    ) -> Result<Self, StartError> {
        let storage = RaftStorage::new(log)?;
        let known_version = machine.version();
        let conf = storage.conf_state().clone();
        let (applied, membership) = stored(machine, &storage)?;
        let index = applied.index;
        let audit = audit.map(|folder| Journal::open(&folder, index, applied.head));
        let audit = audit.transpose()?;
        let raft_config = raft_config(&config, index);
        let raw = RawNode::new(&raft_config, storage, &log_bridge::logger()).map_err(|error| {
            StartError::State(Failure::Raft {
                reason: error.to_string(),
            })
        })?;
        let reads = Reads::new(
            config.id,
            boot,
            limits::READ_RETRY_HEARTBEATS * config.heartbeat_ticks as u64,
            limits::READ_TIMEOUT_ELECTIONS * config.election_ticks as u64,
        );
        let mut replica = Self {
            seen: (raw.raft.state, raw.raft.term),
            raw,
            shared: Arc::new(RwLock::new(applied)),
            applied: index,
            held: Held::default(),
            answered: 0,
            pending: Pending::default(),
            commit_told: 0,
            reads,
            counters,
            leader_seen: 0,
            term_start: None,
            entries_since_snapshot: 0,
            bytes_since_snapshot: 0,
            campaign_ticks: config.campaign_ticks(&voters(&conf)),
            conf,
            membership,
            known_version,
            conf_changed: false,
            leads_new: None,
            changing: None,
            changed: None,
            audit,
            peers: Peers::new(Addresses::new(config.peers.clone())),
            config,
        };
        replica.look();
        if replica.raw.raft.prs().is_singleton() {
            // Nobody else could win: no need to wait for a timeout. It cannot fail either.
            let _ = replica.raw.campaign();
            replica.look();
            replica.found();
        }
        Ok(replica)
    }

    pub(crate) fn shared(&self) -> Shared<S> {
        Arc::clone(&self.shared)
    }

    /// Time passes.
    pub(crate) fn tick(&mut self) {
        self.raw.tick();
        self.look();
        self.peers.tick();
        self.leave_joint();
        self.leads_new = self.leads_new.map(|ticks| ticks + 1);
        self.found();
        self.pack();
        for context in self.reads.tick() {
            self.raw.read_index(context);
        }
    }

    /// A peer's message. What raft refuses is dropped, as if the network had lost it.
    pub(crate) fn receive(&mut self, message: Message) {
        if matches!(message.get_msg_type(), MessageType::MsgPropose) {
            return;
        }
        let conf = &self.conf;
        let is_member = || members(conf).contains(&message.from);
        self.peers.heard_from(message.from, is_member);
        if let Err(error) = self.raw.step(message) {
            tracing::debug!(%error, "raft ignored a message");
        }
        self.look();
    }

    /// A peer did not take a message.
    pub(crate) fn unreachable(&mut self, peer: u64) {
        self.raw.report_unreachable(peer);
    }

    /// A snapshot left for a peer, or did not.
    pub(crate) fn snapshot_sent(&mut self, peer: u64, sent: bool) {
        let status = if sent {
            SnapshotStatus::Finish
        } else {
            SnapshotStatus::Failure
        };
        self.raw.report_snapshot(peer, status);
    }

    /// Asks the leader for a read index on behalf of all these readers.
    pub(crate) fn read(&mut self, readers: Vec<Reader>) {
        if !readers.is_empty() {
            let context = self.reads.begin(readers);
            self.raw.read_index(context);
        }
    }

    /// Does everything raft has ready: sends, persists, applies.
    ///
    /// # Errors
    /// When the node must not go on.
    pub(crate) fn settle(&mut self, send: &mut dyn FnMut(Message)) -> Result<(), Failure> {
        while self.raw.has_ready() {
            let mut ready = self.raw.ready();
            ready.take_messages().into_iter().for_each(&mut *send);
            if !ready.snapshot().is_empty() {
                self.install(ready.snapshot(), ready.hs())?;
            }
            let entries = ready.take_entries();
            let storage = self.raw.mut_store();
            if ready.must_sync() {
                storage.append(ready.hs(), entries)?;
            } else if let Some(hard_state) = ready.hs() {
                storage.note_commit(hard_state.commit);
            }
            ready
                .take_persisted_messages()
                .into_iter()
                .for_each(&mut *send);
            for state in ready.take_read_states() {
                self.reads.answer(&state.request_ctx, state.index);
            }
            let mut committed = ready.take_committed_entries();
            let mut light = self.raw.advance_append(ready);
            if let Some(commit) = light.commit_index() {
                self.raw.mut_store().note_commit(commit);
            }
            light.take_messages().into_iter().for_each(&mut *send);
            committed.append(&mut light.take_committed_entries());
            self.tell_of_large(&committed, send);
            self.apply(committed)?;
            self.raw.advance_apply();
            self.pack();
            self.snapshot_if_due()?;
            self.look();
        }
        self.reads.release(self.applied);
        Ok(())
    }

    /// Notices changes of role, term and leader, and takes back the timeout that raft drew at them. Called after
    /// everything that may cause one and before the next proposal, so that the entry that begins a term is the last
    /// one here.
    fn look(&mut self) {
        if self.raw.raft.randomized_election_timeout() != self.campaign_ticks {
            let ticks = self.campaign_ticks;
            self.raw.raft.set_randomized_election_timeout(ticks);
        }
        let now = (self.raw.raft.state, self.raw.raft.term);
        if now != self.seen {
            self.refuse_held();
            let lost = self.pending.lose_all();
            self.lose_change();
            Counters::add(&self.counters.proposals_failed, lost);
            self.term_start =
                (now.0 == StateRole::Leader).then(|| self.raw.raft.raft_log.last_index());
            self.leads_new = (now.0 == StateRole::Leader && self.is_new()).then_some(0);
            self.seen = now;
        }
        let leader = self.raw.raft.leader_id;
        if leader != 0 && leader != self.leader_seen {
            self.leader_seen = leader;
            Counters::add(&self.counters.leader_changes, 1);
        }
    }

    fn leader(&self) -> Option<(u64, String)> {
        let id = self.raw.raft.leader_id;
        (id != 0).then(|| (id, self.address_of(id)))
    }
}

/// Why a lock may be poisoned at all: the node has stopped then.
pub(crate) const POISONED: &str = "the state machine panicked earlier; this node has stopped";

fn raft_config(config: &Config, applied: u64) -> raft::Config {
    raft::Config {
        id: config.id,
        election_tick: config.lease_ticks(),
        heartbeat_tick: config.heartbeat_ticks,
        // raft-rs draws the timeout from these; the replica sets it to its own whenever that happened.
        min_election_tick: config.election_ticks,
        max_election_tick: config.campaign_ticks_end(),
        applied,
        max_size_per_msg: limits::APPEND_BYTES_MAX,
        max_inflight_msgs: limits::APPENDS_IN_FLIGHT_MAX,
        max_committed_size_per_ready: limits::APPLY_BYTES_MAX,
        check_quorum: true,
        pre_vote: true,
        // raft-rs 0.7 adds entries to a queued empty append without comparing indices; when the
        // follower's position went back in the same turn, the follower then confirms entries it
        // does not hold. Proposals are packed here anyway.
        batch_append: false,
        // The next entry tells, or `Replica::tell_commit`: a message for each commit costs what an entry costs.
        skip_bcast_commit: true,
        read_only_option: ReadOnlyOption::Safe,
        ..raft::Config::default()
    }
}

#[cfg(test)]
mod tests;
