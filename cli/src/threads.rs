//! The pool that kernels compute on when they are run by hand.

use crate::exit::{Code, Exit};

/// A pool of `threads` threads; as many as there are cores when not given.
///
/// # Errors
/// 70 when the system gives no threads.
pub fn pool(threads: Option<usize>) -> Result<rayon::ThreadPool, Exit> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads.unwrap_or(0))
        .build()
        .map_err(|error| {
            Exit::new(
                Code::Internal,
                format!("threads cannot be started: {error}"),
            )
        })
}
