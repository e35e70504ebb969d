//! `kumi.v1.WorkerService`.

use std::sync::Arc;

use kumi_proto::v1::worker_service_server::WorkerService;
use kumi_proto::v1::{
    Drain, DrainWorkerRequest, DrainWorkerResponse, ListWorkersRequest, ListWorkersResponse,
    Report, RunningTask, WorkerStatus, command,
};
use kumi_scheduler::WorkerView;
use tonic::{Request, Response, Status, Streaming};

use crate::caller::Caller;
use crate::control::Control;
use crate::orders::OrderStream;
use crate::service::check_request_id;
use crate::session;
use crate::soft::Seen;

/// Workers: their sessions, and what operators ask and tell about them.
#[derive(Clone)]
pub(crate) struct Workers {
    pub(crate) control: Arc<Control>,
}

#[tonic::async_trait]
impl WorkerService for Workers {
    type SessionStream = OrderStream;

    async fn session(
        &self,
        request: Request<Streaming<Report>>,
    ) -> Result<Response<OrderStream>, Status> {
        let caller = Caller::of(&request)?;
        let orders = session::open(Arc::clone(&self.control), caller, request.into_inner()).await?;
        Ok(Response::new(orders))
    }

    async fn list(
        &self,
        request: Request<ListWorkersRequest>,
    ) -> Result<Response<ListWorkersResponse>, Status> {
        let stale = request.into_inner().stale;
        let views = self.control.read(stale, |state, _| state.workers()).await?;
        let roster = self.control.roster();
        let status = |view: WorkerView| {
            let seen = roster.soft.seen(view.id.0);
            describe(view, seen)
        };
        let workers = views.into_iter().map(status).collect();
        Ok(Response::new(ListWorkersResponse { workers }))
    }

    async fn drain(
        &self,
        request: Request<DrainWorkerRequest>,
    ) -> Result<Response<DrainWorkerResponse>, Status> {
        let caller = Caller::of(&request)?;
        let DrainWorkerRequest {
            request_id,
            name,
            resume,
            reason,
        } = request.into_inner();
        check_request_id("request_id", &request_id)?;
        let drain = command::Kind::Drain(Drain {
            request_id,
            name,
            resume,
            reason,
        });
        let applied = self.control.propose_by(&caller, drain).await?;
        Ok(Response::new(DrainWorkerResponse {
            revision: applied.revision,
        }))
    }
}

/// Leases are the truth about what a worker runs; what it said itself adds the progress.
fn describe(view: WorkerView, seen: Option<&Seen>) -> WorkerStatus {
    let progress = |attempt: u64| {
        let running = seen.into_iter().flat_map(|seen| &seen.running);
        running
            .into_iter()
            .find(|task| task.attempt == attempt)
            .map_or(0.0, |task| task.progress)
    };
    let running = view.attempts.iter().map(|(attempt, task)| RunningTask {
        attempt: *attempt,
        task: Some(*task),
        progress: progress(*attempt),
    });
    WorkerStatus {
        worker: view.id.0,
        running: running.collect(),
        hello: Some(view.hello),
        state: view.state.label().to_owned(),
        free_cores: seen.map_or(0, |seen| seen.free_cores),
        last_report_ms: seen.map_or(0, |seen| seen.report_ms),
    }
}
