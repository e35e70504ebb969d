//! The gRPC service through which peers send their messages.

use kumi_proto::v1::raft_service_server::{RaftService, RaftServiceServer};
use kumi_proto::v1::{RaftAck, RaftFrame};
use tonic::{Request, Response, Status, Streaming};

use crate::limits;
use crate::machine::StateMachine;
use crate::node::Node;
use crate::transport::frame::{Assembly, FrameError, decode};
use crate::transport::inbox::{Closed, Inbox};

/// Receives frames and hands their messages to the node loop. It does not keep the node alive.
#[derive(Debug)]
pub struct RaftEndpoint<S: StateMachine> {
    inbox: Inbox<S::Outcome>,
}

/// The service of a node, to be mounted on the endpoint its peers were told.
pub fn service<S: StateMachine>(node: &Node<S>) -> RaftServiceServer<RaftEndpoint<S>> {
    let inbox = node.inbox();
    RaftServiceServer::new(RaftEndpoint { inbox })
        .max_decoding_message_size(limits::FRAME_BYTES_MAX)
}

#[tonic::async_trait]
impl<S: StateMachine> RaftService for RaftEndpoint<S> {
    async fn send(
        &self,
        request: Request<Streaming<RaftFrame>>,
    ) -> Result<Response<RaftAck>, Status> {
        let mut stream = request.into_inner();
        let mut assembly = Assembly::default();
        let mut frames = 0;
        while let Some(frame) = stream.message().await? {
            self.check(&frame)?;
            self.take(frame, &mut assembly)?;
            frames += 1;
        }
        Ok(Response::new(RaftAck { frames }))
    }
}

impl<S: StateMachine> RaftEndpoint<S> {
    fn check(&self, frame: &RaftFrame) -> Result<(), Status> {
        let Inbox {
            cluster, id, peers, ..
        } = &self.inbox;
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
        if !peers.contains(&frame.from) {
            return Err(Status::permission_denied(format!(
                "node {} is not a peer of node {id}",
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
