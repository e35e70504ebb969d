//! What a node counts. Plain numbers: turning them into an exposition format is the caller's.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;

/// Upper bounds of the histograms' buckets in seconds; a last bucket holds what is longer.
pub const BOUNDS_SECONDS: [f64; 16] = [
    0.000_25, 0.000_5, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024,
    2.048, 4.096, 8.192,
];

/// How long something took each time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// Observations by bucket, not cumulative; one more than [`BOUNDS_SECONDS`].
    pub buckets: [u64; BOUNDS_SECONDS.len() + 1],
    /// Sum of all observations, seconds.
    pub sum_seconds: f64,
    /// Number of observations.
    pub count: u64,
}

impl Histogram {
    fn observe(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        self.buckets[BOUNDS_SECONDS.partition_point(|bound| *bound < seconds)] += 1;
        self.sum_seconds += seconds;
        self.count += 1;
    }
}

/// A node's counters at one moment. Counters start at zero with the process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics {
    /// Proposals applied here since the start, replayed ones included.
    pub proposals_committed: u64,
    /// Log entries applied here since the start, replayed ones included.
    pub entries_applied: u64,
    /// Proposals refused or lost here because leadership was elsewhere or changed.
    pub proposals_failed: u64,
    /// Changes from one known leader (or none) to another known one.
    pub leader_changes: u64,
    /// Durable writes, fsync included.
    pub fsync: Histogram,
    /// Entries of this node, from when they were proposed until it knew that a majority had them on disk.
    pub commit: Histogram,
    /// Proposals, from when they were made to their outcome here, of those that had one.
    pub proposal: Histogram,
    /// Snapshots of its own state this node has taken.
    pub snapshots_taken: u64,
    /// Snapshots of a leader this node has installed.
    pub snapshots_installed: u64,
    /// Size of the newest snapshot, bytes.
    pub snapshot_bytes: u64,
    /// Size of the store's file (log and snapshot), bytes.
    pub wal_bytes: u64,
    /// Messages dropped because a queue was full.
    pub messages_dropped: u64,
}

/// The live counters behind [`Metrics`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) proposals_committed: AtomicU64,
    pub(crate) entries_applied: AtomicU64,
    pub(crate) proposals_failed: AtomicU64,
    pub(crate) leader_changes: AtomicU64,
    pub(crate) snapshots_taken: AtomicU64,
    pub(crate) snapshots_installed: AtomicU64,
    pub(crate) snapshot_bytes: AtomicU64,
    pub(crate) wal_bytes: AtomicU64,
    pub(crate) messages_dropped: AtomicU64,
    fsync: Mutex<Histogram>,
    commit: Mutex<Histogram>,
    proposal: Mutex<Histogram>,
}

fn counted(histogram: &Mutex<Histogram>) -> MutexGuard<'_, Histogram> {
    histogram
        .lock()
        .expect("nothing panics while it holds this")
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, by: u64) {
        counter.fetch_add(by, Ordering::Relaxed);
    }

    pub(crate) fn observe_fsync(&self, took: Duration) {
        counted(&self.fsync).observe(took);
    }

    pub(crate) fn observe_commit(&self, took: Duration) {
        counted(&self.commit).observe(took);
    }

    pub(crate) fn observe_proposal(&self, took: Duration) {
        counted(&self.proposal).observe(took);
    }

    pub(crate) fn read(&self) -> Metrics {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Metrics {
            proposals_committed: get(&self.proposals_committed),
            entries_applied: get(&self.entries_applied),
            proposals_failed: get(&self.proposals_failed),
            leader_changes: get(&self.leader_changes),
            fsync: counted(&self.fsync).clone(),
            commit: counted(&self.commit).clone(),
            proposal: counted(&self.proposal).clone(),
            snapshots_taken: get(&self.snapshots_taken),
            snapshots_installed: get(&self.snapshots_installed),
            snapshot_bytes: get(&self.snapshot_bytes),
            wal_bytes: get(&self.wal_bytes),
            messages_dropped: get(&self.messages_dropped),
        }
    }
}

/// Notices how long a leader's entries take to a majority, of those that are on their way one after another.
#[derive(Debug, Default)]
pub(crate) struct Commits {
    /// An index that a majority was not known to hold yet, and since when.
    awaited: Option<(u64, Instant)>,
}

impl Commits {
    /// Looks at a leader's log, by its committed and its last index; none of a node that does not lead. How long the
    /// entries took that were looked at when they were new, if they are committed now.
    pub(crate) fn look(&mut self, log: Option<(u64, u64)>, now: Instant) -> Option<Duration> {
        let Some((committed, last)) = log else {
            self.awaited = None;
            return None;
        };
        let done = self.awaited.filter(|(index, _)| *index <= committed);
        if done.is_some() || self.awaited.is_none() {
            self.awaited = (committed < last).then_some((last, now));
        }
        done.map(|(_, since)| now - since)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::Commits;

    #[test]
    fn an_entry_is_timed_from_when_it_was_new_until_a_majority_has_it() {
        let (mut commits, start) = (Commits::default(), Instant::now());
        let mut look = |log, ms| commits.look(log, start + Duration::from_millis(ms));
        let ms = |ms| Some(Duration::from_millis(ms));
        assert_eq!(look(Some((4, 5)), 1), None);
        assert_eq!(look(Some((4, 6)), 3), None, "the sixth is not timed");
        assert_eq!(look(Some((5, 7)), 4), ms(3));
        assert_eq!(look(Some((6, 7)), 5), None);
        assert_eq!(look(Some((7, 7)), 9), ms(5));
        assert_eq!(look(Some((7, 8)), 10), None);
        assert_eq!(look(None, 11), None, "it leads no more");
        assert_eq!(look(Some((8, 8)), 12), None);
    }
}
