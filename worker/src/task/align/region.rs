//! Stages `mark` and `merge`: the runs of all chunks of a sample, a region at a time. First the duplicates of every
//! region are found, then its records become its part of the CRAM, and its part of what is counted.

use std::collections::BTreeMap;

use kumi_proto::v1;
use kumi_sort::library::Libraries;
use kumi_sort::mark::{self, Marks};
use kumi_sort::region::Region;

use super::chunk::files_of_all;
use super::{header, reads, sorting, sorting_params, write};
use crate::fault::Fault;
use crate::task::Context;

/// The names of the files of a region.
const DUPLICATES: &str = "duplicates.run";
const MARKED: &str = "marked.run";
pub(super) const PART: &str = "part.cram";
pub(super) const COUNTS: &str = "counts.json";

/// Marks the duplicates of a region.
pub(in crate::task) fn mark(
    context: &Context<'_>,
    spec: &v1::MarkSpec,
) -> Result<v1::Manifest, Fault> {
    let (whole, region) = asked(context, spec.align.as_ref(), spec.region.as_ref())?;
    let chunks = files_of_all(context, whole)?;
    let mut publication = context.publication()?;
    let marks = Marks {
        duplicates: publication.stage(DUPLICATES)?,
        counts: publication.stage(MARKED)?,
    };
    let params = sorting_params(context, &reads::groups_of_fastq(context, whole)?);
    mark::mark(&params, &chunks, region, &marks).map_err(|error| sorting(context, &error))?;
    context.control.check()?;
    Ok(v1::Manifest {
        directory: context.spec.directory.clone(),
        files: publication.publish()?,
        ..Default::default()
    })
}

/// Merges the records of a region.
pub(in crate::task) fn merge(
    context: &Context<'_>,
    spec: &v1::MergeSpec,
) -> Result<v1::Manifest, Fault> {
    let (whole, region) = asked(context, spec.align.as_ref(), spec.region.as_ref())?;
    let reference = context.reference(whole.reference.as_ref())?;
    let targets = context.intervals(reference.contigs(), &whole.targets)?;
    let chunks = files_of_all(context, whole)?;
    let marks = marks_of_all(context, whole)?;
    let read_groups = reads::groups_of_fastq(context, whole)?;
    let libraries = Libraries::new(&read_groups);
    let (sorted, expected) = mark::merge(&libraries, &chunks, &marks, region)
        .map_err(|error| sorting(context, &error))?;
    let mut publication = context.publication()?;
    let target = write::Target {
        path: &publication.stage(PART)?,
        header: &header(&reference, &read_groups),
        reference: &reference,
        targets: &targets,
        progress: 0.0,
        expected,
    };
    let (counts, records) = write::part(context, &target, sorted, region)?;
    if records != expected {
        return Err(context.internal(format_args!(
            "{expected} records of a region went in and {records} came out"
        )));
    }
    publication.stage_bytes(COUNTS, &counts.encode())?;
    context.control.check()?;
    Ok(v1::Manifest {
        directory: context.spec.directory.clone(),
        files: publication.publish()?,
        counts: BTreeMap::from([("records".to_owned(), records)]),
        ..Default::default()
    })
}

/// The files of what all regions marked.
pub(super) fn marks_of_all(
    context: &Context<'_>,
    spec: &v1::AlignSpec,
) -> Result<Vec<Marks>, Fault> {
    let marks = |region: &v1::Manifest| -> Result<Marks, Fault> {
        Ok(Marks {
            duplicates: context.published(region, DUPLICATES)?,
            counts: context.published(region, MARKED)?,
        })
    };
    spec.marks.iter().map(marks).collect()
}

fn asked<'a>(
    context: &Context<'_>,
    align: Option<&'a v1::AlignSpec>,
    region: Option<&v1::ContigRange>,
) -> Result<(&'a v1::AlignSpec, Region), Fault> {
    let asked = align.zip(region);
    let (align, region) =
        asked.ok_or_else(|| context.internal("the specification names no region of a sample"))?;
    let end = (region.count > 0).then(|| region.first.saturating_add(region.count));
    let region = Region {
        first: region.first,
        end,
    };
    Ok((align, region))
}
