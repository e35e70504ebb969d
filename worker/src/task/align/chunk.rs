//! Stage `chunk`: some reads of a sample to sorted runs; and the runs of all, merged as a whole.

use std::collections::BTreeMap;

use kumi_proto::v1;
use kumi_sort::chunk::{Files, merge};
use kumi_sort::sorter::Sorter;

use super::plan::Plan;
use super::{Input, align, reads, sorting, sorting_params};
use crate::fault::Fault;
use crate::task::Context;

/// The names of a chunk's files.
const RECORDS: &str = "records.run";
const PAIRS: &str = "pairs.run";
const FRAGMENTS: &str = "fragments.run";
const COUNTS: &str = "counts.run";

pub(in crate::task) fn run(
    context: &Context<'_>,
    spec: &v1::ChunkSpec,
) -> Result<v1::Manifest, Fault> {
    let whole = (spec.align.as_ref())
        .ok_or_else(|| context.internal("the specification names no sample"))?;
    let reference = context.reference(whole.reference.as_ref())?;
    let plan = Plan::read(context, spec.cut.as_ref())?;
    let part = plan.parts.get(spec.chunk as usize).ok_or_else(|| {
        context.internal(format_args!(
            "chunk {} of {} is asked for",
            spec.chunk,
            plan.parts.len()
        ))
    })?;
    let mut reader = reads::open_part(context, whole, &reference, part)?;
    let params = sorting_params(context, reader.read_groups());
    let mut sorter = Sorter::numbering_from(params, part.first_template);
    let sizes = Some(&plan.sizes);
    let stats = align(context, &reference, sizes, &mut reader, &mut sorter)?;
    drop(reader);

    let mut publication = context.publication()?;
    let files = Files {
        records: publication.stage(RECORDS)?,
        pairs: publication.stage(PAIRS)?,
        fragments: publication.stage(FRAGMENTS)?,
        counts: publication.stage(COUNTS)?,
    };
    sorter
        .store(&files)
        .map_err(|error| sorting(context, &error))?;
    context.control.check()?;
    let counts = [("reads", stats.reads), ("bases", stats.bases)];
    Ok(v1::Manifest {
        directory: context.spec.directory.clone(),
        files: publication.publish()?,
        counts: BTreeMap::from(counts.map(|(name, count)| (name.to_owned(), count))),
        ..Default::default()
    })
}

/// Merges the runs of all chunks of a sample.
pub(super) fn merged(context: &Context<'_>, spec: &v1::AlignSpec) -> Result<Input, Fault> {
    let read_groups = reads::groups_of_fastq(context, spec)?;
    let chunks = files_of_all(context, spec)?;
    let params = sorting_params(context, &read_groups);
    Ok(Input {
        sorted: merge(&params, &chunks).map_err(|error| sorting(context, &error))?,
        read_groups,
        reads: reads_of_all(spec),
        progress: 0.0,
    })
}

/// The reads of all chunks of a sample.
pub(super) fn reads_of_all(spec: &v1::AlignSpec) -> u64 {
    let count = |chunk: &v1::Manifest| chunk.counts.get("reads").copied().unwrap_or(0);
    spec.chunks.iter().map(count).sum()
}

/// The files of all chunks of a sample.
pub(super) fn files_of_all(
    context: &Context<'_>,
    spec: &v1::AlignSpec,
) -> Result<Vec<Files>, Fault> {
    let chunks = spec.chunks.iter();
    chunks.map(|chunk| files(context, chunk)).collect()
}

fn files(context: &Context<'_>, chunk: &v1::Manifest) -> Result<Files, Fault> {
    Ok(Files {
        records: context.published(chunk, RECORDS)?,
        pairs: context.published(chunk, PAIRS)?,
        fragments: context.published(chunk, FRAGMENTS)?,
        counts: context.published(chunk, COUNTS)?,
    })
}
