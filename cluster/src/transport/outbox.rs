//! The way out of the node loop: a bounded queue for each peer, each emptied by its own task.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kumi_proto::dial::Dial;
use raft::eraftpb::{Message, MessageType};
use tokio::sync::mpsc;
use tokio::sync::mpsc::UnboundedSender;
use tonic::transport::Endpoint;

use crate::config::Config;
use crate::error::StartError;
use crate::event::Event;
use crate::limits;
use crate::metrics::Counters;
use crate::transport::frame::{Outgoing, Route, encode};
use crate::transport::peer;

/// See the module. Dropping it ends the peers' tasks.
#[derive(Debug)]
pub(crate) struct Outbox<O> {
    peers: BTreeMap<u64, mpsc::Sender<Outgoing>>,
    events: UnboundedSender<Event<O>>,
    counters: Arc<Counters>,
}

impl<O: Send + 'static> Outbox<O> {
    /// Starts a task for each peer on the current runtime.
    pub(crate) fn connect(
        config: &Config,
        dial: &Dial,
        events: &UnboundedSender<Event<O>>,
        counters: &Arc<Counters>,
    ) -> Result<Self, StartError> {
        let mut endpoints = Vec::new();
        for (id, address) in &config.peers {
            if *id != config.id {
                endpoints.push((*id, endpoint(*id, address)?));
            }
        }
        let mut peers = BTreeMap::new();
        for (to, endpoint) in endpoints {
            let (sender, queue) = mpsc::channel(limits::OUTBOUND_MESSAGES_MAX);
            let route = Route {
                cluster: config.cluster.clone(),
                from: config.id,
                to,
            };
            tokio::spawn(peer::run(
                (dial.clone(), endpoint),
                route,
                queue,
                events.clone(),
            ));
            peers.insert(to, sender);
        }
        Ok(Self {
            peers,
            events: events.clone(),
            counters: Arc::clone(counters),
        })
    }

    /// Queues a message for its receiver, or drops it when the queue is full; never blocks.
    pub(crate) fn send(&mut self, message: Message) {
        let to = message.to;
        let snapshot = message.get_msg_type() == MessageType::MsgSnapshot;
        let queued = match (self.peers.get(&to), encode(&message)) {
            (Some(queue), Ok(outgoing)) => queue.try_send(outgoing).is_ok(),
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

fn endpoint(id: u64, address: &str) -> Result<Endpoint, StartError> {
    let wrong = || StartError::Address {
        id,
        address: address.to_owned(),
    };
    let (host, port) = address.rsplit_once(':').ok_or_else(wrong)?;
    if host.is_empty() || port.parse::<u16>().is_err() {
        return Err(wrong());
    }
    let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(|_| wrong())?;
    Ok(endpoint
        .tcp_nodelay(true)
        .connect_timeout(Duration::from_millis(limits::CONNECT_MS_MAX))
        .http2_keep_alive_interval(Duration::from_millis(limits::KEEP_ALIVE_MS))
        .keep_alive_timeout(Duration::from_millis(limits::KEEP_ALIVE_MS)))
}
