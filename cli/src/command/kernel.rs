//! `kumi kernel`: one kernel on one machine, on plain files.

mod align;
mod call;
mod census;
pub(crate) mod cohort;
mod ingest;
pub(crate) mod joint;
mod purge;
pub(crate) mod segments;

use std::error::Error;
use std::io;
use std::path::Path;

use kumi_formats::bed;
use kumi_seq::contig::Contigs;
use kumi_seq::interval::Interval;

use crate::args::KernelCommand;
use crate::exit::{Code, Exit};

/// Runs the command.
///
/// # Errors
/// 65 for data that are wrong, 66 for files that are missing, 73 or 74 for an output that cannot be written.
pub fn run(command: KernelCommand) -> anyhow::Result<()> {
    match command {
        KernelCommand::Align(args) => align::run(&args),
        KernelCommand::Call(args) => call::run(&args),
        KernelCommand::Ingest(args) => ingest::run(&args),
        KernelCommand::Joint(args) => joint::run(&args),
        KernelCommand::Census(args) => census::run(&args),
        KernelCommand::Purge(args) => purge::run(&args),
    }
}

/// The regions of a BED file, or everything.
fn regions(bed: Option<&Path>, contigs: &Contigs) -> Result<Vec<Interval>, Exit> {
    match bed {
        None => Ok(contigs.whole()),
        Some(path) => bed::read(path, contigs).map_err(|error| wrong_input(&error)),
    }
}

/// A kernel's error with the code it means: 66 when a file is missing, else 65.
fn wrong_input(error: &(dyn Error + 'static)) -> Exit {
    Exit::new(code(error), kumi_worker::fault::chain(error))
}

fn code(error: &(dyn Error + 'static)) -> Code {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            return match io.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => Code::MissingInput,
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => Code::BadInput,
                _ => Code::Io,
            };
        }
        next = cause.source();
    }
    Code::BadInput
}
