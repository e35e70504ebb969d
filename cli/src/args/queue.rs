//! `kumi queue` and `kumi policy`.

use std::path::PathBuf;

use clap::Subcommand;

use crate::args::Remote;

/// `kumi queue …`.
#[derive(Debug, Subcommand)]
pub enum QueueCommand {
    /// Accounts with their shares, use and quotas, and the cohorts that run in the order in which they are served
    List {
        /// Where and how.
        #[command(flatten)]
        remote: Remote,
    },
    /// Why cohorts stand where they stand: what counts, with its numbers
    Explain {
        /// Number or name; all cohorts that run when not given
        cohort: Option<String>,
        /// Where and how.
        #[command(flatten)]
        remote: Remote,
    },
}

/// `kumi policy …`.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Put a policy file in force, instead of the policy before (docs/scheduling.md)
    Apply {
        /// The file
        file: PathBuf,
        /// Check the file, change nothing
        #[arg(long)]
        dry_run: bool,
        /// Where and how.
        #[command(flatten)]
        remote: Remote,
    },
    /// The policy that is in force
    Show {
        /// Where and how.
        #[command(flatten)]
        remote: Remote,
    },
}
