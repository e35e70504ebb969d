//! The loop that feeds a replica: what comes goes in, what is ready comes out, turn after turn.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout_at};

use crate::audit::Head;
use crate::config::Config;
use crate::desk::Desk;
use crate::environment::Drive;
use crate::error::Failure;
use crate::event::Event;
use crate::limits;
use crate::machine::StateMachine;
use crate::metrics::{Commits, Counters};
use crate::replica::Replica;
use crate::status::Status;
use crate::store::LogStore;
use crate::transport::outbox::Outbox;

/// See the limit.
const COMMIT_TOLD: Duration = Duration::from_millis(limits::COMMIT_TOLD_MS);

/// See the module.
pub(crate) struct EventLoop<S: StateMachine, L: LogStore> {
    pub(crate) replica: Replica<S, L>,
    pub(crate) queue: UnboundedReceiver<Event>,
    pub(crate) desk: Arc<Desk<S::Outcome>>,
    pub(crate) outbox: Outbox,
    pub(crate) status: watch::Sender<Status>,
    /// Who waits to read the audit log.
    pub(crate) audits: Vec<oneshot::Sender<(u64, Head)>>,
    /// Whether the status changed since somebody was woken for it.
    pub(crate) untold: bool,
    pub(crate) applied: watch::Sender<u64>,
    pub(crate) founding: Arc<AtomicU64>,
    pub(crate) drive: Drive,
    pub(crate) config: Config,
    pub(crate) counters: Arc<Counters>,
}

impl<S: StateMachine, L: LogStore> Drop for EventLoop<S, L> {
    fn drop(&mut self) {
        self.desk.close();
    }
}

/// Runs the loop to its end; by then the store is closed. A panic ends it like a failure.
pub(crate) async fn guarded<S: StateMachine, L: LogStore>(
    event_loop: EventLoop<S, L>,
) -> Result<(), Failure> {
    let ended = AssertUnwindSafe(event_loop.run()).catch_unwind().await;
    let ended = ended.unwrap_or_else(|panic| {
        Err(Failure::Panicked {
            message: panicked(panic.as_ref()),
        })
    });
    if let Err(failure) = &ended {
        tracing::error!(
            error = failure as &dyn std::error::Error,
            "the node stopped"
        );
    }
    ended
}

fn panicked(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "no message".to_owned())
}

impl<S: StateMachine, L: LogStore> EventLoop<S, L> {
    async fn run(mut self) -> Result<(), Failure> {
        let mut next_tick = Instant::now() + self.config.tick;
        let mut ticked = true;
        let mut tell = None;
        let mut commits = Commits::default();
        loop {
            self.turn_end(ticked)?;
            self.drive.written().await;
            tell = (self.replica.owes_commit())
                .then(|| tell.unwrap_or_else(|| Instant::now() + COMMIT_TOLD));
            let until = tell.map_or(next_tick, |tell| next_tick.min(tell));
            // Where a proposal waits already, it is as if its event had come: tokio's clock would let it wait a millisecond.
            let sleeps = !self.replica.waits_for_others();
            let first = if sleeps && self.desk.may_sleep(!self.replica.awaits_majority()) {
                match timeout_at(until, self.queue.recv()).await {
                    Ok(Some(event)) => Some(event),
                    Ok(None) => return Ok(()),
                    Err(_) => None,
                }
            } else {
                Some(Event::Proposed)
            };
            if matches!(first, Some(Event::Proposed))
                && let Some(answered) = self.replica.gathers()
            {
                self.drive.gather(&self.desk, answered).await;
            }
            if !self.take(first) {
                return self.replica.flush_audit().map(drop);
            }
            let now = Instant::now();
            if let Some(took) = commits.look(self.replica.leads_log(), now) {
                self.counters.observe_commit(took);
            }
            if tell.is_some_and(|tell| now >= tell) {
                self.replica.tell_commit();
            }
            ticked = now >= next_tick;
            if ticked {
                self.replica.tick();
                // Time lost in a slow write is not made up: a burst of ticks would look like
                // silence of the leader.
                next_tick = (next_tick + self.config.tick).max(now);
            }
        }
    }

    /// Feeds what waits to the replica; false when the node is asked to stop.
    fn take(&mut self, first: Option<Event>) -> bool {
        let mut readers = Vec::new();
        let waiting = first
            .into_iter()
            .chain(std::iter::from_fn(|| self.queue.try_recv().ok()))
            .take(limits::TURN_EVENTS_MAX);
        for event in waiting {
            match event {
                Event::Message(message, permit) => {
                    self.replica.receive(*message);
                    drop(permit);
                }
                // It lies on the desk.
                Event::Proposed => {}
                Event::Read(reader) => readers.push(reader),
                Event::Change(change, actor, reply) => {
                    self.replica.change(&change, actor, reply);
                }
                Event::Transfer(to, reply) => self.replica.transfer(to, reply),
                Event::Heard(from, introduction) => self.replica.hear(from, &introduction),
                Event::Unreachable(peer) => self.replica.unreachable(peer),
                Event::SnapshotSent { to, sent } => self.replica.snapshot_sent(to, sent),
                Event::Audit(reply) => self.audits.push(reply),
                Event::Stop => return false,
            }
        }
        self.replica.propose(self.desk.take());
        self.replica.read(readers);
        true
    }

    /// Does what is ready, and tells of it. Who follows the status hears of mere progress once a tick.
    fn turn_end(&mut self, ticked: bool) -> Result<(), Failure> {
        let outbox = &mut self.outbox;
        self.replica.settle(&mut |message| outbox.send(message))?;
        if ticked || !self.audits.is_empty() {
            let head = self.replica.flush_audit()?;
            for reply in self.audits.drain(..) {
                // Who went away needs no answer.
                let _ = reply.send(head);
            }
        }
        if let Some(routes) = self.replica.take_routes() {
            self.founding
                .store(self.replica.founding(), Ordering::Relaxed);
            self.outbox.connect(&routes);
        }
        let status = self.replica.status();
        let applied = status.applied_index;
        let untold = &mut self.untold;
        self.status.send_if_modified(|old| {
            let news = status.differs_in_more_than_progress(old);
            *untold |= status != *old;
            *old = status;
            let tell = news || (ticked && *untold);
            *untold &= !tell;
            tell
        });
        self.applied.send_if_modified(|old| {
            let changed = *old != applied;
            *old = applied;
            changed
        });
        if let Some(reply) = self.replica.take_changed() {
            // Who went away needs no answer.
            let _ = reply.send(Ok(()));
        }
        Ok(())
    }
}
