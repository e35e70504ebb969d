//! Stage `cut`: where the chunks of a sample's reads begin, and what must be known of all reads to align some.

use std::collections::BTreeMap;

use kumi_align::{Params, insert_sizes};
use kumi_formats::reads::{TemplateReader, cut};
use kumi_proto::v1;

use super::plan::{self, Plan};
use super::reads;
use crate::fault::Fault;
use crate::task::Context;

pub(in crate::task) fn run(
    context: &Context<'_>,
    spec: &v1::CutSpec,
) -> Result<v1::Manifest, Fault> {
    let whole = (spec.align.as_ref())
        .ok_or_else(|| context.internal("the specification names no sample"))?;
    let reference = context.reference(whole.reference.as_ref())?;
    let sources = reads::sources(context, whole, &reference)?;
    let kernel = |error| context.kernel(&error);
    let mut reader = TemplateReader::open(sources.clone(), &whole.sample).map_err(kernel)?;
    let sizes = insert_sizes(reference.index(), &Params::default(), &mut reader).map_err(kernel)?;
    drop(reader);
    context.control.check()?;
    let parts = cut(&sources, spec.chunks as usize).map_err(kernel)?;
    context.control.check()?;
    let chunks = parts.len() as u64;
    let plan = Plan { sizes, parts };
    let mut publication = context.publication()?;
    publication.stage_bytes(plan::NAME, &plan.encode(context)?)?;
    context.control.check()?;
    Ok(v1::Manifest {
        directory: context.spec.directory.clone(),
        files: publication.publish()?,
        counts: BTreeMap::from([("chunks".to_owned(), chunks)]),
        ..Default::default()
    })
}
