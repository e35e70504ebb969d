//! `kumi.v1.QueueService`.

use std::sync::Arc;

use kumi_proto::v1::queue_service_server::QueueService;
use kumi_proto::v1::{
    GetPolicyRequest, GetPolicyResponse, SetPolicy, SetPolicyRequest, SetPolicyResponse,
    ShowQueueRequest, ShowQueueResponse, command,
};
use tonic::{Request, Response, Status};

use crate::caller::Caller;
use crate::control::Control;
use crate::refusal;
use crate::service::check_request_id;
use crate::service::cohort::find;

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
        let caller = Caller::of(&request)?;
        let SetPolicyRequest { request_id, policy } = request.into_inner();
        check_request_id("request_id", &request_id)?;
        let policy = policy.ok_or_else(|| refusal::bad_field("policy", "it is missing"))?;
        let set = command::Kind::SetPolicy(SetPolicy {
            request_id,
            policy: Some(policy),
        });
        let applied = self.control.propose_by(&caller, set).await?;
        Ok(Response::new(SetPolicyResponse {
            revision: applied.revision,
        }))
    }

    async fn get_policy(
        &self,
        request: Request<GetPolicyRequest>,
    ) -> Result<Response<GetPolicyResponse>, Status> {
        let caller = Caller::of(&request)?;
        let stale = request.into_inner().stale;
        let policy = self
            .control
            .read(stale, |state, _| state.policy_of(caller.confined_to()));
        let policy = policy.await?;
        Ok(Response::new(GetPolicyResponse { policy }))
    }

    async fn show(
        &self,
        request: Request<ShowQueueRequest>,
    ) -> Result<Response<ShowQueueResponse>, Status> {
        let caller = Caller::of(&request)?;
        let ShowQueueRequest { cohort, stale } = request.into_inner();
        let shown = self.control.read(stale, |state, _| {
            let only = match cohort.as_str() {
                "" => None,
                cohort => Some(find(state, &caller, cohort)?),
            };
            Ok::<_, Status>(state.queue(caller.confined_to(), only))
        });
        Ok(Response::new(shown.await??))
    }
}
