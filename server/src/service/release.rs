//! `kumi.v1.ReleaseService`.

use std::sync::Arc;

use kumi_proto::v1::release_service_server::ReleaseService;
use kumi_proto::v1::{
    Build, BuildReleaseRequest, GetReleaseRequest, GetReleaseResponse, ListReleasesRequest,
    ListReleasesResponse, SubmitResponse, command,
};
use tonic::{Request, Response, Status};

use crate::caller::Caller;
use crate::control::Control;
use crate::refusal;
use crate::service::check_request_id;
use crate::service::cohort::find;
use crate::service::submit::opened;

/// Releases: listed, looked at, built.
#[derive(Clone)]
pub(crate) struct Releases {
    pub(crate) control: Arc<Control>,
}

#[tonic::async_trait]
impl ReleaseService for Releases {
    async fn list(
        &self,
        request: Request<ListReleasesRequest>,
    ) -> Result<Response<ListReleasesResponse>, Status> {
        let caller = Caller::of(&request)?;
        let ListReleasesRequest { cohort, stale } = request.into_inner();
        let releases = self.control.read(stale, |state, _| {
            let of = match cohort.as_str() {
                "" => None,
                cohort => Some(find(state, &caller, cohort)?),
            };
            Ok::<_, Status>(state.releases_of(caller.confined_to(), of))
        });
        Ok(Response::new(ListReleasesResponse {
            releases: releases.await??,
        }))
    }

    async fn get(
        &self,
        request: Request<GetReleaseRequest>,
    ) -> Result<Response<GetReleaseResponse>, Status> {
        let caller = Caller::of(&request)?;
        let GetReleaseRequest {
            release,
            stale,
            source,
        } = request.into_inner();
        let found = self.control.read(stale, |state, _| {
            let found = state.find_release_of(caller.confined_to(), &release);
            let (id, release) = found.ok_or_else(|| refusal::not_found("release", &release))?;
            Ok::<_, Status>(GetReleaseResponse {
                source: source.then(|| state.release_source(id)).flatten(),
                release: Some(release),
            })
        });
        found.await?.map(Response::new)
    }

    async fn build(
        &self,
        request: Request<BuildReleaseRequest>,
    ) -> Result<Response<SubmitResponse>, Status> {
        let caller = Caller::of(&request)?;
        let BuildReleaseRequest { request_id, cohort } = request.into_inner();
        check_request_id("request_id", &request_id)?;
        self.control.require_leader()?;
        let id = self
            .control
            .read(false, |state, _| find(state, &caller, &cohort));
        let cohort = id.await??.0;
        let build = command::Kind::Build(Build { request_id, cohort });
        let applied = self.control.propose_by(&caller, build).await?;
        opened(applied, "a release").map(Response::new)
    }
}
