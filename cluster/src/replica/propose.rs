//! Proposals into entries of the log.

use raft::StateRole;

use crate::entry::Packer;
use crate::error::ProposeError;
use crate::event::{Proposal, Waiter};
use crate::limits;
use crate::machine::StateMachine;
use crate::metrics::Counters;
use crate::replica::Replica;
use crate::store::LogStore;

impl<S: StateMachine, L: LogStore> Replica<S, L> {
    /// Packs proposals into log entries; refuses them when this node does not lead.
    pub(crate) fn propose(&mut self, proposals: Vec<Proposal<S::Outcome>>) {
        if self.raw.raft.state != StateRole::Leader {
            self.refuse(proposals.into_iter().map(|p| p.waiter).collect());
            return;
        }
        let mut packer = Packer::default();
        let mut waiters = Vec::new();
        for Proposal { command, waiter } in proposals {
            let full = packer.bytes() + command.len() > limits::ENTRY_PACK_BYTES
                || packer.count() >= limits::ENTRY_COMMANDS_MAX;
            if full && packer.count() > 0 {
                self.append(std::mem::take(&mut packer), std::mem::take(&mut waiters));
            }
            packer.push(&command);
            waiters.push(waiter);
        }
        if packer.count() > 0 {
            self.append(packer, waiters);
        }
    }

    fn append(&mut self, packer: Packer, waiters: Vec<Waiter<S::Outcome>>) {
        match self.raw.propose(Vec::new(), packer.finish()) {
            Ok(()) => {
                let index = self.raw.raft.raft_log.last_index();
                self.pending.push(index, self.raw.raft.term, waiters);
            }
            Err(error) => {
                tracing::debug!(%error, "raft refused a proposal");
                self.refuse(waiters);
            }
        }
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
}
