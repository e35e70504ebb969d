//! The gRPC service through which peers send their messages.

use kumi_proto::v1::raft_service_server::{RaftService, RaftServiceServer};
use kumi_proto::v1::{RaftAck, RaftFrame};
use tonic::{Request, Response, Status, Streaming};

use crate::event::Introduction;
use crate::limits;
use crate::machine::StateMachine;
use crate::node::Node;
use crate::transport::frame::{Assembly, FrameError, decode};
use crate::transport::inbox::{Closed, Inbox};

/// Receives frames and hands their messages to the event loop. It does not keep the node alive.
#[derive(Debug)]
pub struct RaftEndpoint {
    inbox: Inbox,
}

/// The node that a connection is of, when its transport knows: an extension of the request. Frames of any other
/// node are refused on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender(pub u64);

/// The service of a node, to be mounted on the endpoint its peers were told.
pub fn service<S: StateMachine>(node: &Node<S>) -> RaftServiceServer<RaftEndpoint> {
    let inbox = node.inbox();
    RaftServiceServer::new(RaftEndpoint { inbox })
        .max_decoding_message_size(limits::FRAME_BYTES_MAX)
}

#[tonic::async_trait]
impl RaftService for RaftEndpoint {
    async fn send(
        &self,
        request: Request<Streaming<RaftFrame>>,
    ) -> Result<Response<RaftAck>, Status> {
        let sender = request.extensions().get::<Sender>().copied();
        let mut stream = request.into_inner();
        let mut assembly = Assembly::default();
        let mut heard = None;
        let mut frames = 0;
        while let Some(frame) = stream.message().await? {
            if let Some(Sender(node)) = sender.filter(|sender| sender.0 != frame.from) {
                return Err(Status::permission_denied(format!(
                    "node {node} sends a frame that says it comes from node {}",
                    frame.from
                )));
            }
            self.check(&frame)?;
            let says = Introduction {
                address: frame.address.clone(),
                version: frame.machine_version,
            };
            if heard.as_ref() != Some(&says) {
                self.inbox.heard(frame.from, says.clone());
                heard = Some(says);
            }
            self.take(frame, &mut assembly)?;
            frames += 1;
        }
        Ok(Response::new(RaftAck { frames }))
    }
}

impl RaftEndpoint {
    fn check(&self, frame: &RaftFrame) -> Result<(), Status> {
        let Inbox { cluster, id, .. } = &self.inbox;
        if frame.cluster != *cluster {
            return Err(Status::failed_precondition(format!(
                "node {id} belongs to cluster {cluster:?}, the frame to {:?}",
                frame.cluster
            )));
        }
        if frame.to != *id {
            return Err(Status::failed_precondition(format!(
                "this is node {id}, the frame is for node {}; check the peers' addresses",
                frame.to
            )));
        }
        if frame.from == 0 || frame.from == *id {
            return Err(Status::permission_denied(format!(
                "the frame says that it comes from node {}, which is not another node than {id}",
                frame.from
            )));
        }
        if !self.inbox.is_akin(frame.founding) {
            return Err(Status::failed_precondition(format!(
                "nodes {} and {id} belong to different clusters of one name: each was founded with \
                 other nodes, or from another backup",
                frame.from
            )));
        }
        Ok(())
    }

    fn take(&self, frame: RaftFrame, assembly: &mut Assembly) -> Result<(), Status> {
        let (from, to) = (frame.from, frame.to);
        let refuse = |error: FrameError| Status::invalid_argument(error.to_string());
        let mut whole = frame.messages;
        if let Some(part) = &frame.part {
            whole.extend(assembly.push(part).map_err(refuse)?);
        }
        for bytes in whole {
            let message = decode(&bytes, from, to).map_err(refuse)?;
            self.inbox
                .deliver(message, bytes.len())
                .map_err(|Closed| Status::unavailable(format!("node {to} has stopped")))?;
        }
        Ok(())
    }
}
