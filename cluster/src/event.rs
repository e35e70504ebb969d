//! What the event loop reacts to. The list is closed: nothing else reaches the replica.

use raft::eraftpb::Message;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::audit::Head;
use crate::change::{Change, ChangeError};
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

/// What a node says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Introduction {
    /// Its `host:port`; empty: it does not say.
    pub(crate) address: String,
    /// The newest version of the state machine that it knows.
    pub(crate) version: u32,
}

/// Who waits until the membership has changed.
pub(crate) type ChangeReply = oneshot::Sender<Result<(), ChangeError>>;

/// An input of the event loop (ticks come from its own clock).
#[derive(Debug)]
pub(crate) enum Event {
    /// A peer's message, with its share of the inbound queue.
    Message(Box<Message>, OwnedSemaphorePermit),
    /// A proposal lies on the desk.
    Proposed,
    /// A linearizable read.
    Read(Reader),
    /// A change of the membership, and who asks for it.
    Change(Change, String, ChangeReply),
    /// Another voter should lead.
    Transfer(u64, ChangeReply),
    /// What a node says of itself.
    Heard(u64, Introduction),
    /// A peer did not take a message.
    Unreachable(u64),
    /// A snapshot was handed to a peer's stream, or was not.
    SnapshotSent {
        /// The peer.
        to: u64,
        /// Whether all of it left.
        sent: bool,
    },
    /// Somebody is about to read the audit log.
    Audit(oneshot::Sender<(u64, Head)>),
    /// The end.
    Stop,
}
