//! The reads of a sample, from all its read groups.

use std::path::Path;
use std::sync::Arc;

use kumi_formats::header::ReadGroup;
use kumi_formats::reads::{Part, ReadsError, Source, TemplateReader, probe_alignment, probe_fastq};
use kumi_formats::reference::ReferenceSource;
use kumi_proto::v1;
use kumi_proto::v1::read_group;

use crate::fault::Fault;
use crate::task::Context;
use crate::task::input::Reference;

/// Checks and opens every input of the sample. A file that does not end as its format wants is found here and
/// not after hours.
pub(super) fn open(
    context: &Context<'_>,
    spec: &v1::AlignSpec,
    reference: &Reference,
) -> Result<TemplateReader, Fault> {
    let sources = sources(context, spec, reference)?;
    let reader = TemplateReader::open(sources, &spec.sample);
    let reader = reader.map_err(|error| context.kernel(&error))?;
    Ok(reader.spill_to(context.scratch))
}

/// Opens a part of the sample's reads; with no pieces none, for the read groups alone.
pub(super) fn open_part(
    context: &Context<'_>,
    spec: &v1::AlignSpec,
    reference: &Reference,
    part: &Part,
) -> Result<TemplateReader, Fault> {
    let sources = sources(context, spec, reference)?;
    let reader = TemplateReader::open_part(&sources, &spec.sample, part);
    reader.map_err(|error| context.kernel(&error))
}

/// Checks every input of the sample.
pub(super) fn sources(
    context: &Context<'_>,
    spec: &v1::AlignSpec,
    reference: &Reference,
) -> Result<Vec<Source>, Fault> {
    let groups = spec.read_groups.iter();
    let sources = groups.map(|group| source(context, spec, group, reference));
    let sources: Vec<Source> = sources.collect::<Result<_, _>>()?;
    if sources.is_empty() {
        return Err(context.internal("the specification names no reads"));
    }
    Ok(sources)
}

fn source(
    context: &Context<'_>,
    spec: &v1::AlignSpec,
    group: &v1::ReadGroup,
    reference: &Reference,
) -> Result<Source, Fault> {
    let read_group = ReadGroup {
        id: group.id.clone(),
        sample: spec.sample.clone(),
        library: group.library.clone(),
        platform: group.platform.clone(),
        platform_unit: group.platform_unit.clone(),
    };
    let checked = |file: &v1::ReadFile, probe: &dyn Fn(&Path) -> Result<(), ReadsError>| {
        let path = context.submitted(file)?;
        probe(&path).map_err(|error| context.kernel(&error))?;
        Ok::<_, Fault>(path)
    };
    let fastq = |path: &Path| probe_fastq(path).map(drop);
    let alignment = |path: &Path| probe_alignment(path, Some(&reference.indexed)).map(drop);
    match &group.source {
        Some(read_group::Source::Fastq(pair)) => {
            let first = pair.first.as_ref().ok_or_else(|| {
                context.internal(format_args!("read group {} has no first file", group.id))
            })?;
            Ok(Source::Fastq {
                first: checked(first, &fastq)?,
                second: pair
                    .second
                    .as_ref()
                    .map(|file| checked(file, &fastq))
                    .transpose()?,
                read_group,
            })
        }
        Some(read_group::Source::Alignment(file)) => {
            let reference: Arc<dyn ReferenceSource> = Arc::new(reference.indexed.clone());
            Ok(Source::Alignment {
                path: checked(file, &alignment)?,
                read_group,
                reference: Some(reference),
            })
        }
        None => Err(context.internal(format_args!("read group {} has no files", group.id))),
    }
}
