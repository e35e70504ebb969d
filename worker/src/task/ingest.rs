//! Stage `ingest`: the gVCFs of a batch to a segment of each region, and the census of it.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use kumi_index::mapped;
use kumi_joint::{CensusPart, IngestParams, JointError, Params, Segment, ingest, purge};
use kumi_proto::v1;
use kumi_seq::interval::Interval;

use crate::capabilities::VERSION;
use crate::control::Control;
use crate::fault::Fault;
use crate::store::StoreError;
use crate::task::input::Reference;
use crate::task::vcf::bases;
use crate::task::{Context, census};

/// How the names of segments and of their censuses end.
pub(super) const SEGMENT: &str = ".segment.arrow";
pub(super) const CENSUS: &str = ".census.arrow";
/// Progress when the last segment is written.
const INGESTED: f32 = 0.97;

/// The name of the file of a region, the first of which is 0.
pub(super) fn name(region: usize, ending: &str) -> String {
    format!("{:05}{ending}", region + 1)
}

pub(super) fn run(context: &Context<'_>, spec: &v1::IngestSpec) -> Result<v1::Manifest, Fault> {
    let reference = context.reference(spec.reference.as_ref())?;
    let regions = context.intervals(reference.contigs(), &spec.regions)?;
    let from = From::of(context, spec)?;
    let mut publication = context.publication()?;
    let mut done = 0;
    let mut records = 0;
    for (at, region) in regions.iter().enumerate() {
        context.control.check()?;
        let path = publication.stage(&name(at, SEGMENT))?;
        records += match &from {
            From::Gvcfs(gvcfs) => write_segment(context, gvcfs, &reference, *region, &path)?,
            From::Segments(batch) => rewrite(context, batch, &spec.samples, (at, &path))?,
        };
        let counted = publication.stage(&name(at, CENSUS))?;
        write_census(context, &spec.samples, &path, &counted)?;
        done += u64::from(region.len());
        context
            .control
            .advance(0.0, INGESTED, done, bases(&regions));
    }
    context.meter.add(0, bases(&regions));
    Ok(v1::Manifest {
        directory: context.spec.directory.clone(),
        files: publication.publish()?,
        counts: [
            ("records".to_owned(), records),
            ("samples".to_owned(), spec.samples.len() as u64),
        ]
        .into(),
        ..Default::default()
    })
}

/// How everything is ingested.
pub(super) fn params() -> IngestParams {
    IngestParams {
        made_by: format!("kumi {VERSION}"),
        window: None,
    }
}

/// What is read.
enum From {
    Gvcfs(Vec<PathBuf>),
    /// Segments of these samples and others.
    Segments(v1::Batch),
}

impl From {
    /// Segments, where there are some that can be read; else gVCFs.
    fn of(context: &Context<'_>, spec: &v1::IngestSpec) -> Result<Self, Fault> {
        if let Some(source) = &spec.source
            && context.published(source, SEGMENT).is_ok()
        {
            return Ok(Self::Segments(v1::Batch {
                segments: Some(source.clone()),
                excluded: Vec::new(),
            }));
        }
        let gvcfs = spec.gvcfs.iter();
        let gvcfs = gvcfs.map(|manifest| context.published(manifest, ".g.vcf.gz"));
        gvcfs.collect::<Result<_, _>>().map(Self::Gvcfs)
    }
}

/// Writes a segment of `samples` from one that holds others too.
fn rewrite(
    context: &Context<'_>,
    batch: &v1::Batch,
    samples: &[String],
    (region, path): (usize, &Path),
) -> Result<u64, Fault> {
    let from = context.file_of(batch.segments.as_ref(), &name(region, SEGMENT))?;
    let segment = census::open(context, &from)?;
    let held = segment.header().samples.iter();
    let others = held
        .filter(|name| !samples.contains(name))
        .cloned()
        .collect();
    let writing = |error| Fault::from(StoreError::io("write", path, error));
    let file = File::create(path).map_err(writing)?;
    let output = Stoppable::new(BufWriter::new(file), context.control);
    let written = purge(&segment, &others, output);
    context.control.check()?;
    let mut output = written.map_err(|error| context.kernel(&error))?;
    output.flush().map_err(writing)?;
    Ok(0)
}

fn write_segment(
    context: &Context<'_>,
    gvcfs: &[PathBuf],
    reference: &Reference,
    region: Interval,
    path: &Path,
) -> Result<u64, Fault> {
    let writing = |error| Fault::from(StoreError::io("write", path, error));
    let file = File::create(path).map_err(writing)?;
    let output = Stoppable::new(BufWriter::new(file), context.control);
    let written = ingest(gvcfs, &reference.indexed, region, &params(), output);
    context.control.check()?;
    let (mut output, stats) = written.map_err(|error| match error {
        JointError::Sink(error) => writing(error),
        error => context.kernel(&error),
    })?;
    output.flush().map_err(writing)?;
    Ok(stats.records)
}

/// Counts what is in a segment, which reads all of it back.
fn write_census(
    context: &Context<'_>,
    samples: &[String],
    segment: &Path,
    path: &Path,
) -> Result<(), Fault> {
    let bytes = mapped(segment).map_err(|error| StoreError::io("read back", segment, error))?;
    let unsound = |error| context.unsound(segment, crate::fault::chain(&error));
    let read = Segment::open(&segment.to_string_lossy(), bytes).map_err(unsound)?;
    let found: Vec<&String> = read.header().samples.iter().collect();
    if found != samples.iter().collect::<Vec<_>>() {
        let what = format_args!("its samples are {found:?}, not those of the batch");
        return Err(context.bad_input(what));
    }
    let part = CensusPart::segment(&read, |_| true, &Params::default());
    census::write(context, vec![part], path)?;
    Ok(())
}

/// Stops a kernel that writes, when the task is to stop.
pub(super) struct Stoppable<'a, W> {
    output: W,
    control: &'a Control,
}

impl<'a, W> Stoppable<'a, W> {
    pub(super) fn new(output: W, control: &'a Control) -> Self {
        Self { output, control }
    }
}

impl<W: Write> Write for Stoppable<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.control.check().map_err(io::Error::other)?;
        self.output.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}
