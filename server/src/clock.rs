//! The only place of the scheduler daemon that asks what time it is.
//!
//! Commands are stamped with Unix time; deadlines of leases are measured on a clock that never
//! jumps. Both are passed around as one value, so that whoever starts a server may bring its own.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A source of time. Clones share it.
#[derive(Clone)]
pub struct Clock {
    unix_ms: Arc<dyn Fn() -> u64 + Send + Sync>,
    steady_ms: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clock")
            .field("unix_ms", &self.unix_ms())
            .finish()
    }
}

impl Clock {
    /// The machine's clocks.
    #[must_use]
    pub fn system() -> Self {
        let begin = Instant::now();
        Self::new(
            || {
                let since = SystemTime::now().duration_since(UNIX_EPOCH);
                since.map_or(0, |since| whole_ms(since.as_millis()))
            },
            move || whole_ms(begin.elapsed().as_millis()),
        )
    }

    /// Clocks of the caller: Unix time, and one that only grows; both in milliseconds.
    pub fn new(
        unix_ms: impl Fn() -> u64 + Send + Sync + 'static,
        steady_ms: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Self {
        Self {
            unix_ms: Arc::new(unix_ms),
            steady_ms: Arc::new(steady_ms),
        }
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn unix_ms(&self) -> u64 {
        (self.unix_ms)()
    }

    /// Milliseconds on a clock that never goes backwards; its zero means nothing.
    #[must_use]
    pub fn steady_ms(&self) -> u64 {
        (self.steady_ms)()
    }
}

fn whole_ms(ms: u128) -> u64 {
    u64::try_from(ms).unwrap_or(u64::MAX)
}
