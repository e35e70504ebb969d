//! What a node needs, units last.

use std::time::Duration;

/// Memory below which not even one joint task fits, bytes (scheduler/src/plan/need.rs).
pub(super) const MEMORY_MIN: u64 = 1 << 30;
/// Memory that the alignment of a human genome asks for, bytes: the mapped index (5 bytes a base), buffers of 8 threads.
pub(super) const MEMORY_HUMAN: u64 = 16_600_000_000;
/// Open files that 16 cores may need when they merge chunks at once (docs/operations.md).
pub(super) const OPEN_FILES: u64 = 4_096;
/// Open files below which a daemon cannot serve.
pub(super) const OPEN_FILES_MIN: u64 = 256;
/// Free bytes below which a folder is as good as full.
pub(super) const FREE_MIN: u64 = 1 << 30;
/// Free bytes that a genome of 30x asks of the scratch while it is aligned: six for each of 40 GB of FASTQ
/// (docs/scheduling.md).
pub(super) const FREE_SCRATCH: u64 = 240_000_000_000;
/// Free bytes that a genome on its way takes of a store.
pub(super) const FREE_STORE: u64 = 100 << 30;
/// Free bytes that a scheduler's log and snapshots should have.
pub(super) const FREE_LOG: u64 = 10 << 30;
/// Free inodes below which a folder is as good as full.
pub(super) const INODES_MIN: u64 = 1_000;
/// A sync of a scheduler's log takes no longer on a disk that is fit for it, microseconds.
pub(super) const LOG_SYNC_US: u64 = 10_000;
/// Clocks further apart than this make times in reports doubtful, milliseconds.
pub(super) const CLOCK_WARN_MS: u64 = 2_000;
/// Clocks further apart than this judge certificates differently, milliseconds.
pub(super) const CLOCK_FAIL_MS: u64 = 60_000;
/// A certificate that ends within this is to be renewed, days.
pub(super) const EXPIRY_DAYS: i64 = 30;
/// How long a scheduler is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(8);
/// How long a filesystem is waited for.
pub(super) const FOLDER_PATIENCE: Duration = Duration::from_secs(30);
