//! `kumi.v1.TargetService`.

use std::sync::Arc;

use kumi_proto::v1::target_service_server::TargetService;
use kumi_proto::v1::{
    SetTarget, SetTargetRequest, SetTargetResponse, ShowTargetsRequest, ShowTargetsResponse,
    Target, command,
};
use tonic::{Request, Response, Status};

use crate::caller::Caller;
use crate::control::Control;
use crate::refusal;
use crate::service::check_request_id;

/// What a target may count.
const UNITS: [&str; 3] = ["case", "genome", "eq30x"];

/// National targets: so many units by a date.
#[derive(Clone)]
pub(crate) struct Targets {
    pub(crate) control: Arc<Control>,
}

#[tonic::async_trait]
impl TargetService for Targets {
    async fn set(
        &self,
        request: Request<SetTargetRequest>,
    ) -> Result<Response<SetTargetResponse>, Status> {
        let caller = Caller::of(&request)?;
        let SetTargetRequest { request_id, target } = request.into_inner();
        check_request_id("request_id", &request_id)?;
        let target = target.ok_or_else(|| refusal::bad_field("target", "it is missing"))?;
        check(&target)?;
        let target = Target {
            set_ms: self.control.clock.unix_ms(),
            ..target
        };
        let set = command::Kind::SetTarget(SetTarget {
            request_id,
            target: Some(target),
        });
        let applied = self.control.propose_by(&caller, set).await?;
        Ok(Response::new(SetTargetResponse {
            revision: applied.revision,
        }))
    }

    async fn show(
        &self,
        request: Request<ShowTargetsRequest>,
    ) -> Result<Response<ShowTargetsResponse>, Status> {
        let ShowTargetsRequest { programme, stale } = request.into_inner();
        let now_ms = self.control.clock.unix_ms();
        let programme = Some(programme.as_str()).filter(|programme| !programme.is_empty());
        let targets = self
            .control
            .read(stale, |state, _| state.targets(programme, now_ms))
            .await?;
        Ok(Response::new(ShowTargetsResponse { targets }))
    }
}

fn check(target: &Target) -> Result<(), Status> {
    if target.programme.is_empty() {
        return Err(refusal::bad_field("target.programme", "it is empty"));
    }
    if !UNITS.contains(&target.unit.as_str()) {
        let problem = format!("{:?} is none of {}", target.unit, UNITS.join(", "));
        return Err(refusal::bad_field("target.unit", problem));
    }
    if target.deadline_ms == 0 {
        return Err(refusal::bad_field("target.deadline_ms", "it is missing"));
    }
    Ok(())
}
