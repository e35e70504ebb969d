//! Stage `census`: what the batches of a cohort carry in the regions of a shard, added up.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use kumi_index::mapped;
use kumi_joint::{Census, CensusError, CensusPart, Params, Segment, add_up};
use kumi_proto::v1;

use crate::fault::{Fault, chain};
use crate::store::StoreError;
use crate::task::Context;
use crate::task::ingest::{CENSUS, SEGMENT, Stoppable, name};

pub(super) fn run(context: &Context<'_>, spec: &v1::CensusSpec) -> Result<v1::Manifest, Fault> {
    let mut publication = context.publication()?;
    let mut alleles = 0;
    for region in 0..spec.regions.len() {
        context.control.check()?;
        let batches = opened(context, &spec.batches, region)?;
        let path = publication.stage(&name(region, CENSUS))?;
        alleles += write(context, parts(&batches), &path)?;
        let (done, all) = (region as u64 + 1, spec.regions.len() as u64);
        context.control.advance(0.0, 1.0, done, all);
    }
    Ok(v1::Manifest {
        directory: context.spec.directory.clone(),
        files: publication.publish()?,
        counts: [("alleles".to_owned(), alleles)].into(),
        ..Default::default()
    })
}

/// The census of a batch, and the segment that has the part of those who are excluded.
pub(super) struct Counted {
    census: Census,
    excluded: Option<(Segment, Vec<String>)>,
}

/// What was counted of the batches in a region.
pub(super) fn opened(
    context: &Context<'_>,
    batches: &[v1::Batch],
    region: usize,
) -> Result<Vec<Counted>, Fault> {
    let batch = |batch: &v1::Batch| {
        let path = context.file_of(batch.segments.as_ref(), &name(region, CENSUS))?;
        let census = open_census(context, &path)?;
        let excluded = if batch.excluded.is_empty() {
            None
        } else {
            let path = context.file_of(batch.segments.as_ref(), &name(region, SEGMENT))?;
            Some((open(context, &path)?, batch.excluded.clone()))
        };
        Ok(Counted { census, excluded })
    };
    batches.iter().map(batch).collect()
}

/// The sum over the batches, from which those that are excluded are taken away again.
pub(super) fn parts(batches: &[Counted]) -> Vec<CensusPart<'_>> {
    let mut parts = Vec::new();
    for Counted { census, excluded } in batches {
        parts.push(CensusPart::census(census));
        if let Some((segment, names)) = excluded {
            let is_excluded = |sample: &str| names.iter().any(|name| name == sample);
            let part = CensusPart::segment(segment, is_excluded, &Params::default());
            parts.push(part.taken_away());
        }
    }
    parts
}

/// Writes the sum of parts; how many alleles enter the cohort.
pub(super) fn write(
    context: &Context<'_>,
    parts: Vec<CensusPart<'_>>,
    path: &Path,
) -> Result<u64, Fault> {
    let writing = |error| Fault::from(StoreError::io("write", path, error));
    let file = File::create(path).map_err(writing)?;
    let output = Stoppable::new(BufWriter::new(file), context.control);
    let written = add_up(parts, output);
    context.control.check()?;
    let counted = written.map_err(|error| damaged(context, path, &error))?;
    let mut counted =
        counted.ok_or_else(|| context.internal("the specification names no batch"))?;
    counted.output.flush().map_err(writing)?;
    Ok(counted.alleles)
}

/// Opens the census of a batch or of a cohort.
pub(super) fn open_census(context: &Context<'_>, path: &Path) -> Result<Census, Fault> {
    let bytes = mapped(path).map_err(|error| StoreError::io("read", path, error))?;
    let census: Result<Census, CensusError> = Census::open(&path.to_string_lossy(), bytes);
    census.map_err(|error| damaged(context, path, &error))
}

/// Opens a segment of the store.
pub(super) fn open(context: &Context<'_>, path: &Path) -> Result<Segment, Fault> {
    let bytes = mapped(path).map_err(|error| StoreError::io("read", path, error))?;
    let segment = Segment::open(&path.to_string_lossy(), bytes);
    segment.map_err(|error| damaged(context, path, &error))
}

/// What was ingested is not what it was: a retry ingests it again.
fn damaged(context: &Context<'_>, path: &Path, error: &(dyn std::error::Error + 'static)) -> Fault {
    context.transient(format_args!(
        "{}: {}; run `kumi cohort retry` to ingest it again",
        path.display(),
        chain(error)
    ))
}

impl Context<'_> {
    /// A file of what was ingested or counted, which must be as long as when it was published.
    pub(super) fn file_of(
        &self,
        manifest: Option<&v1::Manifest>,
        name: &str,
    ) -> Result<PathBuf, Fault> {
        let manifest = manifest.cloned().unwrap_or_default();
        let files = manifest.files.into_iter();
        let one = v1::Manifest {
            files: files.filter(|file| file.name == name).collect(),
            ..manifest
        };
        self.published(&one, name)
    }
}
