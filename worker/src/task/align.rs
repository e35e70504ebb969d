//! Stage `align`: reads to a sorted, duplicate-marked CRAM with its index and quality metrics, in one pass.
//!
//! Reads are aligned and filed in the sorter; what it gives back in order is counted and written at the same
//! time. In latency mode the stages `cut` and `chunk` went before: then the runs that they left are merged instead,
//! or, when the stages `mark` and `merge` did that for regions, what these wrote is joined. What comes out is the
//! same. Every read of the input is in the CRAM exactly once as a primary record, or
//! nothing is published.

pub(super) mod chunk;
pub(super) mod cut;
mod join;
mod plan;
mod reads;
pub(super) mod region;
mod write;

use std::collections::BTreeMap;
use std::path::Path;

use kumi_align::{AlignError, InsertSizes, Params, Stats, align_all, align_part};
use kumi_formats::bam::{Record, flag};
use kumi_formats::header::{Header, ReadGroup, SortOrder};
use kumi_formats::reads::TemplateReader;
use kumi_proto::v1;
use kumi_qc::report::Counts;
use kumi_sort::library::Libraries;
use kumi_sort::metrics::DuplicationMetrics;
use kumi_sort::sorter::{self, SortError, Sorted, Sorter};

use crate::capabilities::VERSION;
use crate::fault::Fault;
use crate::task::input::Reference;
use crate::task::{Context, heading, validate};

/// Distance at which duplicates on a tile are optical: Picard's default.
const OPTICAL_DISTANCE: u32 = 100;
/// The least memory a sorter gets, in bytes.
const SORTER_BYTES_MIN: u64 = 64 << 20;
/// Progress when the last read is aligned.
const ALIGNED: f32 = 0.7;
/// … and when the last record is written.
const WRITTEN: f32 = 0.95;

pub(super) fn run(context: &Context<'_>, spec: &v1::AlignSpec) -> Result<v1::Manifest, Fault> {
    let reference = context.reference(spec.reference.as_ref())?;
    let mut publication = context.publication()?;
    let name = format!("{}.cram", spec.sample);
    let cram = publication.stage(&name)?;
    let made = if spec.parts.is_empty() {
        written(context, spec, &reference, &cram)?
    } else {
        join::all(context, spec, &reference, &cram)?
    };
    let crai = publication.stage_beside(&name, "crai")?;
    validate::index_cram(context, &cram, &crai)?;
    let optical: u64 = (made.duplication.iter())
        .map(|library| 2 * library.read_pair_optical_duplicates)
        .sum();
    let duplication = duplication(&made.duplication);
    let report = (made.counts).report(&spec.sample, reference.contigs(), duplication);
    for (name, content) in report.files() {
        publication.stage_bytes(&format!("qc/{name}"), &content)?;
    }
    let totals = report.totals();
    if totals.reads != made.reads {
        return Err(context.internal(format_args!(
            "{} reads went in and {} came out",
            made.reads, totals.reads
        )));
    }
    validate::cram(context, &cram, &made.header, &reference, made.records)?;
    context.control.check()?;
    let files = publication.publish()?;
    let counts = [
        ("reads", totals.reads),
        ("bases", totals.bases),
        ("mapped", totals.mapped),
        ("properly_paired", totals.properly_paired),
        ("duplicates", totals.duplicates),
        ("optical_duplicates", optical),
        ("records", made.records),
        ("depth_milli", (totals.mean_depth * 1000.0).round() as u64),
    ];
    Ok(v1::Manifest {
        directory: context.spec.directory.clone(),
        files,
        counts: BTreeMap::from(counts.map(|(name, count)| (name.to_owned(), count))),
        ..Default::default()
    })
}

/// A CRAM that was made, and what is known of it.
struct Made {
    header: Header,
    counts: Counts,
    duplication: Vec<DuplicationMetrics>,
    records: u64,
    /// Reads that went in.
    reads: u64,
}

/// Writes the CRAM of a sample from its reads, or from the chunks that they were aligned in.
fn written(
    context: &Context<'_>,
    spec: &v1::AlignSpec,
    reference: &Reference,
    cram: &Path,
) -> Result<Made, Fault> {
    let targets = context.intervals(reference.contigs(), &spec.targets)?;
    let input = if spec.chunks.is_empty() {
        aligned(context, spec, reference)?
    } else {
        chunk::merged(context, spec)?
    };
    let header = header(reference, &input.read_groups);
    let duplication = input.sorted.metrics();
    let target = write::Target {
        path: cram,
        header: &header,
        reference,
        targets: &targets,
        progress: input.progress,
        expected: input.reads,
    };
    let (counts, records) = write::all(context, &target, input.sorted)?;
    Ok(Made {
        header,
        counts,
        duplication,
        records,
        reads: input.reads,
    })
}

fn header(reference: &Reference, read_groups: &[ReadGroup]) -> Header {
    let contigs = reference.contigs();
    Header::build(contigs, read_groups, VERSION, SortOrder::Coordinate)
}

/// The records of a sample on their way to the CRAM.
struct Input {
    sorted: Sorted,
    read_groups: Vec<ReadGroup>,
    /// Reads that went in.
    reads: u64,
    /// How far the task is when the first record is written.
    progress: f32,
}

/// Aligns all reads of a sample.
fn aligned(
    context: &Context<'_>,
    spec: &v1::AlignSpec,
    reference: &Reference,
) -> Result<Input, Fault> {
    let mut reader = reads::open(context, spec, reference)?;
    let read_groups = reader.read_groups().to_vec();
    let mut sorter = Sorter::new(sorting_params(context, &read_groups));
    let stats = align(context, reference, None, &mut reader, &mut sorter)?;
    drop(reader);
    Ok(Input {
        sorted: sorter.finish().map_err(|error| sorting(context, &error))?,
        read_groups,
        reads: stats.reads,
        progress: ALIGNED,
    })
}

fn sorting_params(context: &Context<'_>, read_groups: &[ReadGroup]) -> sorter::Params {
    sorter::Params {
        memory_bytes: sorter_bytes(context.spec.memory_bytes),
        scratch: context.scratch.to_owned(),
        libraries: Libraries::new(read_groups),
        optical_distance: OPTICAL_DISTANCE,
    }
}

/// Half of what the task may use: the other half is for reads on their way, the writer and the metrics.
fn sorter_bytes(memory_bytes: u64) -> usize {
    usize::try_from((memory_bytes / 2).max(SORTER_BYTES_MIN)).unwrap_or(usize::MAX)
}

enum SinkError {
    Sort(SortError),
    Stopped(Fault),
}

/// Aligns what the reader gives. Of a part of a sample the insert sizes are known.
fn align(
    context: &Context<'_>,
    reference: &Reference,
    sizes: Option<&InsertSizes>,
    reader: &mut TemplateReader,
    sorter: &mut Sorter,
) -> Result<Stats, Fault> {
    let sink = |records: Vec<Record>| {
        context.control.check().map_err(SinkError::Stopped)?;
        count(context, &records);
        sorter.push_batch(records).map_err(SinkError::Sort)
    };
    let (index, params) = (reference.index(), Params::default());
    let aligned = match sizes {
        None => align_all(index, &params, reader, sink),
        Some(sizes) => align_part(index, &params, sizes, reader, sink),
    };
    aligned.map_err(|error| match error {
        AlignError::Reads(error) => context.kernel(&error),
        AlignError::Sink(SinkError::Sort(error)) => sorting(context, &error),
        AlignError::Sink(SinkError::Stopped(fault)) => fault,
    })
}

/// Counts primary records: those are the reads.
fn count(context: &Context<'_>, records: &[Record]) {
    let (mut reads, mut bases) = (0, 0);
    for record in records.iter().map(Record::view) {
        if record.flags() & (flag::SECONDARY | flag::SUPPLEMENTARY) == 0 {
            reads += 1;
            bases += record.read_length() as u64;
        }
    }
    context.meter.add(reads, bases);
}

/// Sorting fails by the scratch disk, never by the reads.
fn sorting(context: &Context<'_>, error: &SortError) -> Fault {
    Fault::from_error(&heading(context.spec), error, v1::FailureClass::Transient)
}

fn duplication(metrics: &[DuplicationMetrics]) -> Vec<kumi_qc::duplication::Duplication> {
    metrics
        .iter()
        .map(|library| kumi_qc::duplication::Duplication {
            library: library.library.clone(),
            unpaired_reads_examined: library.unpaired_reads_examined,
            read_pairs_examined: library.read_pairs_examined,
            secondary_or_supplementary_reads: library.secondary_or_supplementary_reads,
            unmapped_reads: library.unmapped_reads,
            unpaired_read_duplicates: library.unpaired_read_duplicates,
            read_pair_duplicates: library.read_pair_duplicates,
            read_pair_optical_duplicates: library.read_pair_optical_duplicates,
            percent_duplication: library.duplication(),
            estimated_library_size: library.estimated_library_size(),
        })
        .collect()
}
