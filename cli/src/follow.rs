//! Following a cohort to its end, across leaders.

use std::time::Duration;

use kumi_proto::v1;
use kumi_proto::v1::cohort_service_client::CohortServiceClient;

use crate::client::Client;
use crate::exit::{Code, Exit};

/// True when nothing more will happen to the cohort by itself.
#[must_use]
pub fn ended(summary: &v1::CohortSummary) -> bool {
    !matches!(
        summary.state(),
        v1::CohortState::Running | v1::CohortState::Unspecified
    )
}

/// Calls `show` with every change of the cohort until it ends, and gives its last summary.
///
/// # Errors
/// What the scheduler answers; 124 when `timeout` passes first.
pub async fn follow(
    client: &Client,
    cohort: &str,
    timeout: Option<Duration>,
    mut show: impl FnMut(&v1::CohortSummary),
) -> anyhow::Result<v1::CohortSummary> {
    let watching = watch(client, cohort, &mut show);
    match timeout {
        None => watching.await,
        Some(limit) => match tokio::time::timeout(limit, watching).await {
            Ok(result) => result,
            Err(_) => Err(Exit::new(
                Code::Timeout,
                format!("cohort {cohort} has not ended within {limit:?}"),
            )
            .into()),
        },
    }
}

async fn watch(
    client: &Client,
    cohort: &str,
    show: &mut impl FnMut(&v1::CohortSummary),
) -> anyhow::Result<v1::CohortSummary> {
    let mut revision = 0;
    loop {
        let asked = v1::WatchCohortRequest {
            cohort: cohort.to_owned(),
            from_revision: revision,
        };
        let mut stream = client
            .call(async |channel| CohortServiceClient::new(channel).watch(asked.clone()).await)
            .await?
            .into_inner();
        // A stream that breaks is taken up again where it stopped: the next call finds the new leader.
        while let Ok(Some(update)) = stream.message().await {
            revision = revision.max(update.revision);
            let summary = update.summary.unwrap_or_default();
            show(&summary);
            if ended(&summary) {
                return Ok(summary);
            }
        }
    }
}

/// `Ok` when every sample is complete; 1 with the reason otherwise.
///
/// # Errors
/// 1 for a cohort with failures.
pub fn verdict(summary: &v1::CohortSummary) -> Result<(), Exit> {
    let name = &summary.name;
    let next = format!("see `kumi cohort why {name}`");
    let message = match summary.state() {
        v1::CohortState::Completed => return Ok(()),
        v1::CohortState::CompletedWithFailures => format!(
            "cohort {name} is complete except for {} of {} samples, which were set aside; {next}",
            summary.samples_quarantined, summary.samples
        ),
        v1::CohortState::Cancelled => format!("cohort {name} was cancelled: {}", summary.reason),
        v1::CohortState::Failed => format!("cohort {name} failed: {}; {next}", summary.reason),
        v1::CohortState::Running | v1::CohortState::Unspecified => {
            format!("cohort {name} is still running")
        }
    };
    Err(Exit::new(Code::SamplesFailed, message))
}

/// The word for a state: running, completed, completed with failures, failed, cancelled.
#[must_use]
pub fn state_label(state: v1::CohortState) -> &'static str {
    match state {
        v1::CohortState::Unspecified => "unknown",
        v1::CohortState::Running => "running",
        v1::CohortState::Completed => "completed",
        v1::CohortState::CompletedWithFailures => "completed with failures",
        v1::CohortState::Failed => "failed",
        v1::CohortState::Cancelled => "cancelled",
    }
}
