//! A cohort that a command opened again: told, and perhaps followed to its end.

use kumi_proto::v1;
use serde_json::json;

use crate::args::Remote;
use crate::client::Client;
use crate::follow::{follow, verdict};
use crate::print;
use crate::progress::Progress;
use crate::table::count;

/// Tells of a cohort that was opened again, and perhaps follows it to its end.
///
/// # Errors
/// 1 when it ended with failures, else what the scheduler answers.
pub(crate) async fn opened(
    client: &Client,
    answer: &v1::SubmitResponse,
    wait: bool,
    remote: &Remote,
) -> anyhow::Result<()> {
    let (cohort, tasks, reused) = (answer.cohort, answer.tasks, answer.tasks_reused);
    let value = json!({ "cohort": cohort, "tasks": tasks, "tasks_reused": reused });
    print::one(remote.output, &value, || {
        let (tasks, reused) = (count(tasks), count(reused));
        format!("cohort {cohort}: {tasks} tasks, {reused} of them done before\n")
    });
    if !wait {
        return Ok(());
    }
    let mut progress = Progress::new();
    let id = cohort.to_string();
    let summary = follow(client, &id, None, |summary| progress.show(summary)).await?;
    progress.finish(&summary);
    Ok(verdict(&summary)?)
}
