//! What the stage `merge` wrote of the regions of a sample, joined.

use std::fs::File;
use std::io::{self, BufReader, BufWriter};
use std::path::Path;

use kumi_formats::cram;
use kumi_proto::v1;
use kumi_qc::report::Counts;
use kumi_sort::library::Libraries;
use kumi_sort::mark;

use super::chunk::{files_of_all, reads_of_all};
use super::region::{COUNTS, PART, marks_of_all};
use super::write::writing;
use super::{Made, WRITTEN, header, reads, sorting};
use crate::fault::Fault;
use crate::task::Context;
use crate::task::input::Reference;

const BUFFER_BYTES: usize = 1 << 20;

/// Joins the parts of all regions to the CRAM, and adds up what was counted.
pub(super) fn all(
    context: &Context<'_>,
    spec: &v1::AlignSpec,
    reference: &Reference,
    to: &Path,
) -> Result<Made, Fault> {
    let read_groups = &reads::groups_of_fastq(context, spec)?;
    let chunks = files_of_all(context, spec)?;
    let marks = marks_of_all(context, spec)?;
    let duplication = mark::duplication(&Libraries::new(read_groups), &chunks, &marks)
        .map_err(|error| sorting(context, &error))?;
    let header = header(reference, read_groups);
    let failed = |error: io::Error| writing(context, to, error);
    let file = File::create(to).map_err(failed)?;
    let file = BufWriter::with_capacity(BUFFER_BYTES, file);
    let mut joiner = cram::Joiner::new(file, &header).map_err(failed)?;
    let reads = reads_of_all(spec);
    let mut counts: Option<Counts> = None;
    let mut records = 0;
    for manifest in &spec.parts {
        let part = counted(context, spec, reference, manifest)?;
        match &mut counts {
            None => counts = Some(part),
            Some(counts) => *counts += &part,
        }
        let path = context.published(manifest, PART)?;
        let open = File::open(&path).map_err(|error| unusable(context, &path, &error))?;
        let mut part = BufReader::with_capacity(BUFFER_BYTES, open);
        loop {
            context.control.check()?;
            let appended = joiner.append(&mut part);
            let Some(more) = appended.map_err(|error| unusable(context, &path, &error))? else {
                break;
            };
            records += more;
            context.control.advance(0.0, WRITTEN, records, reads);
        }
    }
    let file = joiner.finish().map_err(failed)?;
    file.into_inner()
        .map_err(|error| failed(error.into_error()))?;
    Ok(Made {
        header,
        counts: counts.ok_or_else(|| context.internal("the specification names no parts"))?,
        duplication,
        records,
        reads,
    })
}

/// What was counted of a region.
fn counted(
    context: &Context<'_>,
    spec: &v1::AlignSpec,
    reference: &Reference,
    manifest: &v1::Manifest,
) -> Result<Counts, Fault> {
    let (path, bytes) = context.published_bytes(manifest, COUNTS)?;
    let contigs = reference.contigs().len();
    let counts = Counts::decode(&bytes, contigs, !spec.targets.is_empty());
    counts.map_err(|error| unusable(context, &path, &error))
}

fn unusable(context: &Context<'_>, path: &Path, error: &dyn std::error::Error) -> Fault {
    context.transient(format_args!(
        "{} cannot be used: {error}; if it is damaged or gone, run `kumi cohort retry`",
        path.display()
    ))
}
