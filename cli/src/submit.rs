//! Calls about one cohort that several commands make.

use kumi_proto::v1;
use kumi_proto::v1::cohort_service_client::CohortServiceClient;

use crate::check::Facts;
use crate::client::Client;

/// Samples in one message of the submission stream.
const SAMPLES_PER_MESSAGE: usize = 256;
/// Bytes of an answer: a large cohort has many files.
pub const ANSWER_BYTES_MAX: usize = 1 << 30;
/// Cohorts on one page of the list.
const PAGE_SIZE: u32 = 500;

/// Streams a checked cohort to the scheduler. Without an id of its own, the request is known by its
/// content.
///
/// # Errors
/// What the scheduler answers.
pub async fn submit(
    client: &Client,
    facts: &Facts,
    request_id: Option<String>,
) -> anyhow::Result<v1::SubmitResponse> {
    let mut header = facts.header.clone();
    header.request_id = request_id.unwrap_or_else(|| facts.content_id());
    let mut messages = vec![v1::SubmitRequest {
        header: Some(header),
        samples: Vec::new(),
    }];
    for samples in facts.samples.chunks(SAMPLES_PER_MESSAGE) {
        messages.push(v1::SubmitRequest {
            header: None,
            samples: samples.to_vec(),
        });
    }
    let answer = client
        .call(async |channel| {
            CohortServiceClient::new(channel)
                .submit(tokio_stream::iter(messages.clone()))
                .await
        })
        .await?;
    Ok(answer.into_inner())
}

/// One cohort, by number or name, with its samples.
///
/// # Errors
/// What the scheduler answers.
pub async fn get(client: &Client, cohort: String) -> anyhow::Result<v1::CohortDetail> {
    get_more(client, cohort, false).await
}

/// As [`get`], and with what of it is stored if that is asked for.
///
/// # Errors
/// What the scheduler answers.
pub async fn get_more(
    client: &Client,
    cohort: String,
    store: bool,
) -> anyhow::Result<v1::CohortDetail> {
    let asked = v1::GetCohortRequest {
        cohort,
        stale: false,
        store,
    };
    let answer = client
        .call(async |channel| {
            let client = CohortServiceClient::new(channel);
            let mut client = client.max_decoding_message_size(ANSWER_BYTES_MAX);
            client.get(asked.clone()).await
        })
        .await?;
    Ok(answer.into_inner())
}

/// All cohorts, newest first.
///
/// # Errors
/// What the scheduler answers.
pub async fn list(client: &Client) -> anyhow::Result<Vec<v1::CohortSummary>> {
    let mut cohorts = Vec::new();
    let mut page_token = String::new();
    loop {
        let asked = v1::ListCohortsRequest {
            page_size: PAGE_SIZE,
            page_token,
            stale: false,
        };
        let page = client
            .call(async |channel| CohortServiceClient::new(channel).list(asked.clone()).await)
            .await?
            .into_inner();
        cohorts.extend(page.cohorts);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(cohorts);
        }
    }
}

/// Stops a cohort; what is done stays.
///
/// # Errors
/// What the scheduler answers.
pub async fn cancel(client: &Client, request: v1::CancelCohortRequest) -> anyhow::Result<()> {
    client
        .call(async |channel| {
            CohortServiceClient::new(channel)
                .cancel(request.clone())
                .await
        })
        .await?;
    Ok(())
}

/// Runs tasks again; how many.
///
/// # Errors
/// What the scheduler answers.
pub async fn retry(client: &Client, request: v1::RetryCohortRequest) -> anyhow::Result<u64> {
    let answer = client
        .call(async |channel| {
            CohortServiceClient::new(channel)
                .retry(request.clone())
                .await
        })
        .await?;
    Ok(answer.into_inner().tasks)
}
