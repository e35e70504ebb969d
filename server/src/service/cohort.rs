//! `kumi.v1.CohortService`.

use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use kumi_proto::ids::CohortId;
use kumi_proto::v1::cohort_service_server::CohortService;
use kumi_proto::v1::{
    Cancel, CancelCohortRequest, CancelCohortResponse, CohortDetail, CohortSummary,
    GetCohortRequest, ListCohortsRequest, ListCohortsResponse, Purge, PurgeSamplesRequest, Retry,
    RetryCohortRequest, RetryCohortResponse, SubmitRequest, SubmitResponse, WatchCohortRequest,
    WatchCohortResponse, WhyRequest, WhyResponse, Withdraw, WithdrawSamplesRequest,
    WithdrawSamplesResponse, command,
};
use kumi_scheduler::{Outcome, State};
use tonic::{Request, Response, Status, Streaming};

use crate::caller::Caller;
use crate::control::Control;
use crate::limits;
use crate::refusal;
use crate::service::submit::opened;
use crate::service::{check_request_id, submit, watch};

/// Cohorts: submitted, listed, followed, changed.
#[derive(Clone)]
pub(crate) struct Cohorts {
    pub(crate) control: Arc<Control>,
}

/// The cohort of that number or name, if it exists for the caller.
pub(super) fn find(state: &State, caller: &Caller, cohort: &str) -> Result<CohortId, Status> {
    state
        .find_of(caller.confined_to(), cohort)
        .ok_or_else(|| refusal::not_found("cohort", cohort))
}

/// Adds what only the leader knows: how far the running tasks are.
pub(super) fn add_progress(control: &Control, summary: &mut CohortSummary) {
    let progress = control.roster().soft.progress(summary.cohort);
    for stage in &mut summary.stages {
        let sum = progress.get(&stage.stage()).copied().unwrap_or_default();
        if stage.running > 0 {
            // A report may still list tasks that have ended.
            stage.running_fraction = (sum / stage.running as f64).min(1.0);
        }
    }
}

#[tonic::async_trait]
impl CohortService for Cohorts {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<WatchCohortResponse, Status>> + Send>>;

    async fn submit(
        &self,
        request: Request<Streaming<SubmitRequest>>,
    ) -> Result<Response<SubmitResponse>, Status> {
        let caller = Caller::of(&request)?;
        let response = submit::submit(&self.control, &caller, request.into_inner()).await?;
        Ok(Response::new(response))
    }

    async fn list(
        &self,
        request: Request<ListCohortsRequest>,
    ) -> Result<Response<ListCohortsResponse>, Status> {
        let caller = Caller::of(&request)?;
        let ListCohortsRequest {
            page_size,
            page_token,
            stale,
        } = request.into_inner();
        let before = match page_token.as_str() {
            "" => None,
            token => Some(CohortId(token.parse().map_err(|_| {
                refusal::bad_field("page_token", "it is none that a list has given out")
            })?)),
        };
        let size = match page_size {
            0 => limits::PAGE_COHORTS_MAX,
            size => size.min(limits::PAGE_COHORTS_MAX),
        } as usize;
        let (mut cohorts, revision) = self
            .control
            .read(stale, |state, revision| {
                let centre = caller.confined_to();
                (state.summaries_of(centre, before, size + 1), revision)
            })
            .await?;
        let more = cohorts.len() > size;
        cohorts.truncate(size);
        for summary in &mut cohorts {
            add_progress(&self.control, summary);
        }
        let last = cohorts.last().filter(|_| more);
        let next_page_token = last.map_or_else(String::new, |last| last.cohort.to_string());
        Ok(Response::new(ListCohortsResponse {
            cohorts,
            next_page_token,
            revision,
        }))
    }

    async fn get(
        &self,
        request: Request<GetCohortRequest>,
    ) -> Result<Response<CohortDetail>, Status> {
        let caller = Caller::of(&request)?;
        let GetCohortRequest {
            cohort,
            stale,
            store,
        } = request.into_inner();
        let detail = self
            .control
            .read(stale, |state, _| {
                let id = find(state, &caller, &cohort)?;
                state
                    .detail(id, store)
                    .ok_or_else(|| refusal::not_found("cohort", &cohort))
            })
            .await?;
        let mut detail = detail?;
        if let Some(summary) = &mut detail.summary {
            add_progress(&self.control, summary);
        }
        Ok(Response::new(detail))
    }

    async fn watch(
        &self,
        request: Request<WatchCohortRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let caller = Caller::of(&request)?;
        let control = Arc::clone(&self.control);
        let updates = watch::watch(control, &caller, request.into_inner()).await?;
        Ok(Response::new(Box::pin(updates)))
    }

    async fn cancel(
        &self,
        request: Request<CancelCohortRequest>,
    ) -> Result<Response<CancelCohortResponse>, Status> {
        let caller = Caller::of(&request)?;
        let CancelCohortRequest {
            request_id,
            cohort,
            reason,
        } = request.into_inner();
        check_request_id("request_id", &request_id)?;
        let cohort = self.number(&caller, &cohort).await?;
        let cancel = command::Kind::Cancel(Cancel {
            request_id,
            cohort,
            reason,
        });
        let applied = self.control.propose_by(&caller, cancel).await?;
        Ok(Response::new(CancelCohortResponse {
            revision: applied.revision,
        }))
    }

    async fn retry(
        &self,
        request: Request<RetryCohortRequest>,
    ) -> Result<Response<RetryCohortResponse>, Status> {
        let caller = Caller::of(&request)?;
        let RetryCohortRequest {
            request_id,
            cohort,
            samples,
            missing,
        } = request.into_inner();
        check_request_id("request_id", &request_id)?;
        let cohort = self.number(&caller, &cohort).await?;
        let retry = command::Kind::Retry(Retry {
            request_id,
            cohort,
            samples,
            missing,
        });
        let applied = self.control.propose_by(&caller, retry).await?;
        let tasks = match applied.outcome {
            Outcome::Retried { tasks } => tasks,
            other => return Err(refusal::unexpected("a retry", &other)),
        };
        Ok(Response::new(RetryCohortResponse {
            revision: applied.revision,
            tasks,
        }))
    }

    async fn withdraw(
        &self,
        request: Request<WithdrawSamplesRequest>,
    ) -> Result<Response<WithdrawSamplesResponse>, Status> {
        let caller = Caller::of(&request)?;
        let request = request.into_inner();
        check_request_id("request_id", &request.request_id)?;
        if request.samples.is_empty() {
            return Err(refusal::bad_field("samples", "name at least one"));
        }
        let withdraw = command::Kind::Withdraw(Withdraw {
            request_id: request.request_id,
            cohort: self.number(&caller, &request.cohort).await?,
            samples: request.samples,
            undo: request.undo,
            reason: request.reason,
        });
        let applied = self.control.propose_by(&caller, withdraw).await?;
        match applied.outcome {
            Outcome::Withdrawn { samples } => Ok(Response::new(WithdrawSamplesResponse {
                revision: applied.revision,
                samples,
            })),
            other => Err(refusal::unexpected("a withdrawal", &other)),
        }
    }

    async fn purge(
        &self,
        request: Request<PurgeSamplesRequest>,
    ) -> Result<Response<SubmitResponse>, Status> {
        let caller = Caller::of(&request)?;
        let PurgeSamplesRequest {
            request_id,
            cohort,
            samples,
        } = request.into_inner();
        check_request_id("request_id", &request_id)?;
        let purge = command::Kind::Purge(Purge {
            request_id,
            cohort: self.number(&caller, &cohort).await?,
            samples,
        });
        let applied = self.control.propose_by(&caller, purge).await?;
        opened(applied, "a purge").map(Response::new)
    }

    async fn why(&self, request: Request<WhyRequest>) -> Result<Response<WhyResponse>, Status> {
        let caller = Caller::of(&request)?;
        let WhyRequest {
            cohort,
            sample,
            task,
        } = request.into_inner();
        let now_ms = self.control.clock.unix_ms();
        let tasks = self
            .control
            .read(false, |state, _| {
                let id = find(state, &caller, &cohort)?;
                let task = task.map(|task| kumi_proto::v1::TaskId {
                    cohort: id.0,
                    ..task
                });
                Ok::<_, Status>(state.why(caller.confined_to(), id, &sample, task.as_ref(), now_ms))
            })
            .await??;
        if tasks.is_empty() && !sample.is_empty() {
            return Err(refusal::not_found("sample", &sample));
        }
        if tasks.is_empty() && task.is_some() {
            return Err(refusal::not_found(
                "task",
                &format!("{:?}", task.unwrap_or_default()),
            ));
        }
        Ok(Response::new(WhyResponse { tasks }))
    }
}

impl Cohorts {
    /// The number of a cohort given by number or name; refused on a follower, which could not go on
    /// with it.
    async fn number(&self, caller: &Caller, cohort: &str) -> Result<u64, Status> {
        self.control.require_leader()?;
        let id = self
            .control
            .read(false, |state, _| find(state, caller, cohort))
            .await??;
        Ok(id.0)
    }
}
