//! The way into the node loop for peers' messages: bounded, never blocking.

use std::collections::BTreeSet;
use std::sync::Arc;

use raft::eraftpb::Message;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedSender;

use crate::config::Config;
use crate::event::Event;
use crate::limits;
use crate::metrics::Counters;

/// See the module. Clones share one bound.
#[derive(Debug)]
pub(crate) struct Inbox<O> {
    pub(crate) cluster: String,
    pub(crate) id: u64,
    pub(crate) peers: Arc<BTreeSet<u64>>,
    events: UnboundedSender<Event<O>>,
    room: Arc<Semaphore>,
    counters: Arc<Counters>,
}

impl<O> Clone for Inbox<O> {
    fn clone(&self) -> Self {
        Self {
            cluster: self.cluster.clone(),
            id: self.id,
            peers: Arc::clone(&self.peers),
            events: self.events.clone(),
            room: Arc::clone(&self.room),
            counters: Arc::clone(&self.counters),
        }
    }
}

/// The node has stopped.
#[derive(Debug)]
pub(crate) struct Closed;

impl<O> Inbox<O> {
    pub(crate) fn new(
        config: &Config,
        events: UnboundedSender<Event<O>>,
        counters: Arc<Counters>,
    ) -> Self {
        let peers = config.voters().into_iter().filter(|id| *id != config.id);
        Self {
            cluster: config.cluster.clone(),
            id: config.id,
            peers: Arc::new(peers.collect()),
            events,
            room: Arc::new(Semaphore::new(limits::INBOUND_BYTES_MAX)),
            counters,
        }
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
