//! Every limit of the state machine, with the unit last.

/// Edges at which regions may be cut: caller and planner share it, and reference blocks are always
/// cut there.
pub(crate) const BLOCK_EDGE_BASES: u64 = 4_096;
/// Bases of a shard when the submitter leaves the number to us.
pub(crate) const SHARD_BASES: u64 = 64_000_000;

/// Least bases of a bin of the cost profile: a multiple of [`BLOCK_EDGE_BASES`].
pub(crate) const BIN_BASES_MIN: u64 = 65_536;
/// Bins of a genome beyond one a contig.
pub(crate) const BINS_MAX: usize = 4_096;
/// Samples that a bin's cost is the mean of; when there are as many, half of the weight is dropped: recent ones count
/// more.
pub(crate) const BIN_SAMPLES_MAX: u64 = 64;
/// Nanoseconds that a base may be expected to cost: sums over a genome stay within 64 bits.
pub(crate) const COST_PER_BASE_NS_MAX: u64 = 1_000_000_000;
/// Call shards that a sample may have beyond those planned, for what is left of shards that are split.
pub(crate) const SPARE_SHARDS: u32 = 8;
/// Pieces that the rest of a split shard is cut into.
pub(crate) const SPLIT_PIECES_MAX: u32 = 4;
/// A shard may be split when it runs this many times as long as was expected.
pub(crate) const SPLIT_FACTOR: u64 = 3;
/// Running tasks that are looked at, the oldest first, when some are to be split.
pub(crate) const SPLIT_CANDIDATES_MAX: usize = 256;
/// Rows whose files are taken to be warm on a worker: what it did last.
pub(crate) const WARM_ROWS_MAX: usize = 16;
/// Ready tasks of these that are looked at before the others of a stage.
pub(crate) const WARM_TASKS_MAX: usize = 256;
/// Rows of a cohort whose call shards' keys are kept while they are called: more than are called at once.
pub(crate) const KEYED_ROWS_MAX: usize = 1_024;
/// Second attempts at once.
pub(crate) const COPIES_MAX: usize = 32;
/// Tasks of a stage that are left when one of them may be tried a second time.
pub(crate) const COPY_LAST_TASKS_MAX: u64 = 64;
/// A call task may be tried a second time when it runs this many times as long as was expected: later than it is split.
pub(crate) const COPY_FACTOR_CALL: u64 = 6;
/// Others when they run this many times as long as [`COPY_PERCENT`] of a hundred of their stage did,
pub(crate) const COPY_FACTOR: u64 = 2;
pub(crate) const COPY_PERCENT: u64 = 95;
/// of at least so many that are done.
pub(crate) const COPY_OBSERVED_MIN: u64 = 20;
/// Cost profiles that are remembered: of references and targets.
pub(crate) const PROFILES_KEPT_MAX: usize = 64;
/// Cuts into shards that are remembered of each, by the number of shards.
pub(crate) const CUTS_KEPT_MAX: usize = 8;

/// Failures after which a task is given up.
pub(crate) const FAILURES_MAX: u32 = 3;
/// Workers a task may lose before it is given up: it may be what kills them.
pub(crate) const LOSSES_MAX: u32 = 10;

/// Half-life of what accounts have used, milliseconds, unless the policy says otherwise: seven days.
pub(crate) const HALF_LIFE_MS: u64 = 7 * 24 * 3_600_000;
/// Half-lives that a policy may ask for, milliseconds: an hour to ten years.
pub(crate) const HALF_LIFE_MS_MIN: u64 = 3_600_000;
pub(crate) const HALF_LIFE_MS_MAX: u64 = 10 * 365 * 24 * 3_600_000;
/// Accounts that a policy may name.
pub(crate) const ACCOUNTS_MAX: usize = 10_000;
/// Largest share.
pub(crate) const SHARE_MAX: u32 = 1_000_000;
/// What a task counts for beyond what it has used so far, milliseconds of each of its cores: accounts take turns even
/// before anything has run.
pub(crate) const TURN_MS: u64 = 60_000;

/// Waiting urgent tasks for which room is made at once.
pub(crate) const PREEMPT_TASKS_MAX: usize = 16;
/// What a task may have used that is stopped for an urgent one, milliseconds of a core: a fraction of a call shard.
pub(crate) const PREEMPT_WASTE_CORE_MS: u64 = 10 * 60_000;

/// Characters of a name that is part of paths.
pub(crate) const NAME_CHARS_MAX: usize = 128;
/// Labels of a worker, and those that a cohort asks for.
pub(crate) const LABELS_MAX: usize = 64;
/// Characters of any other text of a submission.
pub(crate) const TEXT_CHARS_MAX: usize = 4_096;
/// Characters of a failure's message that are kept.
pub(crate) const MESSAGE_CHARS_MAX: usize = 2_000;
/// Samples of a cohort.
pub(crate) const SAMPLES_MAX: usize = 1_000_000;
/// Shards of a sample or of a cohort.
pub(crate) const SHARDS_MAX: u32 = 10_000;
/// Chunks of a sample: the task that merges them has all open.
pub(crate) const CHUNKS_MAX: u32 = 256;
/// Regions that a sample is merged in.
pub(crate) const MERGE_REGIONS_MAX: u32 = 256;
/// Tasks of a cohort.
pub(crate) const TASKS_MAX: u64 = 50_000_000;
/// Violations that are listed.
pub(crate) const VIOLATIONS_MAX: usize = 1_000;

/// Request ids that are remembered, other than those of submissions, which are never forgotten.
pub(crate) const REQUESTS_KEPT_MAX: usize = 10_000;
/// Lost registrations that are remembered.
pub(crate) const LOST_WORKERS_KEPT_MAX: usize = 1_000;
/// Attempts, registrations and revisions that a cluster may have given between a backup and its loss.
pub(crate) const NUMBERS_LOST_MAX: u64 = 1 << 32;
/// Explanations given at once.
pub(crate) const EXPLANATIONS_MAX: usize = 1_000;
/// Workers that are listed of an explanation.
pub(crate) const WORKERS_EXPLAINED_MAX: usize = 100;
/// Hours of completions that are kept: seven days and the current hour.
pub(crate) const RATE_HOURS: u64 = 7 * 24 + 1;

/// Pools of workers.
pub(crate) const POOLS_MAX: usize = 256;
/// Pause after a request to a site of which no worker came, milliseconds; it doubles with the next, up to
pub(crate) const POOL_RETRY_MS: u64 = 5_000;
/// so much.
pub(crate) const POOL_RETRY_MS_MAX: u64 = 10 * 60_000;
/// What a task must have beyond the time it is expected to take before its worker's ends, milliseconds,
pub(crate) const END_MARGIN_MS: u64 = 30_000;
/// and the percentage of that time that is reckoned with.
pub(crate) const END_PERCENT: u64 = 150;
/// Tasks that are done before the mean of their stage is taken for what to expect of others.
pub(crate) const EXPECT_OBSERVED_MIN: u64 = 3;
/// Workers of which it is reckoned when a task that waits for room can start there: those that lack the fewest cores.
pub(crate) const RESERVE_WORKERS_MAX: usize = 64;
/// Tasks in a row that take too long for a worker, or more of its scratch than is free, before no more of a stage are
/// looked at for it.
pub(crate) const PASSED_TASKS_MAX: u64 = 256;

const _: () = assert!(FAILURES_MAX >= 1 && LOSSES_MAX > FAILURES_MAX);
const _: () = assert!(SPLIT_PIECES_MAX >= 2 && SPARE_SHARDS >= SPLIT_PIECES_MAX);
const _: () = assert!(COPY_FACTOR_CALL > SPLIT_FACTOR);
const _: () = assert!(HALF_LIFE_MS_MIN <= HALF_LIFE_MS && HALF_LIFE_MS <= HALF_LIFE_MS_MAX);
const _: () = assert!(SHARD_BASES > BLOCK_EDGE_BASES);
const _: () =
    assert!(BIN_BASES_MIN.is_multiple_of(BLOCK_EDGE_BASES) && BIN_BASES_MIN.is_power_of_two());
