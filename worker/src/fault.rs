//! Why a task failed, in the classes by which the scheduler decides whether to try again.

use std::error::Error;
use std::io;

pub use kumi_proto::causes::chain;
use kumi_proto::v1::{Failure, FailureClass};

/// A task's failure: a class for the scheduler, a message for people.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// What the scheduler does with it.
    pub class: FailureClass,
    /// Names the sample, the file and what to do.
    pub message: String,
}

impl Fault {
    /// The sample's fault: trying again cannot help.
    #[must_use]
    pub fn bad_input(message: impl Into<String>) -> Self {
        Self::new(FailureClass::BadInput, message)
    }

    /// I/O or a lost file system: trying again, perhaps elsewhere, may help.
    #[must_use]
    pub fn transient(message: impl Into<String>) -> Self {
        Self::new(FailureClass::Transient, message)
    }

    /// A broken promise between our own parts.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(FailureClass::Internal, message)
    }

    /// The task was told to stop.
    #[must_use]
    pub fn stopped() -> Self {
        Self::new(FailureClass::Stopped, "stopped on request")
    }

    /// A failure of `class`.
    #[must_use]
    pub fn new(class: FailureClass, message: impl Into<String>) -> Self {
        Self {
            class,
            message: message.into(),
        }
    }

    /// A kernel's error under a heading (`sample NA12878`). An I/O error anywhere in its chain
    /// decides the class; without one it is `otherwise`.
    #[must_use]
    pub fn from_error(
        heading: &str,
        error: &(dyn Error + 'static),
        otherwise: FailureClass,
    ) -> Self {
        let class = io_class(error).unwrap_or(otherwise);
        Self::new(class, format!("{heading}: {}", chain(error)))
    }

    /// The wire form.
    #[must_use]
    pub fn to_failure(&self) -> Failure {
        Failure {
            class: self.class.into(),
            message: self.message.clone(),
        }
    }
}

/// The class that the innermost I/O error of a chain asks for. Content that cannot be decoded
/// (`InvalidData`, `UnexpectedEof`) tells nothing about the machine, so it decides nothing here.
fn io_class(error: &(dyn Error + 'static)) -> Option<FailureClass> {
    let mut found = None;
    let mut current = Some(error);
    while let Some(cause) = current {
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            found = class_of_kind(io.kind()).or(found);
        }
        current = cause.source();
    }
    found
}

fn class_of_kind(kind: io::ErrorKind) -> Option<FailureClass> {
    match kind {
        io::ErrorKind::OutOfMemory => Some(FailureClass::OutOfMemory),
        io::ErrorKind::InvalidData
        | io::ErrorKind::UnexpectedEof
        | io::ErrorKind::InvalidInput
        | io::ErrorKind::Other => None,
        _ => Some(FailureClass::Transient),
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, chain};
    use kumi_proto::v1::FailureClass;
    use std::io;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read reads.fq")]
    struct Outer(#[source] io::Error);

    #[test]
    fn the_io_error_inside_decides_the_class() {
        let cases = [
            (io::ErrorKind::StorageFull, FailureClass::Transient),
            (io::ErrorKind::OutOfMemory, FailureClass::OutOfMemory),
            (io::ErrorKind::UnexpectedEof, FailureClass::BadInput),
            (io::ErrorKind::InvalidData, FailureClass::BadInput),
        ];
        for (kind, class) in cases {
            let error = Outer(io::Error::from(kind));
            let fault = Fault::from_error("sample s", &error, FailureClass::BadInput);
            assert_eq!(fault.class, class, "{kind:?}");
            assert!(
                fault
                    .message
                    .starts_with("sample s: cannot read reads.fq: ")
            );
        }
    }

    #[test]
    fn a_source_is_told_once() {
        let error = Outer(io::Error::other("disk gone"));
        assert_eq!(chain(&error), "cannot read reads.fq: disk gone");
    }
}
