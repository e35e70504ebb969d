//! Where proposals wait for the event loop: it is woken for them only when it would do something with them.
//!
//! While an entry is on its way to a majority, proposals wait for that in any case; the answers of the followers wake the
//! loop, and its ticks.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::entry::is_filled_by;
use crate::event::Proposal;

/// See the module.
#[derive(Debug)]
pub(crate) struct Desk<O> {
    waiting: Mutex<Waiting<O>>,
    /// As many as the loop waits for are there.
    enough: Condvar,
}

#[derive(Debug)]
struct Waiting<O> {
    proposals: Vec<Proposal<O>>,
    bytes: usize,
    /// With so many the loop waits no longer ([`Desk::gather`]).
    wanted: usize,
    /// Whether the loop sleeps and wants to know of the next one.
    calls: bool,
    /// The loop has ended.
    closed: bool,
}

impl<O> Default for Desk<O> {
    fn default() -> Self {
        let waiting = Waiting {
            proposals: Vec::new(),
            bytes: 0,
            wanted: 0,
            calls: true,
            closed: false,
        };
        Self {
            waiting: Mutex::new(waiting),
            enough: Condvar::new(),
        }
    }
}

impl<O> Waiting<O> {
    /// Whether they fill an entry.
    fn are_full(&self) -> bool {
        is_filled_by(self.proposals.len(), self.bytes)
    }
}

impl<O> Desk<O> {
    fn lock(&self) -> MutexGuard<'_, Waiting<O>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves a proposal; whether the loop is to be woken. None when it has ended.
    pub(crate) fn leave(&self, proposal: Proposal<O>) -> Option<bool> {
        let mut waiting = self.lock();
        if waiting.closed {
            return None;
        }
        waiting.bytes += proposal.command.len();
        waiting.proposals.push(proposal);
        let full = waiting.are_full();
        if full || waiting.proposals.len() == waiting.wanted {
            self.enough.notify_one();
        }
        Some(std::mem::take(&mut waiting.calls) || full)
    }

    /// Blocks until so many wait, or fill an entry, or for so long.
    pub(crate) fn gather(&self, wanted: usize, at_most: Duration) {
        let mut waiting = self.lock();
        waiting.wanted = wanted;
        let lacking =
            |waiting: &mut Waiting<O>| waiting.proposals.len() < wanted && !waiting.are_full();
        // Whether they came or the time is over is the same to the loop.
        drop(self.enough.wait_timeout_while(waiting, at_most, lacking));
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
