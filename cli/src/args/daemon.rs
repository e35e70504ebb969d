//! The command lines of the daemons.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::args::certs::TlsArgs;
use crate::args::units::{parse_bytes, parse_duration};

/// How a daemon logs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON document a line.
    Json,
}

/// `kumi scheduler`.
///
/// Flags override the environment (`KUMI_SCHEDULER__LISTEN` for `listen`), which overrides the file,
/// which overrides the defaults. SIGTERM and SIGINT stop it cleanly; nothing is lost when it is killed.
#[derive(Debug, Args)]
pub struct SchedulerArgs {
    /// Configuration file (docs/operations.md); examples/three-nodes has three
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// Check the configuration and exit: 0 in order, 78 not
    #[arg(long)]
    pub check_config: bool,
    /// Print the configuration as it holds, defaults included, and exit
    #[arg(long)]
    pub print_config: bool,
    /// This node's number, from 1
    #[arg(long)]
    pub id: Option<u64>,
    /// Name of the cluster
    #[arg(long)]
    pub cluster: Option<String>,
    /// address:port for clients, workers and the other schedulers
    #[arg(long)]
    pub listen: Option<String>,
    /// host:port under which the others reach it
    #[arg(long)]
    pub advertise: Option<String>,
    /// address:port of /metrics, /healthz and /readyz
    #[arg(long)]
    pub metrics_listen: Option<String>,
    /// Found no cluster: wait until one takes this node in (kumi cluster add)
    #[arg(long)]
    pub join: bool,
    /// Folder of the log and the snapshots, on a local disk
    #[arg(long)]
    pub data_dir: Option<PathBuf>,
    /// Who it is.
    #[command(flatten)]
    pub tls: TlsArgs,
    /// How to log, on standard error; KUMI_LOG says what: a level, as `debug`
    #[arg(long, value_enum, default_value_t)]
    pub log_format: LogFormat,
}

/// `kumi worker start`.
///
/// Flags override the environment, which overrides the file, which overrides the defaults. SIGTERM and SIGINT drain the worker: what runs is
/// finished, nothing new is taken; a second signal stops at once. Nothing is lost when it is killed.
#[derive(Debug, Args)]
pub struct StartArgs {
    /// Configuration file (docs/operations.md)
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// Check the configuration and exit: 0 in order, 78 not
    #[arg(long)]
    pub check_config: bool,
    /// Print the configuration as it holds, defaults included, and exit
    #[arg(long)]
    pub print_config: bool,
    /// Schedulers, any of them: host:port[,host:port…]; 127.0.0.1:7070 when not given
    #[arg(long, env = "KUMI_ENDPOINT", value_delimiter = ',')]
    pub endpoint: Option<Vec<String>>,
    /// Name, unique in the cluster; the host's name when not given
    #[arg(long, env = "KUMI_WORKER__NAME")]
    pub name: Option<String>,
    /// Cores to offer; all of this machine when not given
    #[arg(long, env = "KUMI_WORKER__CORES", value_parser = clap::value_parser!(u32).range(1..))]
    pub cores: Option<u32>,
    /// Memory to offer, as 64GiB; nine tenths of this machine's, or of its control group's, when not given
    #[arg(long, env = "KUMI_WORKER__MEMORY", value_parser = parse_bytes)]
    pub memory: Option<u64>,
    /// Labels of its own, for cohorts that ask for them (`[cohort] require`): LABEL[,LABEL…]
    #[arg(long, env = "KUMI_WORKER__LABELS", value_delimiter = ',')]
    pub label: Option<Vec<String>>,
    /// Folder for temporary files, on a fast local disk; the system's when not given
    #[arg(long, env = "KUMI_WORKER__SCRATCH")]
    pub scratch: Option<PathBuf>,
    /// What may lie on the scratch of what was fetched and spilled, as 800GiB; eight tenths of what is free when not given
    #[arg(long, env = "KUMI_WORKER__SCRATCH_LIMIT", value_parser = parse_bytes)]
    pub scratch_limit: Option<u64>,
    /// Serve /metrics on this address:port
    #[arg(long, env = "KUMI_WORKER__METRICS_ADDRESS")]
    pub metrics_address: Option<SocketAddr>,
    /// Where it belongs.
    #[command(flatten)]
    pub pool: PoolArgs,
    /// How often to report when nothing happens, 1s when not given; the scheduler may ask for another pace
    #[arg(long, env = "KUMI_WORKER__REPORT_INTERVAL", value_parser = parse_duration)]
    pub report_interval: Option<Duration>,
    /// Who it is.
    #[command(flatten)]
    pub tls: TlsArgs,
    /// How to log, on standard error; KUMI_LOG says what: a level, as `debug`
    #[arg(long, value_enum, default_value_t)]
    pub log_format: LogFormat,
}

/// What a scheduler tells the workers that it has from the site's own engine (docs/pools.md).
#[derive(Debug, Default, Args)]
pub struct PoolArgs {
    /// The pool that the worker is of
    #[arg(long, env = "KUMI_WORKER__POOL")]
    pub pool: Option<String>,
    /// The request that it came of
    #[arg(
        long,
        env = "KUMI_WORKER__POOL_REQUEST",
        requires = "pool",
        default_value_t = 0
    )]
    pub pool_request: u64,
    /// As what the site has it; from SLURM_JOB_ID and what belongs to it when not given
    #[arg(long, env = "KUMI_WORKER__POOL_JOB")]
    pub pool_job: Option<String>,
    /// How long it goes on with what it runs when SIGTERM or SIGINT tell it to end
    #[arg(long, env = "KUMI_WORKER__GRACE", value_parser = parse_duration, default_value = "20s")]
    pub grace: Duration,
    /// How long the site lets it run, where the site does not say when it ends
    #[arg(long, env = "KUMI_WORKER__TIME_LIMIT", value_parser = parse_duration)]
    pub time_limit: Option<Duration>,
    /// When the site ends it, seconds since 1970
    #[arg(long, env = "KUMI_WORKER__ENDS_AT")]
    pub ends_at: Option<u64>,
}
