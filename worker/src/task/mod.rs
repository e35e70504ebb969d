//! From a `Spec` to published files: one module a stage.
//!
//! A task checks that its inputs are what was submitted, runs a kernel, validates what it wrote, and publishes
//! it through the store. It knows nothing of the scheduler, of retries or of other tasks. What a manifest
//! counts:
//!
//! | name | of | what |
//! |---|---|---|
//! | `contigs` | index | contigs of the reference |
//! | `chunks` | cut | parts that a sample's reads were cut into |
//! | `reads`, `bases` | chunk, align | reads of the sequencer and their bases; primary records |
//! | `mapped`, `properly_paired`, `duplicates` | align | reads |
//! | `optical_duplicates` | align | reads of pairs that are optical duplicates |
//! | `records` | merge, align | records of the CRAM or of its part, secondary and supplementary ones too |
//! | `depth_milli` | align | mean depth over the targets (or the genome), times 1,000 |
//! | `records` | ingest | lines of the gVCFs |
//! | `records` | call, gvcf, joint, release | lines of the VCF |
//! | `variants` | call, gvcf, joint, release | lines that pass, with an alternative allele that some genotype carries |
//! | `snvs`, `indels` | call, gvcf, joint, release | such alleles of this kind |
//! | `transitions`, `transversions` | call, gvcf, joint, release | of the SNVs |
//! | `files` | purge | that were removed |
//! | `samples` | ingest, joint, release, purge | of the batch; columns; removed ones |
//! | `alleles` | census | that enter the cohort |

mod align;
mod call;
mod census;
mod gvcf;
mod index;
mod ingest;
mod input;
mod joint;
mod provenance;
mod purge;
mod release;
mod root;
#[cfg(test)]
mod tests;
mod validate;
mod vcf;

use std::path::Path;

use kumi_proto::v1;
use kumi_proto::v1::spec::Kind;

use crate::agent::Done;
use crate::control::Control;
use crate::fault::Fault;
use crate::indexed::Kept;
use crate::metrics::Meter;
use crate::store::StoreError;
use crate::supply::Needs;

/// What a task has to work with.
pub(crate) struct Context<'a> {
    /// What is to be done.
    pub(crate) spec: &'a v1::Spec,
    /// Which attempt it is; staged files carry it.
    pub(crate) attempt: u64,
    /// A directory of this attempt for what is spilled.
    pub(crate) scratch: &'a Path,
    /// Whether to stop, and where progress is told.
    pub(crate) control: &'a Control,
    /// Where reads and bases are counted.
    pub(crate) meter: &'a Meter,
    /// The reference index that an earlier task of this worker opened.
    pub(crate) kept: &'a Kept,
    /// Files that do not lie on this machine.
    pub(crate) needs: &'a Needs<'a>,
}

/// Does what the specification says, on the current rayon pool.
pub(crate) fn run(context: &Context<'_>) -> Result<Done, Fault> {
    context.control.check()?;
    let done = loop {
        match make(context) {
            Ok(done) => break done,
            Err(fault) => {
                if !context.needs.begin_again(context.control)? {
                    return Err(context.needs.told(fault));
                }
                empty(context.scratch)?;
            }
        }
    };
    for directory in &context.spec.discard {
        // The result is there: what is left behind harms nobody.
        if let Err(error) = context.discard(directory) {
            tracing::warn!(attempt = context.attempt, %error, "work was left behind");
        }
    }
    Ok(done)
}

/// Takes away what a try left that is made again.
fn empty(scratch: &Path) -> Result<(), StoreError> {
    let failed = |error| StoreError::io("empty", scratch, error);
    std::fs::remove_dir_all(scratch).map_err(failed)?;
    std::fs::create_dir_all(scratch).map_err(failed)
}

fn make(context: &Context<'_>) -> Result<Done, Fault> {
    let manifest = match &context.spec.kind {
        Some(Kind::Call(spec)) => return call::run(context, spec),
        Some(Kind::Index(spec)) => index::run(context, spec),
        Some(Kind::Cut(spec)) => align::cut::run(context, spec),
        Some(Kind::Chunk(spec)) => align::chunk::run(context, spec),
        Some(Kind::Mark(spec)) => align::region::mark(context, spec),
        Some(Kind::Merge(spec)) => align::region::merge(context, spec),
        Some(Kind::Align(spec)) => align::run(context, spec),
        Some(Kind::Gvcf(spec)) => gvcf::run(context, spec),
        Some(Kind::Ingest(spec)) => ingest::run(context, spec),
        Some(Kind::Census(spec)) => census::run(context, spec),
        Some(Kind::Joint(spec)) => joint::run(context, spec),
        Some(Kind::Purge(spec)) => purge::run(context, spec),
        Some(Kind::Release(spec)) => release::run(context, spec),
        None => Err(Fault::internal(
            "the specification asks for nothing this worker knows; are worker and scheduler of the same version?",
        )),
    };
    manifest.map(Done::from)
}

/// What messages about a task begin with: whose it is, and never a path.
pub(crate) fn heading(spec: &v1::Spec) -> String {
    match &spec.kind {
        Some(Kind::Index(_)) => "reference index".to_owned(),
        Some(Kind::Cut(cut)) => sample_of(cut.align.as_ref()),
        Some(Kind::Chunk(chunk)) => sample_of(chunk.align.as_ref()),
        Some(Kind::Mark(mark)) => sample_of(mark.align.as_ref()),
        Some(Kind::Merge(merge)) => sample_of(merge.align.as_ref()),
        Some(Kind::Align(align)) => sample_of(Some(align)),
        Some(Kind::Call(call)) => format!("sample {}", call.sample),
        Some(Kind::Gvcf(gvcf)) => format!("sample {}", gvcf.sample),
        Some(Kind::Ingest(ingest)) => format!("cohort {}", ingest.cohort),
        Some(Kind::Census(census)) => format!("cohort {}", census.cohort),
        Some(Kind::Joint(joint)) => format!("cohort {}", joint.cohort),
        Some(Kind::Purge(purge)) => format!("cohort {}", purge.cohort),
        Some(Kind::Release(release)) => format!("cohort {}", release.cohort),
        None => "task".to_owned(),
    }
}

fn sample_of(align: Option<&v1::AlignSpec>) -> String {
    format!("sample {}", align.map_or("?", |align| &align.sample))
}
