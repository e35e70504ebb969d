//! The replication's metrics, named after etcd's.

use kumi_cluster::{BOUNDS_SECONDS, Histogram, Metrics, Status};

use crate::metrics::family::Family;

/// This node's raft families.
pub(crate) fn families(status: &Status, counted: &Metrics) -> Vec<Family> {
    let flag = |on: bool| if on { 1.0 } else { 0.0 };
    let gauge = |name, help, value: f64| Family::gauge(name, help).of(&[], value);
    let counter = |name, help, value: u64| Family::counter(name, help).of(&[], value as f64);
    vec![
        gauge(
            "kumi_raft_has_leader",
            "1 when this node knows a leader.",
            flag(status.leader.is_some()),
        ),
        gauge(
            "kumi_raft_is_leader",
            "1 when this node leads.",
            flag(status.leads()),
        ),
        gauge(
            "kumi_raft_term",
            "The raft term this node is in.",
            status.term as f64,
        ),
        gauge(
            "kumi_raft_commit_index",
            "Highest log index known to be committed.",
            status.commit_index as f64,
        ),
        gauge(
            "kumi_raft_applied_index",
            "Highest log index applied to this node's state.",
            status.applied_index as f64,
        ),
        gauge(
            "kumi_raft_snapshot_index",
            "Log index of this node's newest snapshot.",
            status.snapshot_index as f64,
        ),
        gauge(
            "kumi_raft_snapshot_bytes",
            "Size of this node's newest snapshot.",
            counted.snapshot_bytes as f64,
        ),
        gauge(
            "kumi_raft_wal_bytes",
            "Size of the file with the raft log and snapshot.",
            counted.wal_bytes as f64,
        ),
        counter(
            "kumi_raft_leader_changes_seen_total",
            "Changes of the leader that this process has seen.",
            counted.leader_changes,
        ),
        counter(
            "kumi_raft_proposals_committed_total",
            "Commands applied by this process, those replayed at start included.",
            counted.proposals_committed,
        ),
        counter(
            "kumi_raft_proposals_failed_total",
            "Commands that this process refused or lost because leadership was elsewhere or changed.",
            counted.proposals_failed,
        ),
        counter(
            "kumi_raft_snapshots_taken_total",
            "Snapshots of its own state that this process has taken.",
            counted.snapshots_taken,
        ),
        counter(
            "kumi_raft_snapshots_installed_total",
            "Snapshots received from a leader that this process has installed.",
            counted.snapshots_installed,
        ),
        counter(
            "kumi_raft_messages_dropped_total",
            "Messages between schedulers dropped because a queue was full; raft repeats them.",
            counted.messages_dropped,
        ),
        durations(
            "kumi_raft_wal_fsync_duration_seconds",
            "Time of a durable write of the raft log, fsync included.",
            &counted.fsync,
        ),
        durations(
            "kumi_raft_commit_duration_seconds",
            "Time from when this node, the leader, proposed an entry until it knew that a majority had it on disk.",
            &counted.commit,
        ),
        durations(
            "kumi_raft_proposal_duration_seconds",
            "Time from a command's proposal here until a majority had it on disk and it was applied here.",
            &counted.proposal,
        ),
    ]
}

fn durations(name: &str, help: &str, counted: &Histogram) -> Family {
    let mut family = Family::histogram(name, help);
    family.add_histogram(&[], &BOUNDS_SECONDS, &counted.buckets, counted.sum_seconds);
    family
}
