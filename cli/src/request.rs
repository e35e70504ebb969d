//! Request ids: the same id twice is one request.

use std::hash::{BuildHasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

/// A new id for a request that is its own: time, process and the randomness of the standard library's
/// hasher keys.
#[must_use]
pub fn fresh_id() -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos());
    format!(
        "{now:x}-{:x}-{:x}",
        std::process::id(),
        RandomState::new().hash_one(now)
    )
}
