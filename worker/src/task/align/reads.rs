//! The reads of a sample, from all its read groups.

use std::path::{Path, PathBuf};
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

/// Opens a part of the sample's reads.
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

/// The read groups of a sample of FASTQ files, of which none is looked at.
pub(super) fn groups_of_fastq(
    context: &Context<'_>,
    spec: &v1::AlignSpec,
) -> Result<Vec<ReadGroup>, Fault> {
    let path = |file: Option<&v1::ReadFile>| file.map(|file| PathBuf::from(&file.path));
    let source = |group: &v1::ReadGroup| match &group.source {
        Some(read_group::Source::Fastq(pair)) => Ok(Source::Fastq {
            first: path(pair.first.as_ref()).unwrap_or_default(),
            second: path(pair.second.as_ref()),
            read_group: read_group(&spec.sample, group),
        }),
        _ => Err(context.internal(format_args!("read group {} has no FASTQ files", group.id))),
    };
    let sources: Vec<Source> = (spec.read_groups.iter().map(source)).collect::<Result<_, _>>()?;
    let reader = TemplateReader::open_part(&sources, &spec.sample, &Part::default());
    let reader = reader.map_err(|error| context.kernel(&error))?;
    Ok(reader.read_groups().to_vec())
}

fn read_group(sample: &str, group: &v1::ReadGroup) -> ReadGroup {
    ReadGroup {
        id: group.id.clone(),
        sample: sample.to_owned(),
        library: group.library.clone(),
        platform: group.platform.clone(),
        platform_unit: group.platform_unit.clone(),
    }
}

fn source(
    context: &Context<'_>,
    spec: &v1::AlignSpec,
    group: &v1::ReadGroup,
    reference: &Reference,
) -> Result<Source, Fault> {
    let read_group = read_group(&spec.sample, group);
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
