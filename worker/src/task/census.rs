//! Stage `census`: what the batches of a cohort carry in the regions of a shard, added up; or added to what was before.

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
        let addends = Addends::open(context, spec, region).map_err(|fault| begun(spec, fault))?;
        let path = publication.stage(&name(region, CENSUS))?;
        let counted = write(context, addends.parts(), &path);
        alleles += counted.map_err(|fault| begun(spec, fault))?;
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

/// What a census begins from may be at fault: the scheduler has all batches added up next.
fn begun(spec: &v1::CensusSpec, fault: Fault) -> Fault {
    if spec.base.is_none() || fault.class == v1::FailureClass::Stopped {
        return fault;
    }
    let message = format!("{fault}; the next attempt does not begin from an earlier census");
    let class = match fault.class {
        // Not of what was submitted: a store that denies it, for example.
        v1::FailureClass::BadInput => v1::FailureClass::Transient,
        class => class,
    };
    Fault::new(class, message)
}

/// What the census of a region is the sum of.
struct Addends {
    /// An earlier sum, and the batches that it does not have.
    added: Vec<Census>,
    /// Segments that have the part of those who are taken away again.
    taken: Vec<(Segment, Vec<String>)>,
}

impl Addends {
    fn open(context: &Context<'_>, spec: &v1::CensusSpec, region: usize) -> Result<Self, Fault> {
        let census = |manifest: Option<&v1::Manifest>| {
            let path = context.file_of(manifest, &name(region, CENSUS))?;
            open_census(context, &path)
        };
        let base = spec.base.as_ref().map(Some);
        let batches = spec.batches.iter().map(|batch| batch.segments.as_ref());
        let added = base.into_iter().chain(batches).map(census);
        let part = |batch: &v1::Batch| {
            let path = context.file_of(batch.segments.as_ref(), &name(region, SEGMENT))?;
            Ok((open(context, &path)?, batch.excluded.clone()))
        };
        let taken = spec.batches.iter().chain(&spec.withdrawn);
        let taken = taken.filter(|batch| !batch.excluded.is_empty());
        Ok(Self {
            added: added.collect::<Result<_, Fault>>()?,
            taken: taken.map(part).collect::<Result<_, Fault>>()?,
        })
    }

    fn parts(&self) -> Vec<CensusPart<'_>> {
        let added = self.added.iter().map(CensusPart::census);
        let taken = self.taken.iter().map(|(segment, names)| {
            let is_taken = |sample: &str| names.iter().any(|name| name == sample);
            CensusPart::segment(segment, is_taken, &Params::default()).taken_away()
        });
        added.chain(taken).collect()
    }
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
