//! Stage `gvcf`: the shards of a sample, or the gVCF that its submitter gave, to the sample's gVCF, with what
//! tells how everything about the sample was made.

use std::path::PathBuf;

use kumi_proto::v1;
use kumi_seq::contig::Contigs;

use crate::fault::Fault;
use crate::task::Context;
use crate::task::ingest::{self, Stoppable};
use crate::task::input::Reference;
use crate::task::provenance;
use crate::task::vcf::{self, Expected, Staged};

/// Progress when the file is written.
const WRITTEN: f32 = 0.6;
/// Progress when it is read back.
const READ: f32 = 0.7;

pub(super) fn run(context: &Context<'_>, spec: &v1::GvcfSpec) -> Result<v1::Manifest, Fault> {
    let reference = context.reference(spec.reference.as_ref())?;
    let (sources, class) = sources(context, spec, reference.contigs())?;
    if let Some(alignment) = &spec.alignment {
        context.is_there(alignment)?;
    }
    context.control.check()?;
    let mut publication = context.publication()?;
    let staged = Staged::new(&mut publication, &format!("{}.g.vcf.gz", spec.sample))?;
    let records = staged.concatenate(context, &sources, reference.contigs(), class)?;
    context.control.advance(0.0, WRITTEN, 1, 1);
    context.control.check()?;
    let tally = staged.validate(
        context,
        &Expected {
            contigs: reference.contigs(),
            samples: std::slice::from_ref(&spec.sample),
            records,
        },
    )?;
    if let Some(given) = &spec.gvcf {
        context.control.advance(0.0, READ, 1, 1);
        fits_the_store(context, given, &staged, &reference)?;
    }
    let counts = tally.counts();
    let sealed = publication.seal()?;
    let told = provenance::sample(context, spec, &reference, &sealed, &counts)?;
    publication.stage_bytes("provenance.json", &told)?;
    let mut sealed = publication.seal_more(sealed)?;
    let sums = provenance::checksums(&context.spec.directory, &sealed, spec.alignment.as_ref());
    publication.stage_bytes("MANIFEST.sha256", sums.as_bytes())?;
    sealed = publication.seal_more(sealed)?;
    context.control.check()?;
    Ok(v1::Manifest {
        directory: context.spec.directory.clone(),
        files: publication.publish_sealed(sealed)?,
        counts,
        ..Default::default()
    })
}

/// What cannot be ingested is refused here, where it is told of one sample, and not when its batch is.
fn fits_the_store(
    context: &Context<'_>,
    given: &v1::ReadFile,
    staged: &Staged,
    reference: &Reference,
) -> Result<(), Fault> {
    let gvcf = [staged.path().to_owned()];
    let params = ingest::params();
    for region in reference.contigs().whole() {
        let nowhere = Stoppable::new(std::io::sink(), context.control);
        let read = kumi_joint::ingest(&gvcf, &reference.indexed, region, &params, nowhere);
        context.control.check()?;
        read.map_err(|error| {
            let fault = context.kernel(&error);
            let path = staged.path().to_string_lossy();
            Fault::new(fault.class, fault.message.replace(&*path, &given.path))
        })?;
    }
    Ok(())
}

/// The files to put together, and whose fault it is when they cannot be.
fn sources(
    context: &Context<'_>,
    spec: &v1::GvcfSpec,
    contigs: &Contigs,
) -> Result<(Vec<PathBuf>, v1::FailureClass), Fault> {
    if let Some(given) = &spec.gvcf {
        let path = context.submitted(given)?;
        let header = vcf::header(context, &path)?;
        header
            .fits(&spec.sample, contigs)
            .map_err(|what| context.bad_input(format_args!("{}: {what}", given.path)))?;
        return Ok((vec![path], v1::FailureClass::BadInput));
    }
    let shards = spec.shards.iter();
    let shards: Result<Vec<_>, _> = shards
        .map(|shard| context.published(shard, ".g.vcf.gz"))
        .collect();
    Ok((shards?, v1::FailureClass::Transient))
}
