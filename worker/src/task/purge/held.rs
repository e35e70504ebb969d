//! Results that say themselves that they hold a sample, known to the scheduler or not: what an attempt left that nobody
//! took, or an earlier composition of a batch or of a release.

use std::collections::BTreeSet;
use std::path::Path;

use kumi_formats::vcf::{BcfReader, Form, Reader, VcfError};
use kumi_index::mapped;
use kumi_joint::Segment;
use kumi_proto::v1;
use serde::Deserialize;

use crate::fault::{Fault, chain};
use crate::store::{self, StoreError};
use crate::task::Context;
use crate::task::ingest::SEGMENT;
use crate::task::joint::{SITES, VCF};
use crate::task::provenance;

/// Directories below the root, of the cohort and of work of its programme, with a file that holds one of the samples.
pub(super) fn directories(
    context: &Context<'_>,
    spec: &v1::PurgeSpec,
) -> Result<BTreeSet<String>, Fault> {
    let mut parts = context.spec.directory.split('/');
    let (Some(programme), Some("cohorts"), Some(cohort)) =
        (parts.next(), parts.next(), parts.next())
    else {
        return Err(context.internal("a purge publishes in the folder of its cohort"));
    };
    let mut found = BTreeSet::new();
    for place in [
        format!("{programme}/cohorts/{cohort}/store"),
        format!("{programme}/cohorts/{cohort}/releases"),
        format!("{programme}/work"),
    ] {
        for name in context.names(&place)? {
            let directory = format!("{place}/{name}");
            if holds(context, spec, &directory)? {
                found.insert(directory.clone());
            }
            if !store::is_fan(&name) {
                continue;
            }
            for name in context.names(&directory)? {
                let within = format!("{directory}/{name}");
                if holds(context, spec, &within)? {
                    // Work is told of without the folder that it lies in.
                    let is_work = place.ends_with("/work");
                    found.insert(if is_work {
                        format!("{place}/{name}")
                    } else {
                        within
                    });
                }
            }
        }
    }
    Ok(found)
}

/// Whether a file of a directory holds one of the samples: by its name, or by the samples it lists.
fn holds(context: &Context<'_>, spec: &v1::PurgeSpec, directory: &str) -> Result<bool, Fault> {
    context.control.check()?;
    for name in context.names(directory)? {
        let path = || context.file_below(&format!("{directory}/{name}"));
        let held = if name.ends_with(SEGMENT) {
            let path = path()?;
            let _looked_at = GiveBack(context, &path);
            let bytes = mapped(&path).map_err(|error| StoreError::io("read", &path, error))?;
            let segment = Segment::open(&path.to_string_lossy(), bytes);
            let segment = segment.map_err(|error| unknown(context, chain(&error)))?;
            any_of(spec, &segment.header().samples)
        } else if has_genotypes(&name, &spec.cohort) {
            let path = path()?;
            let _looked_at = GiveBack(context, &path);
            let samples = samples(&path).map_err(|error| unknown(context, chain(&error)))?;
            any_of(spec, &samples)
        } else if name == provenance::MANIFEST {
            let path = path()?;
            let _looked_at = GiveBack(context, &path);
            any_of(spec, &told(context, &path)?.samples)
        } else {
            spec.samples
                .iter()
                .any(|sample| is_of(&name, sample) && !is_kept(spec, sample))
        };
        if held {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a file is of genotypes of a cohort: its VCF, or a chunk of a release.
fn has_genotypes(file: &str, cohort: &str) -> bool {
    let rest = file.strip_prefix(cohort);
    rest.is_some_and(|rest| {
        rest.starts_with('.')
            && (rest.ends_with(Form::Bcf.ending()) || rest.ends_with(VCF))
            && !rest.ends_with(SITES)
    })
}

/// The samples that a VCF or a BCF lists.
fn samples(path: &Path) -> Result<Vec<String>, VcfError> {
    match Reader::open(path) {
        Ok(reader) => Ok(reader.header().samples().to_vec()),
        Err(VcfError::Bcf { .. }) => {
            BcfReader::open(path).map(|reader| reader.header().samples().to_vec())
        }
        Err(error) => Err(error),
    }
}

/// What a release tells of itself; beside sites nothing else names the samples.
#[derive(Deserialize)]
struct Told {
    samples: Vec<String>,
}

fn told(context: &Context<'_>, path: &Path) -> Result<Told, Fault> {
    let text = std::fs::read(path).map_err(|error| StoreError::io("read", path, error))?;
    let told = serde_json::from_slice(&text);
    told.map_err(|error| unknown(context, format_args!("{}: {error}", path.display())))
}

/// Gives a file back when it was looked at: there are more than a scratch holds at a time.
struct GiveBack<'a>(&'a Context<'a>, &'a Path);

impl Drop for GiveBack<'_> {
    fn drop(&mut self) {
        self.0.needs.give_back(self.1);
    }
}

fn any_of(spec: &v1::PurgeSpec, samples: &[String]) -> bool {
    samples.iter().any(|name| spec.samples.contains(name))
}

/// Whether a file is named after a sample, staged or published.
fn is_of(file: &str, sample: &str) -> bool {
    let file = file.strip_prefix('.').unwrap_or(file);
    file.strip_prefix(sample)
        .is_some_and(|rest| rest.starts_with('.'))
}

/// Whether some of what is of a sample alone stays.
fn is_kept(spec: &v1::PurgeSpec, sample: &str) -> bool {
    let of = |kept: &str| kept.rsplit('/').nth(1) == Some(sample);
    spec.kept.iter().any(|kept| of(kept))
}

fn unknown(context: &Context<'_>, what: impl std::fmt::Display) -> Fault {
    context.transient(format_args!(
        "{what}; whose data that is cannot be told: remove it, then run `kumi cohort retry`"
    ))
}

#[cfg(test)]
mod tests {
    use kumi_proto::v1;

    use super::is_kept;

    #[test]
    fn a_sample_is_kept_by_its_own_name_wherever_its_folder_lies() {
        let spec = v1::PurgeSpec {
            kept: vec![
                "p/samples/A/run".to_owned(),
                "p/samples/df/B/run".to_owned(),
            ],
            ..v1::PurgeSpec::default()
        };
        let kept = ["A", "B", "df", "run"].map(|sample| is_kept(&spec, sample));
        assert_eq!(kept, [true, true, false, false]);
    }
}
