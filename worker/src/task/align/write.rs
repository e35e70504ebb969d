//! From the sorter to the CRAM: while one chunk of records is written, it is counted too, and the next is
//! merged.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

use kumi_formats::bam::Record;
use kumi_formats::cram;
use kumi_formats::header::Header;
use kumi_proto::v1;
use kumi_qc::collector::Collector;
use kumi_qc::report::Counts;
use kumi_seq::interval::Interval;
use kumi_sort::region::Region;
use kumi_sort::sorter::{SortError, Sorted};

use super::{WRITTEN, sorting};
use crate::fault::Fault;
use crate::store::StoreError;
use crate::task::input::Reference;
use crate::task::{Context, heading};

/// Records in a chunk.
const CHUNK: usize = 1 << 13;
const BUFFER_BYTES: usize = 1 << 20;

/// Where records go.
pub(super) struct Target<'a> {
    pub(super) path: &'a Path,
    pub(super) header: &'a Header,
    pub(super) reference: &'a Reference,
    pub(super) targets: &'a [Interval],
    /// How far the task is when the first record comes.
    pub(super) progress: f32,
    /// How many records come, or about so many.
    pub(super) expected: u64,
}

/// Writes every record of a sample and counts it: the counts, and the number of records.
pub(super) fn all(
    context: &Context<'_>,
    target: &Target<'_>,
    sorted: Sorted,
) -> Result<(Counts, u64), Fault> {
    let reference = &target.reference.indexed;
    let writer = cram::Writer::new(create(context, target)?, target.header, reference);
    let writer = writer.map_err(|error| writing(context, target.path, error))?;
    let collector = Collector::new(reference, target.targets);
    records(context, target, sorted, writer, collector)
}

/// Writes every record of a region and counts it: the counts, and the number of records. What is written becomes a
/// file when the parts of all regions are joined.
pub(super) fn part(
    context: &Context<'_>,
    target: &Target<'_>,
    sorted: Sorted,
    region: Region,
) -> Result<(Counts, u64), Fault> {
    let reference = &target.reference.indexed;
    let writer = cram::Writer::part(create(context, target)?, target.header, reference);
    let contigs = region.first..region.end.unwrap_or(u32::MAX);
    let collector = Collector::of_part(reference, target.targets, contigs);
    records(context, target, sorted, writer, collector)
}

fn create(context: &Context<'_>, target: &Target<'_>) -> Result<BufWriter<File>, Fault> {
    let file = File::create(target.path);
    let file = file.map_err(|error| writing(context, target.path, error))?;
    Ok(BufWriter::with_capacity(BUFFER_BYTES, file))
}

fn records(
    context: &Context<'_>,
    target: &Target<'_>,
    mut sorted: Sorted,
    mut writer: cram::Writer<'_, BufWriter<File>>,
    mut collector: Collector<'_>,
) -> Result<(Counts, u64), Fault> {
    let failed = |error: io::Error| writing(context, target.path, error);
    let mut records = 0u64;
    let mut chunk = next_chunk(&mut sorted).map_err(|error| sorting(context, &error))?;
    while !chunk.is_empty() {
        context.control.check()?;
        let (next, (written, ())) = rayon::join(
            || next_chunk(&mut sorted),
            || {
                rayon::join(
                    || chunk.iter().try_for_each(|record| writer.write(record)),
                    || {
                        chunk
                            .iter()
                            .for_each(|record| collector.observe(record.view()))
                    },
                )
            },
        );
        written.map_err(failed)?;
        records += chunk.len() as u64;
        context
            .control
            .advance(target.progress, WRITTEN, records, target.expected);
        chunk = next.map_err(|error| sorting(context, &error))?;
    }
    let file = writer.finish().map_err(failed)?;
    file.into_inner()
        .map_err(|error| failed(error.into_error()))?;
    Ok((collector.finish(), records))
}

fn next_chunk(sorted: &mut Sorted) -> Result<Vec<Record>, SortError> {
    sorted.take(CHUNK).collect()
}

/// The disk decides the class; what is wrong with a record is our fault, since it is ours.
pub(super) fn writing(context: &Context<'_>, path: &Path, source: io::Error) -> Fault {
    let error = StoreError::io("write", path, source);
    Fault::from_error(&heading(context.spec), &error, v1::FailureClass::Internal)
}
