//! The gRPC services: requests checked, passed on, answered. They decide nothing.

pub(crate) mod audit;
pub(crate) mod cluster;
pub(crate) mod cohort;
pub(crate) mod queue;
pub(crate) mod release;
mod submit;
pub(crate) mod target;
mod watch;
pub(crate) mod worker;

use std::time::Duration;

use tonic::Status;

use crate::limits;
use crate::refusal;

/// The id that makes a mutation happen once.
fn check_request_id(field: &str, id: &str) -> Result<(), Status> {
    if id.is_empty() || id.len() > limits::REQUEST_ID_BYTES_MAX {
        let most = limits::REQUEST_ID_BYTES_MAX;
        let problem =
            format!("a mutation needs an id of 1 to {most} bytes, the same when it is repeated");
        return Err(refusal::bad_field(field, problem));
    }
    Ok(())
}

/// A message that a client owes must come in time.
pub(crate) async fn deadline<T>(
    what: &str,
    message: impl Future<Output = Result<T, Status>>,
) -> Result<T, Status> {
    let patience = Duration::from_millis(limits::STREAM_SILENCE_MS);
    let message = tokio::time::timeout(patience, message).await;
    message.unwrap_or_else(|_| Err(refusal::silent(what)))
}
