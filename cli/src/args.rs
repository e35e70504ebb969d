//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::cohort_file::OnBadSampleSetting;

/// Whole-genome cohorts from FASTQ to joint-genotyped variants.
///
/// Build an index with `kumi reference build`, align with `kumi kernel align`, and check a cohort before it
/// is submitted with `kumi cohort check`.
#[derive(Debug, Parser)]
#[command(name = "kumi", version, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Nouns and daemons.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check cohorts, submit them to a cluster and follow them
    #[command(subcommand)]
    Cohort(CohortCommand),
    /// Look after the cluster's workers
    #[command(subcommand)]
    Worker(WorkerCommand),
    /// Look at the schedulers
    #[command(subcommand)]
    Cluster(ClusterCommand),
    /// Set and follow throughput targets
    #[command(subcommand)]
    Target(TargetCommand),
    /// Build and check reference indexes
    #[command(subcommand)]
    Reference(ReferenceCommand),
    /// Run one kernel on this machine
    #[command(subcommand)]
    Kernel(KernelCommand),
}

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For people.
    #[default]
    Table,
    /// One JSON document.
    Json,
    /// One JSON document a line.
    Jsonl,
}

/// Where the schedulers are and how to print what they say.
#[derive(Debug, Args)]
pub struct Remote {
    /// Schedulers, any of them: host:port[,host:port…]
    #[arg(
        long,
        env = "KUMI_ENDPOINT",
        value_delimiter = ',',
        default_value = "127.0.0.1:7400"
    )]
    pub endpoint: Vec<String>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    pub output: OutputFormat,
}

/// `kumi cohort …`.
#[derive(Debug, Subcommand)]
pub enum CohortCommand {
    /// Check a cohort file, its sheet and every file they name
    Check {
        /// The cohort file (docs/cohort-file.md)
        cohort: PathBuf,
        /// How to print the result
        #[arg(long, value_enum, default_value_t)]
        output: OutputFormat,
    },
    /// Check a cohort and submit it
    Submit(SubmitArgs),
    /// All cohorts, newest first
    List {
        /// Where and how.
        #[command(flatten)]
        remote: Remote,
    },
    /// One cohort with its samples
    Show {
        /// Number or name
        cohort: String,
        /// Where and how.
        #[command(flatten)]
        remote: Remote,
    },
    /// Follow a cohort until it ends
    Watch {
        /// Number or name
        cohort: String,
        /// Where and how.
        #[command(flatten)]
        remote: Remote,
    },
    /// Wait for a cohort to end, quietly; the exit code tells how
    Wait {
        /// Number or name
        cohort: String,
        /// Give up after this long (exit code 124): 90s, 15m, 2h, 1d
        #[arg(long, value_parser = parse_duration)]
        timeout: Option<Duration>,
        /// Where and how.
        #[command(flatten)]
        remote: Remote,
    },
    /// Stop a cohort; what is done stays
    Cancel {
        /// Number or name
        cohort: String,
        /// Why, for those who ask later
        #[arg(long, default_value = "cancelled by the operator")]
        reason: String,
        /// Where and how.
        #[command(flatten)]
        remote: Remote,
    },
    /// Run failed and quarantined samples, or a failed or cancelled cohort, again
    Retry {
        /// Number or name
        cohort: String,
        /// Only these samples
        #[arg(long = "sample")]
        samples: Vec<String>,
        /// Where and how.
        #[command(flatten)]
        remote: Remote,
    },
    /// Why tasks are in the state they are in
    Why {
        /// Number or name
        cohort: String,
        /// Only this sample
        #[arg(long)]
        sample: Option<String>,
        /// Where and how.
        #[command(flatten)]
        remote: Remote,
    },
}

/// `kumi cohort submit`.
#[derive(Debug, Args)]
pub struct SubmitArgs {
    /// The cohort file (docs/cohort-file.md); its paths must be the same on every worker
    pub cohort: PathBuf,
    /// Where everything goes, the same on every worker; `kumi-out` beside the cohort file when not given
    #[arg(long)]
    pub output_dir: Option<PathBuf>,
    /// What becomes of the cohort when a sample's data are bad; overrides the cohort file
    #[arg(long, value_enum)]
    pub on_bad_sample: Option<OnBadSampleSetting>,
    /// The same id twice is one submission; derived from the content when not given
    #[arg(long)]
    pub request_id: Option<String>,
    /// Check everything, submit nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Follow it until it ends
    #[arg(long)]
    pub wait: bool,
    /// Give up waiting after this long (exit code 124)
    #[arg(long, value_parser = parse_duration, requires = "wait")]
    pub timeout: Option<Duration>,
    /// Where and how.
    #[command(flatten)]
    pub remote: Remote,
}

/// `kumi worker …`.
#[derive(Debug, Subcommand)]
pub enum WorkerCommand {
    /// All workers
    List {
        /// Where and how.
        #[command(flatten)]
        remote: Remote,
    },
    /// Give a worker nothing new
    Drain {
        /// Name
        name: String,
        /// Why, for those who ask later
        #[arg(long, default_value = "drained by the operator")]
        reason: String,
        /// Where and how.
        #[command(flatten)]
        remote: Remote,
    },
    /// Give a drained worker work again
    Resume {
        /// Name
        name: String,
        /// Where and how.
        #[command(flatten)]
        remote: Remote,
    },
}

/// `kumi cluster …`.
#[derive(Debug, Subcommand)]
pub enum ClusterCommand {
    /// Leader, term, log positions and members as each scheduler sees them
    Status {
        /// Where and how.
        #[command(flatten)]
        remote: Remote,
    },
}

/// `kumi target …`.
#[derive(Debug, Subcommand)]
pub enum TargetCommand {
    /// Set a target: so many units of a programme by a date
    Set {
        /// Programme
        #[arg(long)]
        programme: String,
        /// What is counted
        #[arg(long, value_parser = ["case", "genome", "eq30x"])]
        unit: String,
        /// How many
        #[arg(long)]
        count: u64,
        /// Until the end of this day, UTC: YYYY-MM-DD
        #[arg(long)]
        by: String,
        /// Where and how.
        #[command(flatten)]
        remote: Remote,
    },
    /// Done, required and actual rate, and the date these lead to
    Show {
        /// Only this programme
        #[arg(long)]
        programme: Option<String>,
        /// Where and how.
        #[command(flatten)]
        remote: Remote,
    },
}

/// `kumi reference …`.
#[derive(Debug, Subcommand)]
pub enum ReferenceCommand {
    /// Build an index from FASTA
    Build {
        /// FASTA, plain, gzip or BGZF
        fasta: PathBuf,
        /// The index to write
        #[arg(long)]
        output: PathBuf,
        /// Threads; all cores when not given
        #[arg(long)]
        threads: Option<usize>,
    },
    /// Check every byte of an index
    Verify {
        /// The index
        index: PathBuf,
    },
    /// What is in an index
    Show {
        /// The index
        index: PathBuf,
        /// How to print it
        #[arg(long, value_enum, default_value_t)]
        output: OutputFormat,
    },
}

/// `kumi kernel …`.
#[derive(Debug, Subcommand)]
pub enum KernelCommand {
    /// Align reads: sorted and duplicate-marked with an index, or in input order
    Align(AlignArgs),
}

/// `kumi kernel align`.
#[derive(Debug, Args)]
pub struct AlignArgs {
    /// Reference index
    #[arg(long)]
    pub reference: PathBuf,
    /// Sample name (SM)
    #[arg(long)]
    pub sample: String,
    /// FASTQ, plain, gzip or BGZF; or one BAM or CRAM, which is taken apart again
    #[arg(required = true, num_args = 1..=2)]
    pub reads: Vec<PathBuf>,
    /// OUT.cram, OUT.bam, OUT.sam, or - for SAM on standard output
    #[arg(long)]
    pub output: PathBuf,
    /// Threads; all cores when not given. Results do not depend on it
    #[arg(long)]
    pub threads: Option<usize>,
    /// In input order, without duplicate marking
    #[arg(long)]
    pub unsorted: bool,
    /// Read group ID; the sample's name when not given
    #[arg(long)]
    pub read_group: Option<String>,
    /// Library (LB); the sample's name when not given
    #[arg(long)]
    pub library: Option<String>,
    /// Memory for sorting, as 4GiB
    #[arg(long, value_parser = parse_bytes, default_value = "2GiB")]
    pub memory: u64,
}

/// A duration with its unit: 200ms, 90s, 15m, 2h, 7d.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let at = text
        .find(|c: char| !c.is_ascii_digit())
        .ok_or("a unit is missing: ms, s, m, h or d")?;
    let number: u64 = text[..at].parse().map_err(|_| "not a number")?;
    let seconds = match &text[at..] {
        "ms" => return Ok(Duration::from_millis(number)),
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        unit => return Err(format!("unknown unit `{unit}`: use ms, s, m, h or d")),
    };
    number
        .checked_mul(seconds)
        .map(Duration::from_secs)
        .ok_or_else(|| "too long".to_owned())
}

/// A size with its unit: 512MiB, 64GiB, 1TiB.
fn parse_bytes(text: &str) -> Result<u64, String> {
    let at = text
        .find(|c: char| !c.is_ascii_digit())
        .ok_or("a unit is missing: MiB, GiB or TiB")?;
    let number: u64 = text[..at].parse().map_err(|_| "not a number")?;
    let shift = match &text[at..] {
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        unit => return Err(format!("unknown unit `{unit}`: use KiB, MiB, GiB or TiB")),
    };
    number
        .checked_mul(1 << shift)
        .ok_or_else(|| "too large".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::{Cli, parse_bytes, parse_duration};

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn values_need_their_unit() {
        assert_eq!(parse_duration("15m").map(|d| d.as_secs()), Ok(900));
        for wrong in ["15", "m", "15y", "99999999999999999999s", ""] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
        assert_eq!(parse_bytes("64GiB"), Ok(64 << 30));
        for wrong in ["64", "64GB", "99999999999TiB"] {
            assert!(parse_bytes(wrong).is_err(), "{wrong}");
        }
    }
}
