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
use kumi_qc::report::Report;
use kumi_seq::interval::Interval;
use kumi_sort::metrics::DuplicationMetrics;
use kumi_sort::sorter::{SortError, Sorted};

use super::{WRITTEN, duplication, sorting};
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
    pub(super) sample: &'a str,
    pub(super) targets: &'a [Interval],
    /// How far the task is when the first record comes.
    pub(super) progress: f32,
}

/// What was written.
pub(super) struct Written {
    pub(super) report: Report,
    pub(super) records: u64,
}

/// Writes every record and counts it.
pub(super) fn all(
    context: &Context<'_>,
    target: &Target<'_>,
    mut sorted: Sorted,
    metrics: &[DuplicationMetrics],
    reads: u64,
) -> Result<Written, Fault> {
    let failed = |error: io::Error| writing(context, target.path, error);
    let mut collector = Collector::new(&target.reference.indexed, target.sample, target.targets);
    let file = File::create(target.path).map_err(failed)?;
    let file = BufWriter::with_capacity(BUFFER_BYTES, file);
    let mut writer =
        cram::Writer::new(file, target.header, &target.reference.indexed).map_err(failed)?;
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
            .advance(target.progress, WRITTEN, records, reads);
        chunk = next.map_err(|error| sorting(context, &error))?;
    }
    let file = writer.finish().map_err(failed)?;
    file.into_inner()
        .map_err(|error| failed(error.into_error()))?;
    Ok(Written {
        report: collector.finish(duplication(metrics)),
        records,
    })
}

fn next_chunk(sorted: &mut Sorted) -> Result<Vec<Record>, SortError> {
    sorted.take(CHUNK).collect()
}

/// The disk decides the class; what is wrong with a record is our fault, since it is ours.
fn writing(context: &Context<'_>, path: &Path, source: io::Error) -> Fault {
    let error = StoreError::io("write", path, source);
    Fault::from_error(&heading(context.spec), &error, v1::FailureClass::Internal)
}
