//! The command line of `kumi run`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use crate::args::OutputFormat;
use crate::cohort_file::OnBadSampleSetting;

/// `kumi run`.
///
/// Everything happens in this process: a scheduler (a cluster of one, with the same replicated log),
/// one worker, local files. Stop it with Ctrl-C and run it again: what is done is not done again.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The cohort file (docs/cohort-file.md)
    pub cohort: PathBuf,
    /// Where everything goes, a folder or s3://bucket/prefix; `kumi-out` beside the cohort file when not given
    #[arg(long)]
    pub output_dir: Option<PathBuf>,
    /// Cores to use; all when not given. Results do not depend on it
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub threads: Option<u32>,
    /// What becomes of the cohort when a sample's data are bad; overrides the cohort file
    #[arg(long, value_enum)]
    pub on_bad_sample: Option<OnBadSampleSetting>,
    /// Serve /metrics on this address while it runs: 127.0.0.1:7071
    #[arg(long)]
    pub metrics_address: Option<SocketAddr>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    pub output: OutputFormat,
}
