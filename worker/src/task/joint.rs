//! Stage `joint`: what was ingested of a cohort to the cohort VCF of one shard.

use std::collections::BTreeSet;

use kumi_formats::vcf::Record;
use kumi_joint::{JointError, Params, Segment, joint_all, joint_segments};
use kumi_proto::v1;

use crate::capabilities::VERSION;
use crate::fault::Fault;
use crate::task::Context;
use crate::task::census;
use crate::task::ingest::{SEGMENT, name};
use crate::task::vcf::{Expected, Progress, Staged, bases};

/// Progress when the last record is written.
const GENOTYPED: f32 = 0.97;

pub(super) fn run(context: &Context<'_>, spec: &v1::JointSpec) -> Result<v1::Manifest, Fault> {
    let reference = context.reference(spec.reference.as_ref())?;
    let contigs = reference.contigs();
    let gvcfs = spec
        .gvcfs
        .iter()
        .map(|manifest| context.published(manifest, ".g.vcf.gz"))
        .collect::<Result<Vec<_>, _>>()?;
    let regions = context.intervals(contigs, &spec.regions)?;
    let segments = segments(context, spec)?;
    let mut samples = spec.samples.clone();
    samples.sort();
    let mut publication = context.publication()?;
    let staged = Staged::new(&mut publication, &format!("{}.vcf.gz", spec.cohort))?;
    let header = kumi_joint::header(contigs, &reference.name, &samples, VERSION);
    let mut writer = staged.create(context, &header, contigs)?;
    let progress = Progress {
        regions: &regions,
        end: GENOTYPED,
    };
    let sink = |records: Vec<Record>| writer.write_batch(context, &records, &progress);
    let (source, params) = (&reference.indexed, Params::default());
    let genotyped = if spec.batches.is_empty() {
        joint_all(&gvcfs, source, &regions, &params, sink)
    } else {
        let nobody = BTreeSet::new();
        joint_segments(&segments, &nobody, source, &regions, &params, sink)
    };
    genotyped.map_err(|error| match error {
        JointError::Sink(fault) => fault,
        error => context.kernel(&error),
    })?;
    context.meter.add(0, bases(&regions));
    let records = writer.finish(context)?;
    let expected = Expected {
        contigs,
        samples: &samples,
        records,
    };
    let mut counts = staged.validate(context, &expected)?.counts();
    counts.insert("samples".to_owned(), samples.len() as u64);
    context.control.check()?;
    Ok(v1::Manifest {
        directory: context.spec.directory.clone(),
        files: publication.publish()?,
        counts,
        ..Default::default()
    })
}

/// The segments of all batches, as if those who are excluded were not in them.
fn segments(context: &Context<'_>, spec: &v1::JointSpec) -> Result<Vec<Segment>, Fault> {
    let mut segments = Vec::new();
    for batch in &spec.batches {
        for region in 0..spec.regions.len() {
            let path = context.file_of(batch, &name(region, SEGMENT))?;
            let segment = census::open(context, &path)?;
            segments.push(segment.without(batch.excluded.iter().cloned()));
        }
    }
    Ok(segments)
}
