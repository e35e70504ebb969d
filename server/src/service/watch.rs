//! Following a cohort. A watcher gets states, not events: whoever reads slowly misses none that
//! matters, since the newest one says it all.

use std::sync::Arc;
use std::time::Duration;

use kumi_proto::ids::CohortId;
use kumi_proto::v1::{CohortState, CohortSummary, WatchCohortRequest, WatchCohortResponse};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::caller::Caller;
use crate::control::Control;
use crate::limits;
use crate::refusal;
use crate::service::cohort::{add_progress, find};

type Updates = mpsc::Sender<Result<WatchCohortResponse, Status>>;

/// The cohort's state now and after every change, until it has ended. Nothing older than
/// `from_revision` is ever shown: a replica that lags waits until it has caught up.
pub(super) async fn watch(
    control: Arc<Control>,
    caller: &Caller,
    request: WatchCohortRequest,
) -> Result<ReceiverStream<Result<WatchCohortResponse, Status>>, Status> {
    let id = control
        .read(false, |state, _| find(state, caller, &request.cohort))
        .await??;
    let (updates, stream) = mpsc::channel(limits::WATCH_WAITING_MAX);
    tokio::spawn(async move {
        tokio::select! {
            biased;
            () = control.stopping() => {
                // A watcher that reads nothing will not read this either.
                let _ = updates.try_send(Err(refusal::stopping()));
            }
            () = updates.closed() => {}
            () = follow(&control, id, request.from_revision, &updates) => {}
        }
    });
    Ok(ReceiverStream::new(stream))
}

async fn follow(control: &Control, id: CohortId, from_revision: u64, updates: &Updates) {
    let mut applied = control.node.applied();
    // The node has stopped when nobody tells the index any more.
    if applied
        .wait_for(|index| *index >= from_revision)
        .await
        .is_err()
    {
        return;
    }
    let mut sent: Option<CohortSummary> = None;
    loop {
        applied.borrow_and_update();
        let (found, revision) = control.local(|state, revision| (state.summary(id), revision));
        let Some(mut summary) = found else { return };
        add_progress(control, &mut summary);
        let ended = summary.state() != CohortState::Running;
        if sent.as_ref() != Some(&summary) {
            let update = WatchCohortResponse {
                revision,
                summary: Some(summary.clone()),
            };
            if updates.send(Ok(update)).await.is_err() || ended {
                return;
            }
            sent = Some(summary);
        }
        tokio::time::sleep(Duration::from_millis(limits::WATCH_PAUSE_MS)).await;
        let progress = Duration::from_millis(limits::WATCH_PROGRESS_MS - limits::WATCH_PAUSE_MS);
        if let Ok(Err(_)) = tokio::time::timeout(progress, applied.changed()).await {
            return;
        }
    }
}
