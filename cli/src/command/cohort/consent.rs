//! Samples that withdraw from a cohort, and what there is of them.

use kumi_proto::v1;
use kumi_proto::v1::cohort_service_client::CohortServiceClient;
use serde_json::json;

use crate::args::Remote;
use crate::command::opened::opened;
use crate::print;
use crate::table::counted;

pub(super) async fn withdraw(
    asked: v1::WithdrawSamplesRequest,
    remote: &Remote,
) -> anyhow::Result<()> {
    let changed = remote
        .client()?
        .call(async |channel| {
            CohortServiceClient::new(channel)
                .withdraw(asked.clone())
                .await
        })
        .await?
        .into_inner()
        .samples;
    print::one(remote.output, &json!({ "samples": changed }), || {
        let samples = counted(changed, "sample");
        match (asked.undo, changed) {
            (_, 0) => "that was so before\n".to_owned(),
            (true, _) => format!("{samples} may be in releases again\n"),
            (false, _) => format!(
                "{samples} will be in no new release; make one with: kumi release build {}\n",
                asked.cohort
            ),
        }
    });
    Ok(())
}

pub(super) async fn purge(
    asked: v1::PurgeSamplesRequest,
    wait: bool,
    remote: &Remote,
) -> anyhow::Result<()> {
    let client = remote.client()?;
    let answer = client
        .call(async |channel| CohortServiceClient::new(channel).purge(asked.clone()).await)
        .await?
        .into_inner();
    opened(&client, &answer, wait, remote).await
}
