//! `kumi kernel ingest`: gVCFs to segments of the cohort store.

use std::fs;
use std::io;
use std::sync::Arc;

use kumi_joint::{IngestParams, JointError, ingest};
use kumi_worker::indexed::Indexed;

use crate::args::IngestArgs;
use crate::command::kernel::{regions, segments, wrong_input};
use crate::command::reference;
use crate::exit::{Code, Exit};
use crate::publish::Partial;
use crate::table::{count, counted};
use crate::threads;

/// Runs the command.
///
/// # Errors
/// See [`crate::command::kernel::run`].
pub(crate) fn run(args: &IngestArgs) -> anyhow::Result<()> {
    let index = Arc::new(reference::open(&args.reference)?);
    index
        .verify_bases()
        .map_err(|error| reference::unusable(&error))?;
    let source = Indexed(Arc::clone(&index));
    let regions = regions(args.regions.as_deref(), index.contigs())?;
    let params = IngestParams {
        made_by: format!("kumi {}", env!("CARGO_PKG_VERSION")),
        window: None,
    };
    fs::create_dir_all(&args.output).map_err(|error| {
        let message = format!("{}: {error}", args.output.display());
        Exit::new(Code::CannotCreate, message)
    })?;
    let pool = threads::pool(args.threads)?;
    let mut records = 0;
    for (number, region) in regions.iter().enumerate() {
        let path = args
            .output
            .join(format!("{:05}{}", number + 1, segments::ENDING));
        let failed = |error: io::Error| Exit::new(Code::Io, format!("{}: {error}", path.display()));
        let (partial, file) = Partial::create(&path)?;
        let done = pool.install(|| ingest(&args.gvcfs, &source, *region, &params, file));
        let (file, stats) = done.map_err(|error| match error {
            JointError::Sink(error) => failed(error),
            error => wrong_input(&error),
        })?;
        partial.publish(file, None)?;
        records += stats.records;
    }
    eprintln!(
        "{}, {}, {} records",
        counted(args.gvcfs.len() as u64, "sample"),
        counted(regions.len() as u64, "segment"),
        count(records)
    );
    Ok(())
}
