//! Pools: workers that the leader has from the site's own engine, as far as the log knows of them.

use std::collections::BTreeMap;

use kumi_proto::v1;

use crate::limits::{POOL_RETRY_MS, POOL_RETRY_MS_MAX};

/// A pool.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pool {
    /// The number of the last request; the next one is one more.
    pub last_request: u64,
    /// Those of which something may be at the site, by number.
    pub requests: BTreeMap<u64, Request>,
    /// What the site's queue held when it was last written down.
    pub seen: v1::PoolSeen,
    /// What the site said of the last request of which no worker came; empty once one comes.
    pub problem: String,
    /// Requests in a row of which no worker came.
    pub failures: u32,
    /// When the last of them failed, Unix milliseconds.
    pub failed_ms: u64,
    /// Workers ever asked for.
    pub workers_asked: u64,
    /// Requests ever of which no worker came.
    pub requests_failed: u64,
    /// Requests ever.
    pub requests_made: u64,
}

/// A request to the site.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// How many workers were asked for.
    pub workers: u32,
    /// When the site was about to be asked, Unix milliseconds.
    pub asked_ms: u64,
    /// As what the site has it; empty while it has not answered.
    pub job: String,
    /// A worker of it has registered.
    pub came: bool,
}

impl Pool {
    /// When the site may be asked again, Unix milliseconds; 0: at any time. The pause doubles with every request in a row
    /// of which no worker came.
    #[must_use]
    pub fn retry_ms(&self) -> u64 {
        match self.failures.checked_sub(1) {
            None => 0,
            Some(doublings) => {
                let pause_ms = POOL_RETRY_MS << doublings.min(16);
                self.failed_ms + pause_ms.min(POOL_RETRY_MS_MAX)
            }
        }
    }

    /// What keeps its workers from coming, in the site's words; empty: nothing that is known.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self.problem.as_str() {
            "" => &self.seen.reason,
            problem => problem,
        }
    }

    /// Whether a request has no answer.
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        self.requests.values().any(|request| request.job.is_empty())
    }
}

/// What each worker of a pool offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// The pool.
    pub pool: String,
    /// Cores.
    pub cores: u32,
    /// Memory.
    pub memory_bytes: u64,
    /// What cohorts may ask for.
    pub labels: Vec<String>,
    /// For how long the site lets it run, milliseconds; 0: for ever.
    pub lasts_ms: u64,
    /// Workers that were asked for and have not come.
    pub coming: u32,
    /// How many more the pool may have.
    pub room: u32,
}
