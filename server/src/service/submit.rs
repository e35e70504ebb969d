//! A submission: a stream of messages becomes one command.

use kumi_proto::ids::CohortId;
use kumi_proto::v1::{
    CohortHeader, Genotypes, Open, Sample, SubmitRequest, SubmitResponse, command,
};
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
    may_ask(control, &header)?;
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

/// What not all replicas heed yet is refused: tasks that need labels would run anywhere, and genotypes that are to stay
/// in the store be released.
fn may_ask(control: &Control, header: &CohortHeader) -> Result<(), Status> {
    let version = control.node.status().borrow().machine_version;
    let needs = needed(header);
    if version >= needs {
        return Ok(());
    }
    Err(refusal::rejected(&Rejection::NotInForce { needs, version }))
}

/// The version that brought the last of what a cohort asks for.
fn needed(header: &CohortHeader) -> u32 {
    let params = header.params.as_ref();
    let genotypes = params.map(kumi_proto::v1::CohortParams::genotypes);
    if genotypes.is_some_and(Genotypes::in_chunks) {
        version::RELEASE_CHUNKS
    } else if genotypes == Some(Genotypes::Store) {
        version::STORED_GENOTYPES
    } else if !header.require.is_empty() {
        version::LABELS
    } else {
        version::FIRST
    }
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

#[cfg(test)]
mod tests {
    use kumi_proto::v1::{CohortHeader, CohortParams, Genotypes};
    use kumi_scheduler::version;

    use super::needed;

    #[test]
    fn a_cohort_needs_the_version_that_brought_what_it_asks_for() {
        let mut header = CohortHeader::default();
        assert_eq!(needed(&header), version::FIRST);
        header.require = vec!["avx512".to_owned()];
        assert_eq!(needed(&header), version::LABELS);
        for (genotypes, needs) in [
            (Genotypes::Store, version::STORED_GENOTYPES),
            (Genotypes::BcfChunks, version::RELEASE_CHUNKS),
        ] {
            header.params = Some(CohortParams {
                genotypes: genotypes.into(),
                ..CohortParams::default()
            });
            assert_eq!(needed(&header), needs);
        }
    }
}
