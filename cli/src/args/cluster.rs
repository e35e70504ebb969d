//! `kumi cluster …`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::args::units::parse_duration;
use crate::args::{Remote, SchedulerArgs};

/// `kumi cluster …`.
#[derive(Debug, Subcommand)]
pub enum ClusterCommand {
    /// Leader, term, log positions and members as each scheduler sees them
    Status {
        /// Where and how.
        #[command(flatten)]
        remote: Remote,
    },
    /// Take a node in that was started with `join = true`: first as a learner, then as a voter
    Add {
        /// The new node's number, which no member has ever had
        id: u64,
        /// Its host:port
        address: String,
        /// Leave it a learner: it has everything and does not vote
        #[arg(long)]
        learner: bool,
        /// How long, where and how.
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// Let a learner vote, once it has caught up
    Promote {
        /// The learner's number
        id: u64,
        /// How long, where and how.
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// Let a node go; another one leads first if it does
    Remove {
        /// The node's number
        id: u64,
        /// How long, where and how.
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// Let a new node take another's place in one step, once it has caught up
    Replace {
        /// The number of the node that leaves, up or down
        old: u64,
        /// The number of the node that comes, which no member has ever had
        new: u64,
        /// Its host:port
        address: String,
        /// How long, where and how.
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// Let another node lead
    Transfer {
        /// The number of a node that votes
        id: u64,
        /// Where and how.
        #[command(flatten)]
        remote: Remote,
    },
    /// Bring the newest version of the state machine into force that all nodes know: after the last one
    /// runs the newer build
    Upgrade {
        /// Where and how.
        #[command(flatten)]
        remote: Remote,
    },
    /// Write all that the cluster knows to a file
    Backup {
        /// The file
        #[arg(long)]
        to: PathBuf,
        /// Where and how.
        #[command(flatten)]
        remote: Remote,
    },
    /// Create the data folder of one node of a new cluster from a backup; run it for every node, each with
    /// its own configuration, then start them
    Restore {
        /// The backup
        backup: PathBuf,
        /// Which node.
        #[command(flatten)]
        scheduler: SchedulerArgs,
    },
}

/// How long a change may take, where it is asked for and how the result is printed.
#[derive(Debug, Args)]
pub struct ChangeArgs {
    /// Give up when the new node has not caught up after this long: 90s, 15m, 2h
    #[arg(long, value_parser = parse_duration, default_value = "10m")]
    pub timeout: Duration,
    /// Where and how.
    #[command(flatten)]
    pub remote: Remote,
}
