//! `kumi reference`: indexes, built and checked.

use std::ops::ControlFlow;
use std::path::Path;

use kumi_formats::{alt, fasta};
use kumi_index::{Index, OpenError};
use serde_json::json;

use crate::args::{OutputFormat, ReferenceCommand};
use crate::exit::{Code, Exit};
use crate::print;
use crate::table::{Table, count};
use crate::threads;

/// Runs the command.
///
/// # Errors
/// 65 for a file that is wrong, 66 for one that is missing, 73 for an output that cannot be written.
pub fn run(command: ReferenceCommand) -> anyhow::Result<()> {
    match command {
        ReferenceCommand::Build {
            fasta,
            output,
            threads,
        } => build(&fasta, &output, threads),
        ReferenceCommand::Verify { index } => {
            open(&index)?
                .verify()
                .map_err(|error| Exit::new(Code::BadInput, error.to_string()))?;
            eprintln!("{}: every byte is as it was written", index.display());
            Ok(())
        }
        ReferenceCommand::Show { index, output } => show(&index, output),
    }
}

/// Opens an index for any command that needs one.
pub(crate) fn open(path: &Path) -> Result<Index, Exit> {
    Index::open(path).map_err(|error| unusable(&error))
}

/// Why an index cannot be used, with the code it means.
pub(crate) fn unusable(error: &OpenError) -> Exit {
    let code = match error {
        OpenError::Io { .. } => Code::MissingInput,
        OpenError::Version { .. } => Code::Configuration,
        _ => Code::BadInput,
    };
    Exit::new(code, kumi_worker::fault::chain(error))
}

fn build(path: &Path, output: &Path, threads: Option<usize>) -> anyhow::Result<()> {
    let sequences = alt::read(path).map_err(|error| match &error {
        fasta::FastaError::Io { source, .. } => {
            Exit::new(Code::MissingInput, format!("{error}: {source}"))
        }
        fasta::FastaError::Syntax { .. } => Exit::new(Code::BadInput, error.to_string()),
    })?;
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    threads::pool(threads)?
        .install(|| {
            let step = |_| ControlFlow::Continue(());
            kumi_index::build(&sequences, &name, output, &step)
        })
        .map_err(|error| Exit::new(Code::CannotCreate, error.to_string()))?;
    let index = open(output)?;
    eprintln!(
        "{}: {} contigs, {} bases, {} bytes, digest {}",
        output.display(),
        count(index.contigs().len() as u64),
        count(index.contigs().total_length()),
        count(index.size()),
        index.digest()
    );
    Ok(())
}

fn show(path: &Path, output: OutputFormat) -> anyhow::Result<()> {
    let index = open(path)?;
    let contigs: Vec<_> = index
        .contigs()
        .as_slice()
        .iter()
        .map(|contig| json!({ "name": contig.name, "length": contig.length, "md5": contig.m5() }))
        .collect();
    let value = json!({ "name": index.name(), "digest": index.digest(), "size": index.size(), "contigs": contigs });
    print::one(output, &value, || {
        let mut table = Table::new(&["contig", "length", "md5"]);
        for contig in index.contigs().as_slice() {
            table.row(vec![
                contig.name.clone(),
                count(contig.length.into()),
                contig.m5(),
            ]);
        }
        format!(
            "{}, digest {}\n{}",
            index.name(),
            index.digest(),
            table.render()
        )
    });
    Ok(())
}
