//! The task that keeps one peer's stream open and feeds it.
//!
//! While there is no connection, messages are dropped: raft repeats what matters, and what is old
//! by the time the peer is back would only be in the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kumi_proto::causes::chain;
use kumi_proto::dial::Dial;
use kumi_proto::v1::RaftFrame;
use kumi_proto::v1::raft_service_client::RaftServiceClient;
use tokio::sync::mpsc;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;

use crate::event::Event;
use crate::limits;
use crate::transport::frame::{Framer, Outgoing, Route};

/// How a peer is reached, and what it is told of this node.
pub(crate) struct Way {
    pub(crate) dial: Dial,
    pub(crate) endpoint: Endpoint,
    /// The founding of this node's cluster, as soon as it is known.
    pub(crate) founding: Arc<AtomicU64>,
}

/// Runs until the node's end of `queue` is dropped.
pub(crate) async fn run(
    way: Way,
    route: Route,
    mut queue: mpsc::Receiver<Outgoing>,
    events: UnboundedSender<Event>,
) {
    let to = route.to;
    let mut wait = Duration::from_millis(limits::RECONNECT_MS_MIN);
    let mut connected_before = true;
    while !queue.is_closed() {
        let begun = Instant::now();
        let broken = stream(&way, &route, &mut queue, &events).await;
        if queue.is_closed() {
            return;
        }
        if begun.elapsed() >= Duration::from_millis(limits::RECONNECT_MS_MAX) {
            wait = Duration::from_millis(limits::RECONNECT_MS_MIN);
            connected_before = true;
        }
        if std::mem::take(&mut connected_before) {
            tracing::warn!(peer = to, error = %broken, "no connection to a peer; retrying");
        }
        // The loop may be gone already.
        let _ = events.send(Event::Unreachable(to));
        drop_for(wait, to, &mut queue, &events).await;
        wait = (wait * 2).min(Duration::from_millis(limits::RECONNECT_MS_MAX));
    }
}

/// Connects and feeds one stream until it breaks; returns why.
async fn stream(
    way: &Way,
    route: &Route,
    queue: &mut mpsc::Receiver<Outgoing>,
    events: &UnboundedSender<Event>,
) -> String {
    let channel = match way.dial.connect(way.endpoint.clone()).await {
        Ok(channel) => channel,
        Err(error) => return chain(&error),
    };
    tracing::debug!(peer = route.to, "connected to a peer");
    let mut client =
        RaftServiceClient::new(channel).max_encoding_message_size(limits::FRAME_BYTES_MAX);
    let (frames, outgoing) = mpsc::channel(limits::FRAMES_AHEAD_MAX);
    let mut framer = Framer::new(route.clone());
    let broken = {
        let call = client.send(ReceiverStream::new(outgoing));
        tokio::select! {
            biased;
            answer = call => match answer {
                Ok(_) => "the peer closed the stream".to_owned(),
                Err(status) => format!("{}: {}", status.code(), status.message()),
            },
            () = feed((way, &mut framer), route.to, queue, &frames, events) => "stopped".to_owned(),
        }
    };
    for _ in 0..framer.snapshots_waiting() {
        let _ = events.send(Event::SnapshotSent {
            to: route.to,
            sent: false,
        });
    }
    broken
}

/// Turns messages into frames until either end is gone.
async fn feed(
    (way, framer): (&Way, &mut Framer),
    to: u64,
    queue: &mut mpsc::Receiver<Outgoing>,
    frames: &mpsc::Sender<RaftFrame>,
    events: &UnboundedSender<Event>,
) {
    loop {
        // Room first: what is taken off the queue must not be lost when the stream breaks here.
        let Ok(room) = frames.reserve().await else {
            // The call has ended and tells why.
            return std::future::pending().await;
        };
        let mut first = None;
        if !framer.has_parts() {
            first = queue.recv().await;
            if first.is_none() {
                return;
            }
        }
        let next = framer.next(|| first.take().or_else(|| queue.try_recv().ok()));
        let Some(mut framed) = next else {
            continue;
        };
        framed.frame.founding = way.founding.load(Ordering::Relaxed);
        room.send(framed.frame);
        if framed.snapshot_done {
            let _ = events.send(Event::SnapshotSent { to, sent: true });
        }
    }
}

/// Waits while dropping what the node sends; ends early when the node has gone.
async fn drop_for(
    wait: Duration,
    to: u64,
    queue: &mut mpsc::Receiver<Outgoing>,
    events: &UnboundedSender<Event>,
) {
    let until = Instant::now() + wait;
    while let Ok(Some(message)) = tokio::time::timeout_at(until, queue.recv()).await {
        if message.snapshot {
            let _ = events.send(Event::SnapshotSent { to, sent: false });
        }
    }
}
