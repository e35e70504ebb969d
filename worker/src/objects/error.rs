//! Why an object store did not do what it was asked for. What it answers may hold parts of credentials, so no
//! message repeats it: only the code of its error is told.

use std::error::Error as _;

use kumi_proto::v1::FailureClass;

use crate::fault::Fault;
use crate::objects::location::{Location, LocationError};

/// Why something could not be read from, or written to, an object store.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// A text that names no place.
    #[error(transparent)]
    Location(#[from] LocationError),
    /// No such object.
    #[error("{0}: there is no such object (NoSuchKey); check bucket and key")]
    NoSuchKey(Location),
    /// No such bucket.
    #[error("{at}: there is no bucket {} at {endpoint} (NoSuchBucket); check its name, the region and AWS_ENDPOINT_URL", at.bucket())]
    NoSuchBucket {
        /// What was asked for.
        at: Location,
        /// Who was asked.
        endpoint: String,
    },
    /// The credentials do not allow it.
    #[error(
        "{at}: access is denied ({code}); the credentials of this process (AWS_ACCESS_KEY_ID, or the role of the machine) must be allowed to {action} it"
    )]
    Denied {
        /// What was asked for.
        at: Location,
        /// The store's word for it.
        code: String,
        /// read, write, list or remove.
        action: &'static str,
    },
    /// The store does not answer.
    #[error("{at}: {endpoint} cannot be reached: {why}; check AWS_ENDPOINT_URL and the network")]
    Unreachable {
        /// What was asked for.
        at: Location,
        /// Who was asked.
        endpoint: String,
        /// What the connection said.
        why: String,
    },
    /// The object was replaced while it was read.
    #[error("{0}: it was changed while it was read")]
    Changed(Location),
    /// What came is not what was announced.
    #[error("{at}: {what}")]
    Damaged {
        /// What was read or written.
        at: Location,
        /// What is wrong.
        what: String,
    },
    /// Something is there that must not be.
    #[error("{0}: it is there already")]
    Exists(Location),
    /// The store cannot be used as it is configured.
    #[error("s3://{bucket}: {what}")]
    Configuration {
        /// The bucket.
        bucket: String,
        /// What is wrong.
        what: String,
    },
    /// Anything else, after it was tried several times.
    #[error("{at}: cannot {action} it: {why}")]
    Other {
        /// What was asked for.
        at: Location,
        /// read, write, list or remove.
        action: &'static str,
        /// What the store said.
        why: String,
    },
}

impl ObjectError {
    /// What a store's error means.
    pub(super) fn of(
        at: &Location,
        action: &'static str,
        endpoint: &str,
        error: &object_store::Error,
    ) -> Self {
        let at = at.clone();
        let code = code(error);
        match (error, code.as_deref()) {
            (_, Some("NoSuchBucket")) => Self::NoSuchBucket {
                at,
                endpoint: endpoint.to_owned(),
            },
            (object_store::Error::NotFound { .. }, _) => Self::NoSuchKey(at),
            (object_store::Error::AlreadyExists { .. }, _) => Self::Exists(at),
            (object_store::Error::Precondition { .. }, _) if action == "read" => Self::Changed(at),
            (object_store::Error::Precondition { .. }, _) => Self::Exists(at),
            (
                object_store::Error::PermissionDenied { .. }
                | object_store::Error::Unauthenticated { .. },
                code,
            ) => Self::Denied {
                at,
                code: code.unwrap_or("AccessDenied").to_owned(),
                action,
            },
            (_, Some(code)) => Self::Other {
                at,
                action,
                why: format!("{endpoint} answers {code}, however often it is asked"),
            },
            (error, None) => match connection(error) {
                Some(why) => Self::Unreachable {
                    at,
                    endpoint: endpoint.to_owned(),
                    why,
                },
                None => Self::Other {
                    at,
                    action,
                    why: innermost(error),
                },
            },
        }
    }
}

impl From<ObjectError> for Fault {
    fn from(error: ObjectError) -> Self {
        let class = match &error {
            ObjectError::Location(_) => FailureClass::Internal,
            _ => FailureClass::Transient,
        };
        Self::new(class, error.to_string())
    }
}

/// The code in what a store answered: `<Code>NoSuchKey</Code>`.
fn code(error: &object_store::Error) -> Option<String> {
    let text = error.to_string();
    let (_, rest) = text.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    let plain = code.len() <= 64 && code.bytes().all(|b| b.is_ascii_alphanumeric());
    plain.then(|| code.to_owned())
}

/// What the system said of a connection that was not made or broke.
fn connection(error: &object_store::Error) -> Option<String> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(http) = error.downcast_ref::<object_store::client::HttpError>() {
            let mut last: &dyn std::error::Error = http;
            while let Some(source) = last.source() {
                last = source;
            }
            return Some(last.to_string());
        }
        cause = error.source();
    }
    None
}

/// The last of the causes, without what a body may hold.
fn innermost(error: &object_store::Error) -> String {
    let mut last: &dyn std::error::Error = error;
    while let Some(source) = last.source() {
        last = source;
    }
    let text = last.to_string();
    let text = text.split('<').next().unwrap_or_default();
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::ObjectError;
    use crate::objects::location::Place;

    #[test]
    fn the_code_is_told_and_the_body_is_not() {
        let Ok(Place::Object(at)) = Place::parse("s3://reads/a.fq") else {
            panic!("an object");
        };
        let body = "<Error><Code>SignatureDoesNotMatch</Code><AWSAccessKeyId>AKIDX</AWSAccessKeyId></Error>";
        let source = || Box::new(std::io::Error::other(body));
        let denied = object_store::Error::PermissionDenied {
            path: "a.fq".to_owned(),
            source: source(),
        };
        let shown = ObjectError::of(&at, "read", "http://e", &denied).to_string();
        assert!(shown.contains("s3://reads/a.fq: access is denied (SignatureDoesNotMatch)"));
        let other = object_store::Error::Generic {
            store: "S3",
            source: source(),
        };
        let told = ObjectError::of(&at, "read", "http://e", &other).to_string();
        for shown in [shown, told] {
            assert!(!shown.contains("AKIDX"), "{shown}");
        }
    }
}
