//! Stage `joint`: what was ingested of a cohort to the cohort VCF of one shard, or what was counted of it to the sites.

use std::collections::BTreeSet;

use kumi_formats::vcf::Record;
use kumi_joint::{Census, JointError, Params, Segment, joint_all, joint_censuses, joint_segments};
use kumi_proto::v1;
use kumi_seq::interval::Interval;

use crate::capabilities::VERSION;
use crate::fault::Fault;
use crate::task::Context;
use crate::task::census;
use crate::task::ingest::{CENSUS, SEGMENT, name};
use crate::task::input::Reference;
use crate::task::vcf::{Expected, Progress, Staged, Writer, bases, without_samples};

/// Progress when the last record is written.
const GENOTYPED: f32 = 0.97;
/// How the name of a cohort VCF ends, and that of its sites.
pub(super) const VCF: &str = ".vcf.gz";
pub(super) const SITES: &str = ".sites.vcf.gz";

pub(super) fn run(context: &Context<'_>, spec: &v1::JointSpec) -> Result<v1::Manifest, Fault> {
    let reference = context.reference(spec.reference.as_ref())?;
    let contigs = reference.contigs();
    let regions = context.intervals(contigs, &spec.regions)?;
    let from = From::of(context, spec)?;
    let mut samples = spec.samples.clone();
    samples.sort();
    let count = samples.len() as u64;
    let mut header = kumi_joint::header(contigs, &reference.name, &samples, VERSION);
    let mut ending = VCF;
    if matches!(from, From::Censuses(_)) {
        header = without_samples(&header);
        samples.clear();
        ending = SITES;
    }
    let mut publication = context.publication()?;
    let staged = Staged::new(&mut publication, &format!("{}{ending}", spec.cohort))?;
    let writer = staged.create(context, &header, contigs)?;
    let records = from.write(context, (&reference, &regions), writer)?;
    let expected = Expected {
        contigs,
        samples: &samples,
        records,
    };
    let mut counts = staged.validate(context, &expected)?.counts();
    counts.insert("samples".to_owned(), count);
    context.control.check()?;
    Ok(v1::Manifest {
        directory: context.spec.directory.clone(),
        files: publication.publish()?,
        counts,
        ..Default::default()
    })
}

/// What is read.
enum From {
    Gvcfs(Vec<std::path::PathBuf>),
    Segments(Vec<Segment>),
    /// One of each region.
    Censuses(Vec<Census>),
}

impl From {
    fn of(context: &Context<'_>, spec: &v1::JointSpec) -> Result<Self, Fault> {
        if spec.census.is_some() {
            return censuses(context, spec).map(Self::Censuses);
        }
        if !spec.batches.is_empty() {
            return segments(context, spec).map(Self::Segments);
        }
        let gvcfs = spec.gvcfs.iter();
        let gvcfs = gvcfs.map(|manifest| context.published(manifest, ".g.vcf.gz"));
        gvcfs.collect::<Result<_, _>>().map(Self::Gvcfs)
    }

    /// Writes what there is in regions; gives the number of records.
    fn write(
        &self,
        context: &Context<'_>,
        (reference, regions): (&Reference, &[Interval]),
        mut writer: Writer<'_>,
    ) -> Result<u64, Fault> {
        let progress = Progress {
            regions,
            end: GENOTYPED,
        };
        let sink = |records: Vec<Record>| writer.write_batch(context, &records, &progress);
        let (source, params) = (&reference.indexed, Params::default());
        let written = match self {
            Self::Gvcfs(gvcfs) => joint_all(gvcfs, source, regions, &params, sink),
            Self::Segments(segments) => {
                let nobody = BTreeSet::new();
                joint_segments(segments, &nobody, source, regions, &params, sink)
            }
            Self::Censuses(censuses) => joint_censuses(censuses, source, regions, &params, sink),
        };
        written.map_err(|error| match error {
            JointError::Sink(fault) => fault,
            error => context.kernel(&error),
        })?;
        context.meter.add(0, bases(regions));
        writer.finish(context)
    }
}

/// The segments of all batches, as if those who are excluded were not in them.
fn segments(context: &Context<'_>, spec: &v1::JointSpec) -> Result<Vec<Segment>, Fault> {
    let mut segments = Vec::new();
    for batch in &spec.batches {
        for region in 0..spec.regions.len() {
            let path = context.file_of(batch.segments.as_ref(), &name(region, SEGMENT))?;
            let segment = census::open(context, &path)?;
            segments.push(segment.without(batch.excluded.iter().cloned()));
        }
    }
    Ok(segments)
}

/// The census of each region, which must be of as many samples as the release has.
fn censuses(context: &Context<'_>, spec: &v1::JointSpec) -> Result<Vec<Census>, Fault> {
    let census = |region| {
        let path = context.file_of(spec.census.as_ref(), &name(region, CENSUS))?;
        let census = census::open_census(context, &path)?;
        let samples = spec.samples.len();
        if census.samples() as usize == samples {
            return Ok(census);
        }
        let counted = census.samples();
        Err(context.internal(format_args!(
            "{} is of {counted} samples, the release has {samples}",
            path.display()
        )))
    };
    (0..spec.regions.len()).map(census).collect()
}
