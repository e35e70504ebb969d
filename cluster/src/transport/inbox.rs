//! The way into the event loop for peers' messages: bounded, never blocking.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use raft::eraftpb::Message;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedSender;

use crate::config::Config;
use crate::event::{Event, Introduction};
use crate::limits;
use crate::metrics::Counters;

/// See the module. Clones share one bound.
#[derive(Clone, Debug)]
pub(crate) struct Inbox {
    pub(crate) cluster: String,
    pub(crate) id: u64,
    founding: Arc<AtomicU64>,
    events: UnboundedSender<Event>,
    room: Arc<Semaphore>,
    counters: Arc<Counters>,
}

/// The node has stopped.
#[derive(Debug)]
pub(crate) struct Closed;

impl Inbox {
    pub(crate) fn new(
        config: &Config,
        founding: &Arc<AtomicU64>,
        events: UnboundedSender<Event>,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            cluster: config.cluster.clone(),
            id: config.id,
            founding: Arc::clone(founding),
            events,
            room: Arc::new(Semaphore::new(limits::INBOUND_BYTES_MAX)),
            counters,
        }
    }

    /// Whether a node of that founding may belong to this one's cluster; 0: it does not know yet.
    pub(crate) fn is_akin(&self, founding: u64) -> bool {
        let own = self.founding.load(Ordering::Relaxed);
        own == founding || own == 0 || founding == 0
    }

    /// What a node says of itself.
    pub(crate) fn heard(&self, from: u64, introduction: Introduction) {
        // The node may have stopped.
        let _ = self.events.send(Event::Heard(from, introduction));
    }

    /// Hands a message of `bytes` over, or drops it when there is no room.
    pub(crate) fn deliver(&self, message: Message, bytes: usize) -> Result<(), Closed> {
        const COST_MIN: usize = limits::INBOUND_BYTES_MAX / limits::INBOUND_MESSAGES_MAX;
        let cost = bytes.clamp(COST_MIN, limits::INBOUND_BYTES_MAX);
        let cost = u32::try_from(cost).unwrap_or(u32::MAX);
        match Arc::clone(&self.room).try_acquire_many_owned(cost) {
            Ok(permit) => self
                .events
                .send(Event::Message(Box::new(message), permit))
                .map_err(|_| Closed),
            Err(_) => {
                Counters::add(&self.counters.messages_dropped, 1);
                Ok(())
            }
        }
    }
}
