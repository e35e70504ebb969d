//! Proposals in the log whose outcome someone waits for.
//!
//! A proposal is known by the index and term of the entry that carries it: raft guarantees that
//! no two entries share both, so no identifier has to travel with the command. An entry of
//! another term at that index means that the proposal was overwritten.

use std::collections::VecDeque;

use crate::error::ProposeError;
use crate::event::Waiter;

#[derive(Debug)]
struct Packed<O> {
    index: u64,
    term: u64,
    waiters: Vec<Waiter<O>>,
}

/// See the module. Entries are in index order.
#[derive(Debug)]
pub(crate) struct Pending<O>(VecDeque<Packed<O>>);

impl<O> Default for Pending<O> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<O> Pending<O> {
    /// The waiters of the entry just appended.
    pub(crate) fn push(&mut self, index: u64, term: u64, waiters: Vec<Waiter<O>>) {
        self.0.push_back(Packed {
            index,
            term,
            waiters,
        });
    }

    /// The waiters of the entry that is being applied, in the order of its proposals; empty when
    /// nobody here waits for it. Whoever waited for an entry that lost this index is told so.
    pub(crate) fn take(&mut self, index: u64, term: u64) -> Vec<Waiter<O>> {
        while let Some(front) = self.0.front() {
            if front.index > index {
                break;
            }
            let Some(packed) = self.0.pop_front() else {
                break;
            };
            if packed.index == index && packed.term == term {
                return packed.waiters;
            }
            lose(packed.waiters);
        }
        Vec::new()
    }

    /// Tells everybody that the outcome is unknown; returns how many waited.
    pub(crate) fn lose_all(&mut self) -> u64 {
        let mut lost = 0;
        for packed in self.0.drain(..) {
            lost += packed.waiters.len() as u64;
            lose(packed.waiters);
        }
        lost
    }
}

fn lose<O>(waiters: Vec<Waiter<O>>) {
    for Waiter { reply, permit } in waiters {
        // A proposer that went away needs no answer.
        let _ = reply.send(Err(ProposeError::Lost));
        drop(permit);
    }
}
