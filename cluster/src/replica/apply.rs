//! Committed entries to the state machine, and their outcomes to those who wait for them.

use std::sync::Arc;

use raft::eraftpb::{Entry, EntryType};

use crate::audit::{Head, Record};
use crate::entry::unpack;
use crate::error::Failure;
use crate::event::Waiter;
use crate::machine::StateMachine;
use crate::metrics::Counters;
use crate::replica::{POISONED, Replica};
use crate::store::LogStore;

impl<S: StateMachine, L: LogStore> Replica<S, L> {
    pub(super) fn apply(&mut self, entries: Vec<Entry>) -> Result<(), Failure> {
        if entries.is_empty() {
            return Ok(());
        }
        let before = self.applied;
        let mut outcomes = Vec::new();
        {
            let shared = Arc::clone(&self.shared);
            let mut shared = shared.write().expect(POISONED);
            for entry in &entries {
                let before = shared.head;
                let record = Record::of(entry, before);
                if let Some(audit) = &mut self.audit {
                    audit.append(&record, before)?;
                }
                shared.head = record.head;
                let changes_members = entry.get_entry_type() != EntryType::EntryNormal;
                if changes_members || !entry.context.is_empty() {
                    if changes_members {
                        self.follow(entry)?;
                    } else {
                        self.upgrade(entry)?;
                        shared.version = self.membership.version;
                    }
                    shared.index = entry.index;
                    self.applied = entry.index;
                    continue;
                }
                let waiters = self.pending.take(entry.index, entry.term);
                let version = self.membership.version;
                let results = apply_entry(&mut shared.machine, version, entry)?;
                Counters::add(&self.counters.proposals_committed, results.len() as u64);
                outcomes.extend(waiters.into_iter().zip(results));
                shared.index = entry.index;
                self.applied = entry.index;
                self.bytes_since_snapshot += entry.data.len() as u64;
            }
        }
        self.entries_since_snapshot += entries.len() as u64;
        Counters::add(&self.counters.entries_applied, entries.len() as u64);
        self.answered += outcomes.len();
        for (Waiter { reply, permit }, outcome) in outcomes {
            // A proposer that went away needs no answer.
            let _ = reply.send(Ok(outcome));
            drop(permit);
        }
        if self
            .term_start
            .is_some_and(|start| before < start && start <= self.applied)
        {
            // Until now raft dropped every read: a leader knows what is committed only from here.
            for context in self.reads.ask_all() {
                self.raw.read_index(context);
            }
        }
        Ok(())
    }

    /// Hands what waits for the audit log to the operating system. The index up to which it can be read then, and the
    /// head there.
    pub(crate) fn flush_audit(&mut self) -> Result<(u64, Head), Failure> {
        if let Some(audit) = &mut self.audit {
            audit.flush()?;
        }
        let shared = self.shared.read().expect(POISONED);
        Ok((shared.index, shared.head))
    }
}

fn apply_entry<S: StateMachine>(
    machine: &mut S,
    version: u32,
    entry: &Entry,
) -> Result<Vec<S::Outcome>, Failure> {
    if entry.data.is_empty() {
        // The entry with which a leader begins its term.
        return Ok(Vec::new());
    }
    let commands = unpack(&entry.data).map_err(|source| Failure::Entry {
        index: entry.index,
        source: Arc::new(source),
    })?;
    let apply = |command| {
        let outcome = machine.apply(entry.index, version, command);
        outcome.map_err(|source| Failure::Command {
            index: entry.index,
            source: Arc::new(source),
        })
    };
    commands.into_iter().map(apply).collect()
}
