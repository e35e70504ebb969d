//! What is counted of the cache. What lies there is the node's, what was looked for is the process's.

use prometheus::core::Collector;
use prometheus::{IntCounterVec, IntGauge, Opts};

/// Counters of a process, and how full the cache is.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    lookups: IntCounterVec,
    evictions: IntCounterVec,
    held: IntGauge,
    limit: IntGauge,
}

/// Why something goes from the cache.
#[derive(Clone, Copy, Debug)]
pub(super) enum Gone {
    /// Others need the room.
    Room,
    /// It is not what was fetched.
    Damaged,
}

impl Gone {
    fn label(self) -> &'static str {
        match self {
            Self::Room => "room",
            Self::Damaged => "damaged",
        }
    }
}

impl Counts {
    pub(super) fn new(limit_bytes: u64) -> Self {
        let counters = |name, help, label: &str| {
            IntCounterVec::new(Opts::new(name, help), &[label]).expect("a plain name")
        };
        let gauge = |name, help| IntGauge::new(name, help).expect("a plain name");
        let counts = Self {
            lookups: counters(
                "kumi_cache_lookups_total",
                "Objects that tasks asked the cache for: there already, or fetched for them.",
                "result",
            ),
            evictions: counters(
                "kumi_cache_evictions_total",
                "Objects that this process removed from the cache.",
                "reason",
            ),
            held: gauge(
                "kumi_cache_bytes",
                "Bytes in the cache, which all workers of a user on a node share.",
            ),
            limit: gauge(
                "kumi_cache_limit_bytes",
                "Bytes that the cache and what tasks spill may take together.",
            ),
        };
        for result in ["hit", "miss"] {
            counts.lookups.with_label_values(&[result]);
        }
        for gone in [Gone::Room, Gone::Damaged] {
            counts.evictions.with_label_values(&[gone.label()]);
        }
        counts.limit.set(signed(limit_bytes));
        counts
    }

    pub(super) fn collectors(&self) -> Vec<Box<dyn Collector>> {
        vec![
            Box::new(self.lookups.clone()),
            Box::new(self.evictions.clone()),
            Box::new(self.held.clone()),
            Box::new(self.limit.clone()),
        ]
    }

    /// So many objects were had, of which some were fetched for it.
    pub(super) fn had(&self, all: usize, fetched: usize) {
        let count = |result, number: usize| {
            let counter = self.lookups.with_label_values(&[result]);
            counter.inc_by(number as u64);
        };
        count("hit", all.saturating_sub(fetched));
        count("miss", fetched.min(all));
    }

    pub(super) fn gone(&self, why: Gone) {
        self.evictions.with_label_values(&[why.label()]).inc();
    }

    pub(super) fn holds(&self, bytes: u64) {
        self.held.set(signed(bytes));
    }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
