//! Why an object store did not do what it was asked for. What it answers may hold parts of credentials, so no
//! message repeats it: only the code of its error is told.

use std::error::Error as _;

use kumi_proto::v1::FailureClass;

use crate::fault::Fault;
use crate::objects::location::{Location, LocationError};
use crate::objects::trust;

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
        "{at}: access is denied ({code}); this process must be allowed to {action} it: {}",
        mend(code, action, at)
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
    #[error("{at}: {}", unreachable(endpoint, why))]
    Unreachable {
        /// What was asked for.
        at: Location,
        /// Who was asked.
        endpoint: String,
        /// What the connection said.
        why: String,
    },
    /// Who answers shows a certificate that is not trusted.
    #[error("{at}: {}", untrusted(endpoint, why))]
    Untrusted {
        /// What was asked for.
        at: Location,
        /// Who was asked.
        endpoint: String,
        /// What is wrong with the certificate, and what to do.
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
        if let Some(found) = trust::refused(error) {
            return Self::Untrusted {
                at,
                endpoint: endpoint.to_owned(),
                why: trust::told(found),
            };
        }
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
            (_, Some(code)) if OF_CREDENTIALS.contains(&code) => Self::Denied {
                at,
                code: code.to_owned(),
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

impl ObjectError {
    /// What a failure for this reason is to the scheduler: what may not be done now may not be done at the next attempt
    /// either, until somebody has mended it.
    pub(crate) fn class(&self) -> FailureClass {
        match self {
            Self::Location(_) => FailureClass::Internal,
            Self::Denied { .. } | Self::NoSuchBucket { .. } => FailureClass::BadInput,
            _ => FailureClass::Transient,
        }
    }

    /// What is said of a store that shows nothing at all to this process, whatever it is asked for; none when another
    /// object may fare better.
    #[must_use]
    pub fn of_store(&self) -> Option<String> {
        match self {
            Self::Unreachable { endpoint, why, .. } => Some(unreachable(endpoint, why)),
            Self::Untrusted { endpoint, why, .. } => Some(untrusted(endpoint, why)),
            Self::Configuration { .. } => Some(self.to_string()),
            _ => None,
        }
    }
}

impl From<ObjectError> for Fault {
    fn from(error: ObjectError) -> Self {
        Self::new(error.class(), error.to_string())
    }
}

/// Codes that speak of the credentials although the answer's status does not.
const OF_CREDENTIALS: [&str; 4] = [
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
];

fn unreachable(endpoint: &str, why: &str) -> String {
    format!("{endpoint} cannot be reached: {why}; check AWS_ENDPOINT_URL and the network")
}

fn untrusted(endpoint: &str, why: &str) -> String {
    format!("the certificate of {endpoint} is not trusted: {why}")
}

/// What is to be mended, by the store's word for what is wrong.
fn mend(code: &str, action: &str, at: &Location) -> String {
    let credentials = match code {
        "InvalidAccessKeyId" => "the store does not know the key; mend AWS_ACCESS_KEY_ID",
        "SignatureDoesNotMatch" => {
            "AWS_SECRET_ACCESS_KEY is not the secret of AWS_ACCESS_KEY_ID; mend it"
        }
        "ExpiredToken" | "InvalidToken" => {
            "the session is over; mend AWS_SESSION_TOKEN and its keys, or the role of the machine"
        }
        "RequestTimeTooSkewed" => "the clock of this machine is wrong (timedatectl)",
        "InvalidObjectState" => "it is archived; restore it first",
        _ => "",
    };
    if !credentials.is_empty() {
        return credentials.to_owned();
    }
    let permission = match action {
        "read" => "s3:GetObject (and s3:ListBucket, without which a missing object is denied, too)",
        "write" => "s3:PutObject",
        "list" => "s3:ListBucket",
        _ => "s3:DeleteObject",
    };
    format!(
        "let the policy of its credentials (AWS_ACCESS_KEY_ID, or the role of the machine) and that of bucket {} allow {permission}",
        at.bucket()
    )
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
mod tests;
