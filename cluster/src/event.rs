//! What the node loop reacts to. The list is closed: nothing else reaches the replica.

use raft::eraftpb::Message;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::error::{ProposeError, ReadError};

/// Who waits for a proposal's outcome, and the share of the queue it holds meanwhile.
#[derive(Debug)]
pub(crate) struct Waiter<O> {
    pub(crate) reply: oneshot::Sender<Result<O, ProposeError>>,
    pub(crate) permit: Option<OwnedSemaphorePermit>,
}

/// A command and who waits for it.
#[derive(Debug)]
pub(crate) struct Proposal<O> {
    pub(crate) command: Vec<u8>,
    pub(crate) waiter: Waiter<O>,
}

/// Who waits until the replica has caught up with a read index.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) reply: oneshot::Sender<Result<(), ReadError>>,
    pub(crate) permit: Option<OwnedSemaphorePermit>,
}

/// An input of the node loop (ticks come from its own clock).
#[derive(Debug)]
pub(crate) enum Event<O> {
    /// A peer's message, with its share of the inbound queue.
    Message(Box<Message>, OwnedSemaphorePermit),
    /// A proposal to replicate.
    Propose(Proposal<O>),
    /// A linearizable read.
    Read(Reader),
    /// A peer did not take a message.
    Unreachable(u64),
    /// A snapshot was handed to a peer's stream, or was not.
    SnapshotSent {
        /// The peer.
        to: u64,
        /// Whether all of it left.
        sent: bool,
    },
    /// The end.
    Stop,
}
