//! `kumi.v1.QueueService`.

use std::sync::Arc;

use kumi_proto::v1::queue_service_server::QueueService;
use kumi_proto::v1::{
    GetPolicyRequest, GetPolicyResponse, SetPolicy, SetPolicyRequest, SetPolicyResponse,
    ShowQueueRequest, ShowQueueResponse, command,
};
use tonic::{Request, Response, Status};

use crate::control::Control;
use crate::refusal;
use crate::service::check_request_id;

/// How the cores are shared, and who waits for what.
#[derive(Clone)]
pub(crate) struct Queue {
    pub(crate) control: Arc<Control>,
}

#[tonic::async_trait]
impl QueueService for Queue {
    async fn set_policy(
        &self,
        request: Request<SetPolicyRequest>,
    ) -> Result<Response<SetPolicyResponse>, Status> {
        let SetPolicyRequest { request_id, policy } = request.into_inner();
        check_request_id("request_id", &request_id)?;
        let policy = policy.ok_or_else(|| refusal::bad_field("policy", "it is missing"))?;
        let set = command::Kind::SetPolicy(SetPolicy {
            request_id,
            policy: Some(policy),
        });
        let applied = self.control.propose(set).await?;
        Ok(Response::new(SetPolicyResponse {
            revision: applied.revision,
        }))
    }

    async fn get_policy(
        &self,
        request: Request<GetPolicyRequest>,
    ) -> Result<Response<GetPolicyResponse>, Status> {
        let stale = request.into_inner().stale;
        let policy = self.control.read(stale, |state, _| state.policy()).await?;
        Ok(Response::new(GetPolicyResponse { policy }))
    }

    async fn show(
        &self,
        request: Request<ShowQueueRequest>,
    ) -> Result<Response<ShowQueueResponse>, Status> {
        let ShowQueueRequest { cohort, stale } = request.into_inner();
        let shown = self.control.read(stale, |state, _| {
            if cohort.is_empty() {
                return Ok(state.queue(None));
            }
            let found = state.find(&cohort);
            let found = found.ok_or_else(|| refusal::not_found("cohort", &cohort))?;
            Ok(state.queue(Some(found)))
        });
        shown.await?.map(Response::new)
    }
}
