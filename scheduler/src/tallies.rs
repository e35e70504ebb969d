//! Counters that only grow, from applied commands: the numbers behind the business metrics. Every
//! replica has the same ones, and fail-over resets none.

use std::collections::BTreeMap;

use kumi_proto::v1::{Priority, Stage};

use crate::unit::Unit;

/// Upper bounds of the histograms' buckets, seconds; the last bucket has none.
pub const BOUNDS_SECONDS: [u64; 16] = [
    1, 5, 15, 60, 300, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400, 172_800, 604_800,
    1_209_600, 2_592_000,
];

/// Observations of a duration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Observations by bucket, not cumulative; one more than there are bounds.
    pub counts: [u64; BOUNDS_SECONDS.len() + 1],
    /// Sum of all observations, milliseconds.
    pub sum_ms: u64,
}

impl Histogram {
    /// How many observations there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Within how many seconds, rounded up to a bound of a bucket, `percent` of a hundred observations are; none where
    /// there are fewer than `least`, or when it lies beyond the last bound.
    #[must_use]
    pub fn bound_seconds(&self, percent: u64, least: u64) -> Option<u64> {
        let count = self.count();
        let enough = |within: u64| within * 100 >= count * percent;
        let mut within = 0;
        let bucket = self.counts.iter().position(|count| {
            within += count;
            enough(within)
        });
        let bound = bucket.and_then(|bucket| BOUNDS_SECONDS.get(bucket).copied());
        bound.filter(|_| count >= least)
    }

    /// Adds one observation.
    pub fn observe(&mut self, ms: u64) {
        let bucket = BOUNDS_SECONDS.partition_point(|bound| bound * 1_000 < ms);
        self.counts[bucket] += 1;
        self.sum_ms = self.sum_ms.saturating_add(ms);
    }
}

/// By what units are counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnitLabels {
    /// The programme whose target they count for.
    pub programme: String,
    /// The centre they came from.
    pub centre: String,
    /// What is counted. Values are in [`Unit::parts`]; [`Unit::of_parts`] converts them.
    pub unit: Unit,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// Its result was taken.
    Done,
    /// It failed.
    Failed,
    /// Its worker was lost.
    Lost,
    /// It was told to stop, or nothing needed it any more.
    Stopped,
}

impl Ending {
    /// Every ending.
    pub const ALL: [Self; 4] = [Self::Done, Self::Failed, Self::Lost, Self::Stopped];

    /// The name used in metrics labels.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Lost => "lost",
            Self::Stopped => "stopped",
        }
    }
}

/// Why something failed or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// No reason: it went well.
    None,
    /// I/O.
    Transient,
    /// More memory than it was given.
    OutOfMemory,
    /// The sample's fault.
    BadInput,
    /// Ours.
    Internal,
    /// Stopped by its worker.
    Stopped,
    /// The worker was lost.
    WorkerLost,
    /// The cohort was cancelled.
    Cancelled,
    /// The cohort or the sample failed elsewhere.
    Failed,
    /// Nothing needs the result any more, or what it reads is gone.
    Superseded,
    /// The sample has withdrawn.
    Withdrawn,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 11] = [
        Self::None,
        Self::Transient,
        Self::OutOfMemory,
        Self::BadInput,
        Self::Internal,
        Self::Stopped,
        Self::WorkerLost,
        Self::Cancelled,
        Self::Failed,
        Self::Superseded,
        Self::Withdrawn,
    ];

    /// The name used in metrics labels.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Transient => "transient",
            Self::OutOfMemory => "out_of_memory",
            Self::BadInput => "bad_input",
            Self::Internal => "internal",
            Self::Stopped => "stopped",
            Self::WorkerLost => "worker_lost",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::Superseded => "superseded",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// What the kernels of one stage have done, from the manifests of its tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KernelTally {
    /// Reads processed (`counts["reads"]`).
    pub reads: u64,
    /// Bases processed (`counts["bases"]`).
    pub bases: u64,
    /// Core time.
    pub core_milliseconds: u64,
    /// The largest resident set of a task.
    pub peak_rss_bytes: u64,
}

/// Second attempts at tasks that took far longer than was expected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CopyTally {
    /// Whose result was taken, or which outlived the first.
    pub won: u64,
    /// That ended otherwise.
    pub lost: u64,
}

/// All counters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tallies {
    /// Units received, in parts. A unit that is submitted again is not counted again.
    pub received: BTreeMap<UnitLabels, u64>,
    /// Units completed, in parts, each once.
    pub completed: BTreeMap<UnitLabels, u64>,
    /// Units that failed, in parts, by reason.
    pub failed: BTreeMap<(UnitLabels, Reason), u64>,
    /// Attempts that ended.
    pub finished: BTreeMap<(Stage, Ending, Reason), u64>,
    /// Tasks that had to run again, by the reason of the attempt before.
    pub retries: BTreeMap<(Stage, Reason), u64>,
    /// Tasks that ended with a part of their work and left the rest to others.
    pub split: BTreeMap<Stage, u64>,
    /// Second attempts that have ended, or are the only ones now.
    pub copies: CopyTally,
    /// From grant to commit.
    pub stage_duration: BTreeMap<Stage, Histogram>,
    /// From ready to grant.
    pub queue_wait: BTreeMap<Stage, Histogram>,
    /// From submission to the gVCF of a genome.
    pub turnaround: BTreeMap<Priority, Histogram>,
    /// Core time of attempts whose result was not taken, from grant to their end.
    pub wasted_core_milliseconds: BTreeMap<Stage, u64>,
    /// Workers that were given up or came back as another process while they held leases.
    pub workers_lost: u64,
    /// What the kernels did.
    pub kernels: BTreeMap<Stage, KernelTally>,
}
