//! Messages into frames and back: small ones packed together, large ones in pieces.
//!
//! Pure. A snapshot's pieces let younger small messages pass, so that heartbeats do not wait
//! behind it; a large append keeps its place in the order.

use std::collections::VecDeque;

use kumi_proto::v1::{RaftFrame, RaftPart};
use protobuf::Message as _;
use raft::eraftpb::Message;

use crate::event::Introduction;
use crate::limits;

/// A message ready to travel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outgoing {
    pub(crate) bytes: Vec<u8>,
    pub(crate) snapshot: bool,
}

/// Where frames come from and go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) cluster: String,
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) introduction: Introduction,
}

/// Cuts the messages for one peer into frames.
#[derive(Debug)]
pub(crate) struct Framer {
    route: Route,
    large: VecDeque<Outgoing>,
    offset: usize,
}

/// A frame, and whether a snapshot is complete with it.
#[derive(Debug)]
pub(crate) struct Framed {
    pub(crate) frame: RaftFrame,
    pub(crate) snapshot_done: bool,
}

impl Framer {
    pub(crate) fn new(route: Route) -> Self {
        Self {
            route,
            large: VecDeque::new(),
            offset: 0,
        }
    }

    /// Whether [`Framer::next`] would give something without any new message.
    pub(crate) fn has_parts(&self) -> bool {
        !self.large.is_empty()
    }

    /// Snapshots that have not left completely.
    pub(crate) fn snapshots_waiting(&self) -> usize {
        self.large.iter().filter(|message| message.snapshot).count()
    }

    /// The next frame of what waits here and of the new messages `more` gives; `None` when there
    /// is nothing to send.
    pub(crate) fn next(&mut self, mut more: impl FnMut() -> Option<Outgoing>) -> Option<Framed> {
        let mut frame = self.frame();
        let mut bytes = 0;
        while self.large.front().is_none_or(|message| message.snapshot)
            && frame.messages.len() < limits::FRAME_MESSAGES_MAX
            && bytes < limits::FRAME_PAYLOAD_BYTES_MAX
        {
            let Some(message) = more() else {
                break;
            };
            if message.bytes.len() > limits::FRAME_PAYLOAD_BYTES_MAX {
                self.large.push_back(message);
            } else {
                bytes += message.bytes.len();
                frame.messages.push(message.bytes);
            }
        }
        let snapshot_done = frame.messages.is_empty() && self.cut(&mut frame);
        (!frame.messages.is_empty() || frame.part.is_some()).then_some(Framed {
            frame,
            snapshot_done,
        })
    }

    /// Puts the next piece into the frame; true when it was the last one of a snapshot.
    fn cut(&mut self, frame: &mut RaftFrame) -> bool {
        let Some(message) = self.large.front() else {
            return false;
        };
        let total = message.bytes.len();
        let end = (self.offset + limits::FRAME_PAYLOAD_BYTES_MAX).min(total);
        frame.part = Some(RaftPart {
            offset: self.offset as u64,
            total: total as u64,
            data: message.bytes[self.offset..end].to_vec(),
        });
        self.offset = end;
        if end < total {
            return false;
        }
        self.offset = 0;
        self.large
            .pop_front()
            .is_some_and(|message| message.snapshot)
    }

    fn frame(&self) -> RaftFrame {
        RaftFrame {
            cluster: self.route.cluster.clone(),
            from: self.route.from,
            to: self.route.to,
            messages: Vec::new(),
            part: None,
            address: self.route.introduction.address.clone(),
            machine_version: self.route.introduction.version,
            founding: 0,
        }
    }
}

/// Why a frame cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    /// It is not a raft message.
    #[error("a raft message cannot be decoded: {reason}")]
    Message {
        /// The decoder's words.
        reason: String,
    },
    /// Its sender or receiver is not the frame's.
    #[error("a raft message from {from} to {to} lies in another pair's frame")]
    Misplaced {
        /// Sender.
        from: u64,
        /// Receiver.
        to: u64,
    },
    /// A piece does not continue the message before it, or the message would be too large.
    #[error("piece at {offset} of {total} bytes does not follow {have} bytes")]
    Part {
        /// Where it claims to lie.
        offset: u64,
        /// How long it claims the message is.
        total: u64,
        /// What has arrived.
        have: usize,
    },
}

/// Puts large messages together again; one for each stream.
#[derive(Debug, Default)]
pub(crate) struct Assembly {
    bytes: Vec<u8>,
    total: u64,
}

impl Assembly {
    /// Takes a piece; returns the whole message with the last one.
    pub(crate) fn push(&mut self, part: &RaftPart) -> Result<Option<Vec<u8>>, FrameError> {
        if part.offset == 0 {
            self.bytes.clear();
            self.total = part.total;
        }
        let end = part.offset.saturating_add(part.data.len() as u64);
        let fits = part.offset == self.bytes.len() as u64
            && part.total == self.total
            && part.total <= limits::MESSAGE_BYTES_MAX as u64
            && !part.data.is_empty()
            && end <= part.total;
        if !fits {
            return Err(FrameError::Part {
                offset: part.offset,
                total: part.total,
                have: self.bytes.len(),
            });
        }
        self.bytes.extend_from_slice(&part.data);
        if end < part.total {
            return Ok(None);
        }
        self.total = 0;
        Ok(Some(std::mem::take(&mut self.bytes)))
    }
}

/// A raft message for the wire.
pub(crate) fn encode(message: &Message) -> Result<Outgoing, FrameError> {
    let bytes = message.write_to_bytes().map_err(undecodable)?;
    Ok(Outgoing {
        snapshot: message.get_msg_type() == raft::eraftpb::MessageType::MsgSnapshot,
        bytes,
    })
}

/// A raft message from the wire, checked against its frame.
pub(crate) fn decode(bytes: &[u8], from: u64, to: u64) -> Result<Message, FrameError> {
    let message = Message::parse_from_bytes(bytes).map_err(undecodable)?;
    if message.from != from || message.to != to {
        return Err(FrameError::Misplaced {
            from: message.from,
            to: message.to,
        });
    }
    Ok(message)
}

fn undecodable(error: protobuf::ProtobufError) -> FrameError {
    FrameError::Message {
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests;
