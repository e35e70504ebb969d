//! A submission: a stream of messages becomes one command.

use kumi_proto::ids::CohortId;
use kumi_proto::v1::{CohortHeader, Open, Sample, SubmitRequest, SubmitResponse, command};
use kumi_scheduler::{Outcome, Rejection, plan, version};
use prost::Message as _;
use tonic::{Code, Status, Streaming};

use crate::caller::Caller;
use crate::control::Control;
use crate::limits;
use crate::machine::Applied;
use crate::refusal;
use crate::service::{check_request_id, deadline};

pub(super) async fn submit(
    control: &Control,
    caller: &Caller,
    stream: Streaming<SubmitRequest>,
) -> Result<SubmitResponse, Status> {
    control.require_leader()?;
    let (header, samples) = gather(stream).await?;
    check_request_id("header.request_id", &header.request_id)?;
    caller.may_submit(&header, &samples)?;
    // Looked at again when it is applied, but not as long as version 1 of the state machine is in force.
    let confined = caller.confined_to().is_some();
    if confined && control.local(|state, _| state.is_taken(&header)) {
        return Err(refusal::rejected(&Rejection::NameTaken));
    }
    plan::validate(&header, &samples).map_err(|violations| refusal::invalid(&violations))?;
    may_require(control, &header)?;
    let open = command::Kind::Open(Open {
        header: Some(header),
        samples,
    });
    let applied = control.propose_by(caller, open).await?;
    let answer = opened(applied, "a submission")?;
    let unsuited = control.local(|state, _| state.unsuited(CohortId(answer.cohort)));
    Ok(SubmitResponse {
        warning: unsuited.unwrap_or_default(),
        ..answer
    })
}

/// A cohort that asks for labels waits until all replicas heed them: its tasks would run anywhere.
fn may_require(control: &Control, header: &CohortHeader) -> Result<(), Status> {
    let version = control.node.status().borrow().machine_version;
    let needs = version::LABELS;
    if header.require.is_empty() || version >= needs {
        return Ok(());
    }
    Err(refusal::rejected(&Rejection::NotInForce { needs, version }))
}

/// What is told of a cohort that a request opened; `what` is the request, in words.
pub(super) fn opened(applied: Applied, what: &str) -> Result<SubmitResponse, Status> {
    match applied.outcome {
        Outcome::Opened {
            cohort,
            existed,
            tasks,
            tasks_reused,
        } => Ok(SubmitResponse {
            cohort: cohort.0,
            existed,
            revision: applied.revision,
            tasks,
            tasks_reused,
            warning: String::new(),
        }),
        other => Err(refusal::unexpected(what, &other)),
    }
}

/// Reads the whole stream: a header, then samples.
async fn gather(
    mut stream: Streaming<SubmitRequest>,
) -> Result<(CohortHeader, Vec<Sample>), Status> {
    let mut header = None;
    let mut samples = Vec::new();
    let mut bytes = 0;
    while let Some(message) = deadline("the next samples", stream.message()).await? {
        bytes += message.encoded_len();
        if bytes > limits::SUBMISSION_BYTES_MAX {
            let most = limits::SUBMISSION_BYTES_MAX;
            let problem = format!("the submission has more than {most} bytes; split the cohort");
            return Err(refusal::status(
                Code::InvalidArgument,
                refusal::TOO_LARGE,
                problem,
            ));
        }
        match (&header, message.header) {
            (None, None) => {
                return Err(refusal::bad_field(
                    "header",
                    "the first message must carry it",
                ));
            }
            (Some(_), Some(_)) => {
                return Err(refusal::bad_field(
                    "header",
                    "only the first message may carry it",
                ));
            }
            (None, first) => header = first,
            (Some(_), None) => {}
        }
        samples.extend(message.samples);
    }
    let header = header.ok_or_else(|| refusal::bad_field("header", "the stream is empty"))?;
    Ok((header, samples))
}
