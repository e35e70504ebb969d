//! Stage `census`: what the batches of a cohort carry in the regions of a shard, added up.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;

use kumi_index::mapped;
use kumi_joint::{Census, CensusError, Params, Segment, census};
use kumi_proto::v1;

use crate::fault::{Fault, chain};
use crate::store::StoreError;
use crate::task::Context;
use crate::task::ingest::{CENSUS, SEGMENT, name};

pub(super) fn run(context: &Context<'_>, spec: &v1::CensusSpec) -> Result<v1::Manifest, Fault> {
    let mut publication = context.publication()?;
    let mut alleles = 0;
    for region in 0..spec.regions.len() {
        context.control.check()?;
        let census = of_region(context, spec, region)?;
        alleles += census.sites().count() as u64;
        let path = publication.stage(&name(region, CENSUS))?;
        let writing = |error| Fault::from(StoreError::io("write", &path, error));
        let file = File::create(&path).map_err(writing)?;
        let file = census.write(BufWriter::new(file));
        let mut file = file.map_err(|error| context.kernel(&error))?;
        file.flush().map_err(writing)?;
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

/// The sum over the batches, from which those that are excluded are taken away again.
fn of_region(context: &Context<'_>, spec: &v1::CensusSpec, region: usize) -> Result<Census, Fault> {
    let mut sum: Option<Census> = None;
    for batch in &spec.batches {
        let mut census = of_batch(context, batch, region)?;
        if !batch.excluded.is_empty() {
            let path = context.file_of(batch, &name(region, SEGMENT))?;
            let segment = open(context, &path)?;
            let is_excluded = |sample: &str| batch.excluded.iter().any(|name| name == sample);
            let others = self::census(&segment, &Params::default(), is_excluded);
            let others = others.map_err(|error| damaged(context, &path, &error))?;
            census
                .subtract(&others)
                .map_err(|error| damaged(context, &path, &error))?;
        }
        match &mut sum {
            None => sum = Some(census),
            Some(sum) => sum.merge(&census).map_err(|error| context.kernel(&error))?,
        }
    }
    sum.ok_or_else(|| context.internal("the specification names no batch"))
}

fn of_batch(context: &Context<'_>, batch: &v1::Batch, region: usize) -> Result<Census, Fault> {
    let path = context.file_of(batch, &name(region, CENSUS))?;
    let bytes = mapped(&path).map_err(|error| StoreError::io("read", &path, error))?;
    let census: Result<Census, CensusError> = Census::read(&path.to_string_lossy(), bytes);
    census.map_err(|error| damaged(context, &path, &error))
}

/// Opens a segment of the store.
pub(super) fn open(context: &Context<'_>, path: &std::path::Path) -> Result<Segment, Fault> {
    let bytes = mapped(path).map_err(|error| StoreError::io("read", path, error))?;
    let segment = Segment::open(&path.to_string_lossy(), bytes);
    segment.map_err(|error| damaged(context, path, &error))
}

/// What was ingested is not what it was: a retry ingests it again.
fn damaged(
    context: &Context<'_>,
    path: &std::path::Path,
    error: &(dyn std::error::Error + 'static),
) -> Fault {
    context.transient(format_args!(
        "{}: {}; run `kumi cohort retry` to ingest it again",
        path.display(),
        chain(error)
    ))
}

impl Context<'_> {
    /// A file of a batch, which must be as long as when it was published.
    pub(super) fn file_of(&self, batch: &v1::Batch, name: &str) -> Result<PathBuf, Fault> {
        let manifest = batch.segments.clone().unwrap_or_default();
        let files = manifest.files.into_iter();
        let one = v1::Manifest {
            files: files.filter(|file| file.name == name).collect(),
            ..manifest
        };
        self.published(&one, name)
    }
}
