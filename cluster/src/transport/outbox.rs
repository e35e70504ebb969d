//! The way out of the event loop: a bounded queue for each peer, each emptied by its own task.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use kumi_proto::dial::Dial;
use raft::eraftpb::{Message, MessageType};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::sync::mpsc::UnboundedSender;
use tonic::transport::Endpoint;

use crate::addresses;
use crate::config::Config;
use crate::event::{Event, Introduction};
use crate::limits;
use crate::metrics::Counters;
use crate::transport::frame::{Outgoing, Route, encode};
use crate::transport::peer::{self, Way};

/// See the module. Dropping it ends the peers' tasks.
pub(crate) struct Outbox {
    peers: BTreeMap<u64, Peer>,
    cluster: String,
    id: u64,
    introduction: Introduction,
    founding: Arc<AtomicU64>,
    dial: Dial,
    runtime: Handle,
    events: UnboundedSender<Event>,
    counters: Arc<Counters>,
}

struct Peer {
    address: String,
    queue: mpsc::Sender<Outgoing>,
}

impl Outbox {
    /// An outbox without peers, whose tasks will run on the current runtime.
    pub(crate) fn new(
        (config, introduction): (&Config, Introduction),
        founding: &Arc<AtomicU64>,
        dial: &Dial,
        events: &UnboundedSender<Event>,
        counters: &Arc<Counters>,
    ) -> Self {
        Self {
            peers: BTreeMap::new(),
            cluster: config.cluster.clone(),
            id: config.id,
            introduction,
            founding: Arc::clone(founding),
            dial: dial.clone(),
            runtime: Handle::current(),
            events: events.clone(),
            counters: Arc::clone(counters),
        }
    }

    /// From now on these are the peers. Those that stay where they are keep their stream.
    pub(crate) fn connect(&mut self, routes: &BTreeMap<u64, String>) {
        self.peers
            .retain(|id, peer| routes.get(id) == Some(&peer.address));
        for (to, address) in routes {
            if self.peers.contains_key(to) {
                continue;
            }
            if let Some(endpoint) = addresses::endpoint(address) {
                let address = address.clone();
                let queue = self.spawn(*to, endpoint);
                self.peers.insert(*to, Peer { address, queue });
            }
        }
    }

    fn spawn(&self, to: u64, endpoint: Endpoint) -> mpsc::Sender<Outgoing> {
        let (sender, queue) = mpsc::channel(limits::OUTBOUND_MESSAGES_MAX);
        let route = Route {
            cluster: self.cluster.clone(),
            from: self.id,
            to,
            introduction: self.introduction.clone(),
        };
        let way = Way {
            dial: self.dial.clone(),
            endpoint,
            founding: Arc::clone(&self.founding),
        };
        self.runtime
            .spawn(peer::run(way, route, queue, self.events.clone()));
        sender
    }

    /// Queues a message for its receiver, or drops it when the queue is full; never blocks.
    pub(crate) fn send(&mut self, message: Message) {
        let to = message.to;
        let snapshot = message.get_msg_type() == MessageType::MsgSnapshot;
        let queued = match (self.peers.get(&to), encode(&message)) {
            (Some(peer), Ok(outgoing)) => peer.queue.try_send(outgoing).is_ok(),
            _ => false,
        };
        if queued {
            return;
        }
        Counters::add(&self.counters.messages_dropped, 1);
        // Our own queue lives as long as we do.
        let _ = self.events.send(if snapshot {
            Event::SnapshotSent { to, sent: false }
        } else {
            Event::Unreachable(to)
        });
    }
}
