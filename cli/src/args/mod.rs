//! The command line.

mod audit;
mod certs;
mod cluster;
mod daemon;
mod doctor;
mod kernel;
mod queue;
mod release;
mod run;
pub(crate) mod units;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use crate::args::audit::AuditCommand;
pub use crate::args::certs::{CertsCommand, IssueArgs, TlsArgs};
pub use crate::args::cluster::{ChangeArgs, ClusterCommand};
pub use crate::args::daemon::{LogFormat, PoolArgs, SchedulerArgs, StartArgs};
pub use crate::args::doctor::DoctorArgs;
pub use crate::args::kernel::{
    AlignArgs, CallArgs, CensusArgs, FiltersArg, IngestArgs, JointArgs, JointFormat, KernelCommand,
    PurgeArgs, SamplesArgs, SexArg,
};
pub use crate::args::queue::{PolicyCommand, QueueCommand};
pub use crate::args::release::{DiffArgs, ExportArgs, ReleaseCommand};
pub use crate::args::run::RunArgs;
use crate::args::units::parse_duration;
use crate::cohort_file::OnBadSampleSetting;

/// Whole-genome cohorts from FASTQ to joint-genotyped variants.
///
/// On one machine: `kumi run COHORT.toml` does everything, and done again it recomputes nothing.
/// On many: `kumi scheduler --config FILE` on one, three or five of them, `kumi worker start` on the
/// others, then `kumi cohort submit COHORT.toml` and `kumi cohort watch` from anywhere.
/// One step by hand, on plain files: `kumi reference build` and `kumi kernel align|call|joint`.
#[derive(Debug, Parser)]
#[command(
    name = "kumi",
    version,
    arg_required_else_help = true,
    after_help = "Results go to standard output, progress and logs to standard error.\n\
        Exit codes: 0 done, 1 a sample failed, 2 usage, 65 bad input, 66 missing input, 69 no leader, \
        73/74 output, 75 try again, 77 not permitted, 78 configuration, 124 --timeout, 130 interrupted, 143 terminated."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Nouns and daemons.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Take a cohort from reads to joint-genotyped variants on this machine
    Run(RunArgs),
    /// Run a scheduler: one node of the replicated cluster
    Scheduler(SchedulerArgs),
    /// Check cohorts, submit them to a cluster and follow them
    #[command(subcommand)]
    Cohort(CohortCommand),
    /// Start a worker, or look after the cluster's workers
    #[command(subcommand)]
    Worker(WorkerCommand),
    /// Look at the schedulers
    #[command(subcommand)]
    Cluster(ClusterCommand),
    /// Who did what, when and why
    #[command(subcommand)]
    Audit(AuditCommand),
    /// What was released of cohorts: build, check, compare, write in other forms
    #[command(subcommand)]
    Release(ReleaseCommand),
    /// See who is served next and why
    #[command(subcommand)]
    Queue(QueueCommand),
    /// Set how programmes and centres share the cores, and their quotas
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Set and follow throughput targets
    #[command(subcommand)]
    Target(TargetCommand),
    /// Build and check reference indexes
    #[command(subcommand)]
    Reference(ReferenceCommand),
    /// Make a private CA for a cluster, and certificates
    #[command(subcommand)]
    Certs(CertsCommand),
    /// Run one kernel on this machine
    #[command(subcommand)]
    Kernel(KernelCommand),
    /// Check whether this machine is fit to run a worker or a scheduler, and say what to mend
    Doctor(DoctorArgs),
    /// Print what a shell completes the command with: `kumi completions bash > …/bash-completion/completions/kumi`
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write manual pages
    #[command(hide = true)]
    Man {
        /// Folder for them
        dir: PathBuf,
    },
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
    /// Schedulers, any of them: host:port[,host:port…]; 127.0.0.1:7070 when not given
    #[arg(long, env = "KUMI_ENDPOINT", value_delimiter = ',')]
    pub endpoint: Option<Vec<String>>,
    /// Configuration file with endpoints and certificate (docs/security.md); ~/.config/kumi/client.toml when not given
    #[arg(long, env = "KUMI_CLIENT_CONFIG", value_name = "FILE")]
    pub client_config: Option<PathBuf>,
    /// Who asks.
    #[command(flatten)]
    pub tls: TlsArgs,
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
    /// Take samples out of every release of a cohort that is built from now on
    Withdraw {
        /// Number or name
        cohort: String,
        /// Names of samples
        #[arg(required = true)]
        samples: Vec<String>,
        /// They may be in releases again: submit a cohort that names them
        #[arg(long)]
        undo: bool,
        /// Why, for those who ask later
        #[arg(long, default_value = "")]
        reason: String,
        /// Where and how.
        #[command(flatten)]
        remote: Remote,
    },
    /// Remove what there is of samples that have withdrawn: files, segments, releases with them; a certificate stays
    Purge {
        /// Number or name
        cohort: String,
        /// Names of samples; all who have withdrawn when not given
        samples: Vec<String>,
        /// Really: what is removed cannot be brought back
        #[arg(long)]
        yes: bool,
        /// Wait until it is done; the exit code tells how it ended
        #[arg(long)]
        wait: bool,
        /// Where and how.
        #[command(flatten)]
        remote: Remote,
    },
    /// Why tasks are in the state they are in
    Why {
        /// Number or name
        cohort: String,
        /// Only this task, with the arithmetic behind its place: stage[row,column], as the tables show it
        #[arg(conflicts_with = "sample")]
        task: Option<String>,
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
    /// Run a worker on this machine until it is told to stop
    Start(Box<StartArgs>),
    /// All workers
    List {
        /// Where and how.
        #[command(flatten)]
        remote: Remote,
    },
    /// One worker with what it runs
    Show {
        /// Name
        name: String,
        /// Where and how.
        #[command(flatten)]
        remote: Remote,
    },
    /// Give a worker nothing new; what it runs goes on
    #[command(visible_alias = "cordon")]
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
