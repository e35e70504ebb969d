//! Where proposals wait for the node loop: it is woken for them only when it would do something with them.
//!
//! While an entry is on its way to a majority, proposals wait for that in any case; the answers of the followers wake the
//! loop, and its ticks.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::event::Proposal;
use crate::limits;

/// See the module.
#[derive(Debug)]
pub(crate) struct Desk<O>(Mutex<Waiting<O>>);

#[derive(Debug)]
struct Waiting<O> {
    proposals: Vec<Proposal<O>>,
    bytes: usize,
    /// Whether the loop sleeps and wants to know of the next one.
    calls: bool,
    /// The loop has ended.
    closed: bool,
}

impl<O> Default for Desk<O> {
    fn default() -> Self {
        Self(Mutex::new(Waiting {
            proposals: Vec::new(),
            bytes: 0,
            calls: true,
            closed: false,
        }))
    }
}

impl<O> Desk<O> {
    fn lock(&self) -> MutexGuard<'_, Waiting<O>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves a proposal; whether the loop is to be woken. None when it has ended.
    pub(crate) fn leave(&self, proposal: Proposal<O>) -> Option<bool> {
        let mut waiting = self.lock();
        if waiting.closed {
            return None;
        }
        waiting.bytes += proposal.command.len();
        waiting.proposals.push(proposal);
        let full = waiting.bytes >= limits::ENTRY_PACK_BYTES
            || waiting.proposals.len() >= limits::ENTRY_COMMANDS_MAX;
        Some(std::mem::take(&mut waiting.calls) || full)
    }

    /// All that wait.
    pub(crate) fn take(&self) -> Vec<Proposal<O>> {
        let mut waiting = self.lock();
        waiting.bytes = 0;
        std::mem::take(&mut waiting.proposals)
    }

    /// The loop goes to sleep, and is to be woken for the next proposal or not; false when one that it wants is there.
    pub(crate) fn may_sleep(&self, calls: bool) -> bool {
        let mut waiting = self.lock();
        waiting.calls = calls;
        !calls || waiting.proposals.is_empty()
    }

    /// The loop has ended: nothing is taken any more.
    pub(crate) fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.proposals.clear();
    }
}
