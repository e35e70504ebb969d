//! Stage `call`: a sample's CRAM to the gVCF of one shard.

use kumi_call::{CallError, Params, call_all};
use kumi_formats::alignments::AlignmentsError;
use kumi_formats::vcf::Record;
use kumi_proto::v1;
use kumi_seq::ploidy::{PloidyMap, Sex};

use crate::capabilities::VERSION;
use crate::fault::Fault;
use crate::store::Publication;
use crate::task::input::Reference;
use crate::task::vcf::{Expected, Progress, Staged};
use crate::task::{Context, heading};

/// Progress when the last record is written.
const CALLED: f32 = 0.97;

pub(super) fn run(context: &Context<'_>, spec: &v1::CallSpec) -> Result<v1::Manifest, Fault> {
    let reference = context.reference(spec.reference.as_ref())?;
    let alignment = spec
        .alignment
        .as_ref()
        .ok_or_else(|| context.internal("the specification names no alignments"))?;
    let alignments = context.published(alignment, ".cram")?;
    let regions = context.intervals(reference.contigs(), &spec.regions)?;
    let ploidy = ploidy(&reference, spec.ploidy.as_ref());
    let mut publication =
        Publication::begin(context.root()?, &context.spec.directory, context.attempt)?;
    let staged = Staged::new(&mut publication, &format!("{}.g.vcf.gz", spec.sample))?;
    let contigs = reference.contigs();
    let header = kumi_call::header(contigs, &reference.name, &spec.sample, VERSION);
    let mut writer = staged.create(context, &header, contigs)?;
    let progress = Progress {
        regions: &regions,
        end: CALLED,
    };
    let sink = |records: Vec<Record>| writer.write_batch(context, &records, &progress);
    let stats = call_all(
        &alignments,
        &reference.indexed,
        &ploidy,
        &regions,
        &Params::default(),
        sink,
    )
    .map_err(|error| failed(context, error))?;
    context.meter.add(stats.reads, stats.bases);
    let records = writer.finish(context)?;
    let tally = staged.validate(
        context,
        &Expected {
            contigs,
            samples: std::slice::from_ref(&spec.sample),
            records,
        },
    )?;
    context.control.check()?;
    Ok(v1::Manifest {
        directory: context.spec.directory.clone(),
        files: publication.publish()?,
        counts: tally.counts(),
        ..Default::default()
    })
}

/// The alignments are ours and were whole when they were published: what is wrong with them now is the
/// storage's doing, and another try may read them.
fn failed(context: &Context<'_>, error: CallError<Fault>) -> Fault {
    match error {
        CallError::Sink(fault) => fault,
        CallError::Alignments(error @ AlignmentsError::Reference { .. }) => context.kernel(&error),
        CallError::Alignments(error) => {
            Fault::from_error(&heading(context.spec), &error, v1::FailureClass::Transient)
        }
        error @ CallError::Region { .. } => context.internal(error),
    }
}

/// Copies by contig and position.
fn ploidy(reference: &Reference, ploidy: Option<&v1::Ploidy>) -> PloidyMap {
    let ploidy = ploidy.copied().unwrap_or_default();
    let sex = match ploidy.sex() {
        v1::Sex::Unspecified => Sex::Unknown,
        v1::Sex::Xx => Sex::Xx,
        v1::Sex::Xy => Sex::Xy,
    };
    let genome = if ploidy.genome == 1 { 1 } else { 2 };
    PloidyMap::new(reference.contigs(), genome, sex)
}
