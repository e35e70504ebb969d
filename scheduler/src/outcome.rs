//! What the proposer of a command is told. A rejection is a value and changes nothing but the clock.

use std::fmt::Write as _;

use kumi_proto::ids::{CohortId, WorkerId};
use kumi_proto::v1;

use crate::plan::Violation;

/// The answer to one command.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A cohort was planned, or was there before.
    Opened {
        /// Its number.
        cohort: CohortId,
        /// The request id was seen before; nothing was changed.
        existed: bool,
        /// How many tasks it has.
        tasks: u64,
        /// How many of them were done or skipped at once, since their results exist.
        tasks_reused: u64,
    },
    /// Leases that were really granted; tasks that are no longer ready are left out. What their workers are told is
    /// [`crate::State::starts`].
    Granted(Vec<Granted>),
    /// One settlement for every finished attempt, in the command's order.
    Settled(Vec<Settlement>),
    /// A worker was given up.
    Expired {
        /// Leases that ended with it.
        tasks: u64,
    },
    /// A cohort was cancelled.
    Cancelled {
        /// Tasks that will not run.
        tasks: u64,
    },
    /// Failed, quarantined, cancelled or missing tasks will run again.
    Retried {
        /// How many tasks were reopened.
        tasks: u64,
    },
    /// A target was set.
    TargetSet,
    /// A policy is in force.
    PolicySet,
    /// A worker was registered, or was known already.
    Registered(WorkerId),
    /// A worker drains, or takes tasks again.
    Drained,
    /// Samples have withdrawn, or are back.
    Withdrawn {
        /// For how many that was not so before.
        samples: u64,
    },
    /// A new leader's term began.
    TermBegun,
    /// What happened to a pool is known.
    Pooled,
    /// It is in the log.
    Noted,
    /// The command was not acceptable and did nothing.
    Refused(Rejection),
}

/// A lease that was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The attempt.
    pub attempt: u64,
    /// The task.
    pub task: v1::TaskId,
}

/// The fate of one finished attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// The attempt.
    pub attempt: u64,
    /// What became of it.
    pub verdict: Verdict,
}

/// What became of a finished attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Its result is the task's result.
    Committed,
    /// It failed.
    Failed {
        /// The task will be tried again.
        again: bool,
    },
    /// It is not current: fenced, late or settled before.
    Refused,
}

/// The kinds of rejection for which a gRPC code exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// What was sent is wrong by itself.
    InvalidArgument,
    /// What was named does not exist.
    NotFound,
    /// Not in this state.
    FailedPrecondition,
    /// The request id belongs to another request.
    AlreadyExists,
    /// Whoever asks may not.
    PermissionDenied,
}

/// Why a command was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// A cohort with faults; all of them are listed.
    #[error("the cohort cannot be planned: {}", listed(.0))]
    InvalidCohort(Vec<Violation>),
    /// There is no such cohort.
    #[error("there is no cohort {cohort}")]
    NoSuchCohort {
        /// Its number as given.
        cohort: u64,
    },
    /// A cohort has no such sample.
    #[error("cohort {cohort} has no sample `{sample}`")]
    NoSuchSample {
        /// The cohort.
        cohort: CohortId,
        /// The name as given.
        sample: String,
    },
    /// A cohort has no such task.
    #[error("cohort {cohort} has no task {stage}[{row},{column}]")]
    NoSuchTask {
        /// The cohort.
        cohort: CohortId,
        /// Label of the stage as given.
        stage: &'static str,
        /// Row as given.
        row: u32,
        /// Column as given.
        column: u32,
    },
    /// The cohort has ended.
    #[error("cohort {cohort} has ended: it is {state}")]
    CohortEnded {
        /// The cohort.
        cohort: CohortId,
        /// How it ended.
        state: &'static str,
    },
    /// The cohort has not ended.
    #[error("cohort {cohort} still runs: wait for its end, or cancel it")]
    CohortRuns {
        /// The cohort.
        cohort: CohortId,
    },
    /// All samples have withdrawn.
    #[error("everybody has withdrawn from cohort {cohort}: there is nothing to release")]
    NobodyLeft {
        /// The cohort.
        cohort: CohortId,
    },
    /// A sample has not withdrawn, or what there was of it is removed.
    #[error("there is nothing to purge from cohort {cohort}: {why}")]
    NothingToPurge {
        /// The cohort.
        cohort: CohortId,
        /// Of whom, in words.
        why: String,
    },
    /// There is no such worker.
    #[error("there is no worker `{worker}`")]
    NoSuchWorker {
        /// Number or name as given.
        worker: String,
    },
    /// A worker that cannot work.
    #[error("a worker cannot be registered: {problem}")]
    InvalidWorker {
        /// What is wrong.
        problem: &'static str,
    },
    /// A target that means nothing.
    #[error("the target's {field} is wrong: {problem}")]
    InvalidTarget {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A policy that means nothing.
    #[error("the policy's {field} is wrong: {problem}")]
    InvalidPolicy {
        /// The field.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// What happened to a pool cannot have happened: another leader was there before.
    #[error("pool {pool}, request {request}: {problem}")]
    PoolRequest {
        /// The pool.
        pool: String,
        /// The number as given.
        request: u64,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Another centre has a cohort of that name.
    #[error("this name is not free in this programme and root; choose another one")]
    NameTaken,
    /// The request id was used for something else.
    #[error(
        "the request id `{request_id}` was used for another request before, which asked something else; nothing was done: use an id of its own for each request"
    )]
    RequestReused {
        /// The id.
        request_id: String,
    },
    /// A command that a version of the state machine brought which is not in force yet.
    #[error(
        "this needs version {needs} of the state machine and version {version} is in force; upgrade all schedulers, then run: kumi cluster upgrade"
    )]
    NotInForce {
        /// The version that brought it.
        needs: u32,
        /// The version in force.
        version: u32,
    },
    /// A command without content, or of a newer version.
    #[error("the command is empty or of a version this scheduler does not know")]
    UnknownCommand,
}

impl Rejection {
    /// The machine-readable reason.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::InvalidCohort(_) => "INVALID_COHORT",
            Self::NoSuchCohort { .. } => "NO_SUCH_COHORT",
            Self::NoSuchSample { .. } => "NO_SUCH_SAMPLE",
            Self::NoSuchTask { .. } => "NO_SUCH_TASK",
            Self::CohortEnded { .. } => "COHORT_ENDED",
            Self::CohortRuns { .. } => "COHORT_RUNS",
            Self::NobodyLeft { .. } => "NOBODY_LEFT",
            Self::NothingToPurge { .. } => "NOTHING_TO_PURGE",
            Self::NoSuchWorker { .. } => "NO_SUCH_WORKER",
            Self::InvalidWorker { .. } => "INVALID_WORKER",
            Self::InvalidTarget { .. } => "INVALID_TARGET",
            Self::InvalidPolicy { .. } => "INVALID_POLICY",
            Self::PoolRequest { .. } => "POOL_REQUEST",
            Self::NameTaken => "NAME_TAKEN",
            Self::RequestReused { .. } => "REQUEST_ID_REUSED",
            Self::NotInForce { .. } => "VERSION_NOT_IN_FORCE",
            Self::UnknownCommand => "UNKNOWN_COMMAND",
        }
    }

    /// The kind of rejection.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::InvalidCohort(_)
            | Self::InvalidWorker { .. }
            | Self::InvalidTarget { .. }
            | Self::InvalidPolicy { .. }
            | Self::UnknownCommand => Code::InvalidArgument,
            Self::NoSuchCohort { .. }
            | Self::NoSuchSample { .. }
            | Self::NoSuchTask { .. }
            | Self::NoSuchWorker { .. } => Code::NotFound,
            Self::CohortEnded { .. }
            | Self::NobodyLeft { .. }
            | Self::PoolRequest { .. }
            | Self::CohortRuns { .. }
            | Self::NothingToPurge { .. }
            | Self::NotInForce { .. } => Code::FailedPrecondition,
            Self::RequestReused { .. } => Code::AlreadyExists,
            Self::NameTaken => Code::PermissionDenied,
        }
    }
}

/// The first few violations in words.
fn listed(violations: &[Violation]) -> String {
    const SHOWN: usize = 5;
    let mut text = String::new();
    for violation in violations.iter().take(SHOWN) {
        if !text.is_empty() {
            text.push_str("; ");
        }
        let _ = write!(text, "{} {}", violation.field, violation.problem);
    }
    if violations.len() > SHOWN {
        let _ = write!(text, "; and {} more", violations.len() - SHOWN);
    }
    text
}
