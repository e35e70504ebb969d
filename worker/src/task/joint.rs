//! Stage `joint`: what was ingested of a cohort to the genotypes of one shard, or what was counted of it to the sites.

mod chunk;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use kumi_formats::vcf::Record;
use kumi_joint::output::{Called, vcf};
use kumi_joint::{
    Census, JointError, Params, Segment, joint_censuses, joint_segments_with, joint_with,
};
use kumi_proto::v1;
use kumi_seq::interval::Interval;

use crate::capabilities::VERSION;
use crate::fault::Fault;
use crate::store::Publication;
use crate::task::Context;
use crate::task::census;
use crate::task::ingest::{CENSUS, SEGMENT, name};
use crate::task::input::Reference;
use crate::task::vcf::{Expected, Progress, Staged, bases, without_samples};

/// Progress when the last record is written.
const GENOTYPED: f32 = 0.97;
/// How the name of a cohort VCF ends, and that of its sites.
pub(super) const VCF: &str = ".vcf.gz";
pub(super) const SITES: &str = ".sites.vcf.gz";

/// Under the names of a manifest.
type Counts = BTreeMap<String, u64>;

pub(super) fn run(context: &Context<'_>, spec: &v1::JointSpec) -> Result<v1::Manifest, Fault> {
    let reference = context.reference(spec.reference.as_ref())?;
    let regions = context.intervals(reference.contigs(), &spec.regions)?;
    let mut samples = spec.samples.clone();
    samples.sort();
    let shard = Shard {
        context,
        spec,
        reference: &reference,
        regions,
        header: kumi_joint::header(reference.contigs(), &reference.name, &samples, VERSION),
        samples,
        params: Params::default(),
    };
    let mut publication = context.publication()?;
    let mut counts = match (&spec.census, &spec.chunk) {
        (Some(_), _) => shard.sites(&mut publication)?,
        (None, Some(chunk)) => shard.chunk(&mut publication, chunk)?,
        (None, None) => shard.vcf(&mut publication)?,
    };
    counts.insert("samples".to_owned(), spec.samples.len() as u64);
    context.control.check()?;
    Ok(v1::Manifest {
        directory: context.spec.directory.clone(),
        files: publication.publish()?,
        counts,
        ..Default::default()
    })
}

/// A shard of a cohort.
struct Shard<'a> {
    context: &'a Context<'a>,
    spec: &'a v1::JointSpec,
    reference: &'a Reference,
    regions: Vec<Interval>,
    /// In order of their names.
    samples: Vec<String>,
    /// Of a cohort VCF.
    header: String,
    params: Params,
}

impl Shard<'_> {
    /// Writes the genotypes as a part of a cohort VCF.
    fn vcf(&self, publication: &mut Publication) -> Result<Counts, Fault> {
        let (context, contigs) = (self.context, self.reference.contigs());
        let staged = Staged::new(publication, &format!("{}{VCF}", self.spec.cohort))?;
        let mut writer = staged.create(context, &self.header, contigs)?;
        let (progress, params) = (self.progress(), &self.params);
        self.genotype(
            |called| vcf::record(called, params),
            |records| writer.write_batch(context, &records, &progress),
        )?;
        let expected = Expected {
            contigs,
            samples: &self.samples,
            records: writer.finish(context)?,
        };
        Ok(staged.validate(context, &expected)?.counts())
    }

    /// Writes the sites, from the census.
    fn sites(&self, publication: &mut Publication) -> Result<Counts, Fault> {
        let (context, contigs) = (self.context, self.reference.contigs());
        let censuses = self.censuses()?;
        let staged = Staged::new(publication, &format!("{}{SITES}", self.spec.cohort))?;
        let mut writer = staged.create(context, &without_samples(&self.header), contigs)?;
        let progress = self.progress();
        let sink = |records: Vec<Record>| writer.write_batch(context, &records, &progress);
        let (source, regions) = (&self.reference.indexed, &self.regions);
        let written = joint_censuses(&censuses, source, regions, &self.params, sink);
        written.map_err(|error| self.failed(error))?;
        context.meter.add(0, bases(&self.regions));
        let expected = Expected {
            contigs,
            samples: &[],
            records: writer.finish(context)?,
        };
        Ok(staged.validate(context, &expected)?.counts())
    }

    /// Makes something of every site with its genotypes.
    fn genotype<T: Send>(
        &self,
        make: impl Fn(&Called<'_>) -> T + Send + Sync,
        sink: impl FnMut(Vec<T>) -> Result<(), Fault> + Send,
    ) -> Result<(), Fault> {
        let (source, regions, params) = (&self.reference.indexed, &self.regions, &self.params);
        let written = if self.spec.batches.is_empty() {
            joint_with(&self.gvcfs()?, source, regions, params, make, sink)
        } else {
            let (segments, nobody) = (self.segments()?, BTreeSet::new());
            let segments = (segments.as_slice(), &nobody);
            joint_segments_with(segments, source, regions, params, make, sink)
        };
        written.map_err(|error| self.failed(error))?;
        self.context.meter.add(0, bases(&self.regions));
        Ok(())
    }

    fn failed(&self, error: JointError<Fault>) -> Fault {
        match error {
            JointError::Sink(fault) => fault,
            error => self.context.kernel(&error),
        }
    }

    fn progress(&self) -> Progress<'_> {
        Progress {
            regions: &self.regions,
            end: GENOTYPED,
        }
    }

    fn gvcfs(&self) -> Result<Vec<PathBuf>, Fault> {
        let gvcfs = self.spec.gvcfs.iter();
        let gvcfs = gvcfs.map(|manifest| self.context.published(manifest, ".g.vcf.gz"));
        gvcfs.collect()
    }

    /// The segments of all batches, as if those who are excluded were not in them.
    fn segments(&self) -> Result<Vec<Segment>, Fault> {
        let mut segments = Vec::new();
        for batch in &self.spec.batches {
            for region in 0..self.regions.len() {
                let name = name(region, SEGMENT);
                let path = self.context.file_of(batch.segments.as_ref(), &name)?;
                let segment = census::open(self.context, &path)?;
                segments.push(segment.without(batch.excluded.iter().cloned()));
            }
        }
        Ok(segments)
    }

    /// The census of each region, which must be of as many samples as the release has.
    fn censuses(&self) -> Result<Vec<Census>, Fault> {
        let context = self.context;
        let census = |region| {
            let path = context.file_of(self.spec.census.as_ref(), &name(region, CENSUS))?;
            let census = census::open_census(context, &path)?;
            let samples = self.samples.len();
            if census.samples() as usize == samples {
                return Ok(census);
            }
            let counted = census.samples();
            Err(context.internal(format_args!(
                "{} is of {counted} samples, the release has {samples}",
                path.display()
            )))
        };
        (0..self.regions.len()).map(census).collect()
    }
}
