//! Proposals into entries of the log.

use raft::StateRole;
use raft::eraftpb::{Entry, Message};

use crate::entry::{Packer, is_filled_by};
use crate::error::ProposeError;
use crate::event::{Proposal, Waiter};
use crate::limits;
use crate::machine::StateMachine;
use crate::metrics::Counters;
use crate::replica::Replica;
use crate::store::LogStore;

/// Proposals that are in no entry yet.
#[derive(Debug)]
pub(super) struct Held<O> {
    proposals: Vec<Proposal<O>>,
    bytes: usize,
}

impl<O> Default for Held<O> {
    fn default() -> Self {
        Self {
            proposals: Vec::new(),
            bytes: 0,
        }
    }
}

impl<O> Held<O> {
    /// Whether they fill an entry.
    fn is_full(&self) -> bool {
        is_filled_by(self.proposals.len(), self.bytes)
    }

    fn waiters(self) -> Vec<Waiter<O>> {
        let proposals = self.proposals.into_iter();
        proposals.map(|proposal| proposal.waiter).collect()
    }
}

impl<S: StateMachine, L: LogStore> Replica<S, L> {
    /// Takes proposals; refuses them when this node does not lead.
    pub(crate) fn propose(&mut self, proposals: Vec<Proposal<S::Outcome>>) {
        let bytes = proposals.iter().map(|proposal| proposal.command.len());
        self.held.bytes += bytes.sum::<usize>();
        self.held.proposals.extend(proposals);
        if self.raw.raft.state == StateRole::Leader {
            self.pack();
        } else {
            self.refuse_held();
        }
    }

    /// Packs what is held into entries. While one is on its way to a majority, what comes waits for that and goes
    /// together, unless it fills an entry by itself: an entry costs each node a write, messages and wake-ups, however
    /// much it carries. It also waits for those whose proposals were just answered. In a new cluster all waits for the
    /// founders' version.
    pub(super) fn pack(&mut self) {
        let leads = self.raw.raft.state == StateRole::Leader;
        let waits = self.awaits_majority() || self.answered >= limits::GATHER_PROPOSALS_MIN;
        let waits = waits && !self.held.is_full() || self.waits_for_founders();
        // Raft would send a follower's proposals on.
        if !leads || self.held.proposals.is_empty() || waits {
            return;
        }
        self.answered = 0;
        let mut packer = Packer::default();
        let mut waiters = Vec::new();
        for Proposal { command, waiter } in std::mem::take(&mut self.held).proposals {
            let full = packer.bytes() + command.len() > limits::ENTRY_PACK_BYTES
                || packer.count() >= limits::ENTRY_COMMANDS_MAX;
            if full && packer.count() > 0 {
                self.append(std::mem::take(&mut packer), std::mem::take(&mut waiters));
            }
            packer.push(&command);
            waiters.push(waiter);
        }
        self.append(packer, waiters);
    }

    /// Whether this node leads and has entries that no majority is known to hold.
    pub(crate) fn awaits_majority(&self) -> bool {
        self.leads_log()
            .is_some_and(|(committed, last)| committed < last)
    }

    /// Committed and last index of the log, when this node leads.
    pub(crate) fn leads_log(&self) -> Option<(u64, u64)> {
        let (raft, log) = (&self.raw.raft, &self.raw.raft.raft_log);
        (raft.state == StateRole::Leader).then(|| (log.committed, log.last_index()))
    }

    /// Whether proposals are held that wait for nothing but others ([`Replica::gathers`]).
    pub(crate) fn waits_for_others(&self) -> bool {
        !self.held.proposals.is_empty() && !self.awaits_majority() && !self.waits_for_founders()
    }

    /// How many proposals are to be expected soon, when many were just answered: they can go together again. It is said
    /// once: whoever asks lets them gather, and what has come then waits no longer.
    pub(crate) fn gathers(&mut self) -> Option<usize> {
        let answered = std::mem::take(&mut self.answered);
        (answered >= limits::GATHER_PROPOSALS_MIN).then_some(answered)
    }

    fn append(&mut self, packer: Packer, waiters: Vec<Waiter<S::Outcome>>) {
        match self.raw.propose(Vec::new(), packer.finish()) {
            Ok(()) => {
                let index = self.raw.raft.raft_log.last_index();
                self.pending.push(index, self.raw.raft.term, waiters);
                self.commit_told = self.raw.raft.raft_log.committed;
            }
            Err(error) => {
                tracing::debug!(%error, "raft refused a proposal");
                self.refuse(waiters);
            }
        }
    }

    /// What is in no entry has not happened.
    pub(super) fn refuse_held(&mut self) {
        let held = std::mem::take(&mut self.held);
        self.refuse(held.waiters());
    }

    fn refuse(&mut self, waiters: Vec<Waiter<S::Outcome>>) {
        let leader = self.leader().filter(|(id, _)| *id != self.config.id);
        Counters::add(&self.counters.proposals_failed, waiters.len() as u64);
        for Waiter { reply, permit } in waiters {
            let leader = leader.clone();
            // A proposer that went away needs no answer.
            let _ = reply.send(Err(ProposeError::NotLeader { leader }));
            drop(permit);
        }
    }

    /// Whether this node leads and has not said to all how far the log is committed. The next entry says it.
    pub(crate) fn owes_commit(&self) -> bool {
        let raft = &self.raw.raft;
        raft.state == StateRole::Leader && raft.raft_log.committed > self.commit_told
    }

    /// Says it before entries are applied that take long, during which nothing is sent: followers that had nothing to
    /// do meanwhile would take this node for dead.
    pub(super) fn tell_of_large(&mut self, entries: &[Entry], send: &mut dyn FnMut(Message)) {
        let bytes: usize = entries.iter().map(|entry| entry.data.len()).sum();
        if bytes >= limits::ENTRY_PACK_BYTES && self.owes_commit() {
            self.tell_commit();
            self.raw.raft.msgs.drain(..).for_each(send);
        }
    }

    /// Says it without an entry.
    pub(crate) fn tell_commit(&mut self) {
        if self.owes_commit() {
            self.commit_told = self.raw.raft.raft_log.committed;
            self.raw.raft.bcast_append();
        }
    }
}
