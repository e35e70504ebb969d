//! Errors on the wire: `google.rpc.Status` with details, so that a program can act on a reason and
//! a person on a sentence.

use std::collections::HashMap;
use std::time::Duration;

use kumi_cluster::audit::AuditError;
use kumi_cluster::{ChangeError, ProposeError, ReadError};
use kumi_proto::causes::chain;
use kumi_scheduler::plan::Violation;
use kumi_scheduler::{Code as Kind, Outcome, Rejection};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::limits;

/// Domain of every reason.
pub const DOMAIN: &str = "kumi";
/// This node does not lead; `metadata["leader"]` has the address of the one that does, or is empty.
pub const NOT_LEADER: &str = "NOT_LEADER";
/// Leadership changed under way: the command may or may not have been applied. Ask again.
pub const LOST: &str = "LOST";
/// The members cannot be changed like that, or not now.
pub const MEMBERS: &str = "MEMBERS";
/// Another node was asked to lead and does not.
pub const NOT_TRANSFERRED: &str = "NOT_TRANSFERRED";
/// The audit log cannot be read, or is not kept.
pub const AUDIT: &str = "AUDIT";
/// This node is going down.
pub const STOPPING: &str = "STOPPING";
/// A field of the request is missing or malformed.
pub const BAD_REQUEST: &str = "BAD_REQUEST";
/// The request is larger than one may be.
pub const TOO_LARGE: &str = "TOO_LARGE";
/// What the request names does not exist.
pub const NOT_FOUND: &str = "NOT_FOUND";
/// The worker's session is over: it was taken for lost, or another session took its place.
pub const SESSION_OVER: &str = "SESSION_OVER";

/// A submission with faults; every one is a field violation.
pub const INVALID_COHORT: &str = "INVALID_COHORT";
/// The client was silent in the middle of a call.
pub const SILENT: &str = "SILENT";
/// A certificate's role or centre does not permit it.
pub const NOT_PERMITTED: &str = "NOT_PERMITTED";
/// No certificate came with the connection.
pub const NO_CERTIFICATE: &str = "NO_CERTIFICATE";
/// Too much is being sent at once.
pub const BUSY: &str = "BUSY";
/// A defect of the scheduler.
pub const UNEXPECTED: &str = "UNEXPECTED";

/// A status with its reason.
pub(crate) fn status(code: Code, reason: &str, message: impl Into<String>) -> Status {
    with(code, message, details(reason, []))
}

/// Another node leads, or none does.
pub(crate) fn not_leader(leader: Option<&(u64, String)>) -> Status {
    let message = match leader {
        Some((id, address)) => format!("this scheduler does not lead; ask node {id} at {address}"),
        None => "the cluster has no leader now; retry in a moment".to_owned(),
    };
    let address = leader.map_or("", |(_, address)| address.as_str());
    let mut details = details(NOT_LEADER, [("leader", address)]);
    if leader.is_none() {
        details.set_retry_info(Some(Duration::from_millis(limits::RETRY_AFTER_MS)));
    }
    with(Code::Unavailable, message, details)
}

/// One field of the request is wrong.
pub(crate) fn bad_field(field: &str, problem: impl Into<String>) -> Status {
    let problem = problem.into();
    let mut details = details(BAD_REQUEST, []);
    let message = format!("{field}: {problem}");
    details.add_bad_request_violation(field, problem);
    with(Code::InvalidArgument, message, details)
}

/// Nothing of that name or number.
pub(crate) fn not_found(kind: &str, name: &str) -> Status {
    let mut details = details(NOT_FOUND, []);
    let message = format!("there is no {kind} {name:?}");
    details.set_resource_info(kind, name, "", message.clone());
    with(Code::NotFound, message, details)
}

/// Why a proposal has no outcome.
pub(crate) fn propose(error: &ProposeError) -> Status {
    match error {
        ProposeError::NotLeader { leader } => not_leader(leader.as_ref()),
        ProposeError::Lost => retry(LOST, error.to_string()),
        ProposeError::Stopped => retry(STOPPING, error.to_string()),
        ProposeError::TooLarge { .. } => {
            status(Code::InvalidArgument, TOO_LARGE, error.to_string())
        }
    }
}

/// Why the members were not changed.
pub(crate) fn change(error: &ChangeError) -> Status {
    match error {
        ChangeError::NotLeader { leader } => not_leader(leader.as_ref()),
        ChangeError::Stopped => retry(STOPPING, error.to_string()),
        // Made or not: whoever asked must look before it asks again.
        ChangeError::Lost => status(Code::Aborted, LOST, error.to_string()),
        ChangeError::NotAMember { .. } => status(Code::NotFound, MEMBERS, error.to_string()),
        ChangeError::Address { .. } => status(Code::InvalidArgument, MEMBERS, error.to_string()),
        ChangeError::Behind { .. } | ChangeError::UnderWay | ChangeError::NoMajority { .. } => {
            let mut details = details(MEMBERS, []);
            details.set_retry_info(Some(Duration::from_millis(limits::RETRY_AFTER_MS)));
            // It may pass by itself: whoever asks tries again.
            with(Code::Aborted, error.to_string(), details)
        }
        _ => status(Code::FailedPrecondition, MEMBERS, error.to_string()),
    }
}

/// Another node was asked to lead and does not.
pub(crate) fn not_transferred(id: u64) -> Status {
    let message = format!(
        "node {id} was asked to lead and does not yet; look at the cluster (kumi cluster status), then \
         try again"
    );
    status(Code::Aborted, NOT_TRANSFERRED, message)
}

/// Why the audit log cannot be read.
pub(crate) fn audit(error: &AuditError) -> Status {
    let code = match error {
        AuditError::Io { .. } => Code::Internal,
        AuditError::Damaged(_) | AuditError::Differs { .. } => Code::DataLoss,
    };
    status(code, AUDIT, chain(error))
}

/// What reads files here died.
pub(crate) fn failed(error: &tokio::task::JoinError) -> Status {
    status(Code::Internal, UNEXPECTED, chain(error))
}

/// No audit log is kept here.
pub(crate) fn no_audit() -> Status {
    status(
        Code::FailedPrecondition,
        AUDIT,
        "this scheduler keeps no audit log",
    )
}

/// Why a linearizable read was not possible.
pub(crate) fn read(error: &ReadError) -> Status {
    match error {
        ReadError::NoLeader => not_leader(None),
        ReadError::Stopped => retry(STOPPING, error.to_string()),
    }
}

/// The scheduler refused a command.
pub(crate) fn rejected(rejection: &Rejection) -> Status {
    if let Rejection::InvalidCohort(violations) = rejection {
        return invalid(violations);
    }
    let code = match rejection.code() {
        Kind::InvalidArgument => Code::InvalidArgument,
        Kind::NotFound => Code::NotFound,
        Kind::FailedPrecondition => Code::FailedPrecondition,
        Kind::AlreadyExists => Code::AlreadyExists,
        Kind::PermissionDenied => Code::PermissionDenied,
    };
    let message = rejection.to_string();
    let mut details = details(rejection.reason(), []);
    if code == Code::FailedPrecondition {
        details.add_precondition_failure_violation(rejection.reason(), "", message.clone());
    }
    with(code, message, details)
}

/// A submission with faults, each named as a field.
pub(crate) fn invalid(violations: &[Violation]) -> Status {
    let mut details = details(INVALID_COHORT, []);
    for violation in violations.iter().take(limits::VIOLATIONS_MAX) {
        details.add_bad_request_violation(&violation.field, &violation.problem);
    }
    let first = violations.first().map_or_else(String::new, |first| {
        format!("; the first: {} {}", first.field, first.problem)
    });
    let message = format!("the submission has {} faults{first}", violations.len());
    with(Code::InvalidArgument, message, details)
}

/// The scheduler answered a command with what belongs to another one.
pub(crate) fn unexpected(what: &str, outcome: &Outcome) -> Status {
    let message = format!("the scheduler answered {what} with {outcome:?}");
    status(Code::Internal, UNEXPECTED, message)
}

/// Who asks may not.
pub(crate) fn not_permitted(message: impl Into<String>) -> Status {
    status(Code::PermissionDenied, NOT_PERMITTED, message)
}

/// There is no room for what is sent now.
pub(crate) fn busy() -> Status {
    let mut details = details(BUSY, []);
    details.set_retry_info(Some(Duration::from_millis(limits::BUSY_RETRY_MS)));
    let message = "too much is being submitted at once; try again in a moment";
    with(Code::ResourceExhausted, message, details)
}

/// The client did not send what it owes.
pub(crate) fn silent(what: &str) -> Status {
    let seconds = limits::STREAM_SILENCE_MS / 1_000;
    let message = format!("{what} did not come within {seconds} s");
    status(Code::DeadlineExceeded, SILENT, message)
}

/// This node is going down.
pub(crate) fn stopping() -> Status {
    retry(
        STOPPING,
        "this scheduler is stopping; ask another one".to_owned(),
    )
}

fn retry(reason: &str, message: String) -> Status {
    let mut details = details(reason, []);
    details.set_retry_info(Some(Duration::from_millis(limits::RETRY_AFTER_MS)));
    with(Code::Unavailable, message, details)
}

/// Details with a reason and what belongs to it.
pub(crate) fn details<const N: usize>(reason: &str, metadata: [(&str, &str); N]) -> ErrorDetails {
    let metadata: HashMap<String, String> = metadata
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    ErrorDetails::with_error_info(reason, DOMAIN, metadata)
}

/// A status with these details.
pub(crate) fn with(code: Code, message: impl Into<String>, details: ErrorDetails) -> Status {
    Status::with_error_details(code, message, details)
}

#[cfg(test)]
mod tests {
    use kumi_cluster::{ChangeError, ProposeError};
    use tonic::Code;
    use tonic_types::StatusExt as _;

    use super::{NOT_LEADER, bad_field, change, propose};

    #[test]
    fn a_refusal_of_a_follower_names_the_leader() {
        let leader = Some((3, "c:7070".to_owned()));
        let status = propose(&ProposeError::NotLeader { leader });
        assert_eq!(status.code(), Code::Unavailable);
        let info = status.get_details_error_info().unwrap();
        assert_eq!(
            (info.reason.as_str(), info.domain.as_str()),
            (NOT_LEADER, "kumi")
        );
        assert_eq!(info.metadata["leader"], "c:7070");
        assert!(status.get_details_retry_info().is_none());
        let nobody = propose(&ProposeError::NotLeader { leader: None });
        assert_eq!(
            nobody.get_details_error_info().unwrap().metadata["leader"],
            ""
        );
        assert!(nobody.get_details_retry_info().is_some());
    }

    #[test]
    fn what_may_pass_is_tried_again_and_what_stays_is_not() {
        let entries = 5_000;
        let passing = [
            ChangeError::UnderWay,
            ChangeError::Behind { id: 4, entries },
            ChangeError::NoMajority {
                alive: 1,
                voters: 3,
            },
        ];
        for error in passing {
            let status = change(&error);
            assert_eq!(status.code(), Code::Aborted, "{error}");
            assert!(status.get_details_retry_info().is_some(), "{error}");
        }
        let stays = change(&ChangeError::LastVoter { id: 1 });
        assert_eq!(stays.code(), Code::FailedPrecondition);
    }

    #[test]
    fn a_bad_field_is_named_as_a_violation() {
        let status = bad_field("header.name", "it is empty");
        assert_eq!(status.code(), Code::InvalidArgument);
        let bad = status.get_details_bad_request().unwrap();
        assert_eq!(bad.field_violations[0].field, "header.name");
        assert_eq!(bad.field_violations[0].description, "it is empty");
    }
}
