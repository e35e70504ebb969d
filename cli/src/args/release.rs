//! What `kumi release` takes.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::args::{JointFormat, Remote};

/// `kumi release`.
#[derive(Debug, Subcommand)]
pub enum ReleaseCommand {
    /// What was released, newest first
    List {
        /// Only of this cohort: number or name
        cohort: Option<String>,
        /// Where and how.
        #[command(flatten)]
        remote: Remote,
    },
    /// One release with its files
    Show {
        /// The release, at least 4 of its digits, or a cohort, whose latest is meant
        release: String,
        /// Where and how.
        #[command(flatten)]
        remote: Remote,
    },
    /// Release a cohort again without those who have withdrawn; what is done is not done again
    Build {
        /// Number or name of the cohort
        cohort: String,
        /// Wait for the release; the exit code tells how it ended
        #[arg(long)]
        wait: bool,
        /// Where and how.
        #[command(flatten)]
        remote: Remote,
    },
    /// Check every byte of a release against its manifest
    Verify {
        /// The release, at least 4 of its digits, or a cohort, whose latest is meant; or a folder with a manifest.json,
        /// for which no scheduler is asked
        release: String,
        /// Where and how.
        #[command(flatten)]
        remote: Remote,
    },
    /// Write a release in another form, from what was ingested
    Export(ExportArgs),
    /// What differs between two releases: samples, sites, genotypes
    Diff(DiffArgs),
}

/// `kumi release export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The release, at least 4 of its digits, or a cohort, whose latest is meant
    pub release: String,
    /// The file to write; its ending says the form, see `kumi kernel joint`
    #[arg(long)]
    pub to: PathBuf,
    /// What is written; what the ending of --to says when not given
    #[arg(long, value_enum)]
    pub format: Option<JointFormat>,
    /// BED file: only these regions
    #[arg(long)]
    pub regions: Option<PathBuf>,
    /// Threads; all cores when not given. Results do not depend on it
    #[arg(long)]
    pub threads: Option<usize>,
    /// Where and how.
    #[command(flatten)]
    pub remote: Remote,
}

/// `kumi release diff`.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// A release, or a folder of one
    pub before: String,
    /// Another
    pub after: String,
    /// A file to list every difference in: contig, position, REF, ALT, what, with tabs between
    #[arg(long)]
    pub list: Option<PathBuf>,
    /// Where and how.
    #[command(flatten)]
    pub remote: Remote,
}
