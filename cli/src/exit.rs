//! Exit codes (sysexits) and the error that carries one.

use std::fmt;

/// What the process's exit code means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Finished, but at least one sample failed.
    SamplesFailed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The sheet, the cohort file or the data in an input is wrong.
    BadInput = 65,
    /// An input is missing or unreadable.
    MissingInput = 66,
    /// No leader, or unreachable after retries.
    Unavailable = 69,
    /// A defect of ours.
    Internal = 70,
    /// An output cannot be created.
    CannotCreate = 73,
    /// Input or output failed half-way.
    Io = 74,
    /// Try again later: quota or throttle.
    TryAgain = 75,
    /// Not permitted.
    NotPermitted = 77,
    /// Configuration or version mismatch.
    Configuration = 78,
    /// `--timeout` reached.
    Timeout = 124,
    /// Interrupted.
    Interrupted = 130,
    /// Terminated.
    Terminated = 143,
}

impl Code {
    /// The code of a gRPC status, by the table in `docs/operations.md`.
    #[must_use]
    pub fn of_status(code: tonic::Code) -> Self {
        match code {
            tonic::Code::InvalidArgument | tonic::Code::OutOfRange | tonic::Code::AlreadyExists => {
                Self::BadInput
            }
            tonic::Code::NotFound => Self::MissingInput,
            tonic::Code::Unavailable => Self::Unavailable,
            tonic::Code::ResourceExhausted | tonic::Code::Aborted => Self::TryAgain,
            tonic::Code::PermissionDenied | tonic::Code::Unauthenticated => Self::NotPermitted,
            tonic::Code::FailedPrecondition | tonic::Code::Unimplemented => Self::Configuration,
            tonic::Code::DeadlineExceeded => Self::Timeout,
            tonic::Code::Cancelled => Self::Interrupted,
            tonic::Code::Ok
            | tonic::Code::Unknown
            | tonic::Code::Internal
            | tonic::Code::DataLoss => Self::Internal,
        }
    }
}

/// An error that ends the process with a code of its own.
#[derive(Debug)]
pub struct Exit {
    /// The code.
    pub code: Code,
    /// What to print, one or several lines; empty when everything was said.
    pub message: String,
}

impl Exit {
    /// An error with a code and what to print.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Exit {}

/// The exit code of any error: its own, that of a gRPC status or of an I/O error inside, or 70.
#[must_use]
pub fn code_of(error: &anyhow::Error) -> u8 {
    for cause in error.chain() {
        if let Some(exit) = cause.downcast_ref::<Exit>() {
            return exit.code as u8;
        }
        if let Some(status) = cause.downcast_ref::<tonic::Status>() {
            return Code::of_status(status.code()) as u8;
        }
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            return match io.kind() {
                std::io::ErrorKind::NotFound | std::io::ErrorKind::PermissionDenied => {
                    Code::MissingInput as u8
                }
                _ => Code::Io as u8,
            };
        }
    }
    Code::Internal as u8
}

#[cfg(test)]
mod tests {
    use super::{Code, Exit, code_of};

    #[test]
    fn codes_come_from_the_innermost_meaning() {
        let sheet = anyhow::Error::new(Exit::new(Code::BadInput, "x")).context("while reading");
        assert_eq!(code_of(&sheet), 65);
        assert_eq!(
            code_of(&anyhow::Error::new(tonic::Status::unavailable("no leader"))),
            69
        );
        assert_eq!(code_of(&anyhow::anyhow!("surprise")), 70);
    }
}
