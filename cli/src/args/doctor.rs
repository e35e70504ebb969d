//! `kumi doctor`.

use std::path::PathBuf;

use clap::Args;

use crate::args::Remote;

/// `kumi doctor`.
///
/// Changes nothing: what it writes to try a folder it removes. Needs no root.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Configuration of a worker or a scheduler that is to run here, told by its section; may be given more than once
    #[arg(long, value_name = "FILE")]
    pub config: Vec<PathBuf>,
    /// Folder for temporary files; that of the worker's configuration or the system's when not given
    #[arg(long, value_name = "DIR")]
    pub scratch: Option<PathBuf>,
    /// Folder on the shared filesystem, or s3://bucket/prefix, to which cohorts are written; may be given more than once
    #[arg(long, value_name = "PLACE")]
    pub store: Vec<PathBuf>,
    /// Where and how.
    #[command(flatten)]
    pub remote: Remote,
}
