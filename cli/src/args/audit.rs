//! `kumi audit …`.

use std::path::PathBuf;

use clap::Subcommand;

use crate::args::Remote;

/// `kumi audit …`.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// The latest events: who did what, when and why
    Tail {
        /// How many
        #[arg(short = 'n', long, default_value_t = 20)]
        lines: usize,
        /// Also what schedulers and workers do by themselves: grants, results, registrations
        #[arg(long)]
        all: bool,
        /// Where and how.
        #[command(flatten)]
        remote: Remote,
    },
    /// Check the chain on every scheduler given, and that it leads where the cluster is; or check a file
    /// that was exported
    Verify {
        /// A file that `export` wrote; without it the schedulers are asked
        file: Option<PathBuf>,
        /// Where and how.
        #[command(flatten)]
        remote: Remote,
    },
    /// Write all of it to a file, one JSON document a line, with what is needed to check it
    Export {
        /// The file
        #[arg(long)]
        to: PathBuf,
        /// Where and how.
        #[command(flatten)]
        remote: Remote,
    },
}
