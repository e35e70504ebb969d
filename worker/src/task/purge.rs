//! Stage `purge`: what there is of samples that have withdrawn is removed, and a certificate says what that was.
//!
//! What is to be removed is listed, and the list is published, before anything is: an attempt after one that was
//! killed knows from it what is gone already.

mod held;

use std::collections::BTreeMap;

use kumi_proto::v1;
use serde_json::{Value, json};

use crate::fault::Fault;
use crate::store::StoreError;
use crate::task::Context;
use crate::task::provenance::software;

/// Paths and sizes of what is removed, a tab between.
const LIST: &str = "removed.tsv";
const CERTIFICATE: &str = "certificate.json";
/// Progress when all is removed.
const REMOVED: f32 = 0.95;

pub(super) fn run(context: &Context<'_>, spec: &v1::PurgeSpec) -> Result<v1::Manifest, Fault> {
    let mut removed = listed(context)?;
    let mut directories = held::directories(context, spec)?;
    directories.extend(spec.directories.iter().cloned());
    for directory in &directories {
        removed.extend(context.contents(directory)?);
    }
    let mut publication = context.publication()?;
    publication.stage_bytes(LIST, text(&removed).as_bytes())?;
    let mut files = publication.publish()?;
    let all = directories.len() as u64;
    for (done, directory) in (1..).zip(&directories) {
        context.control.check()?;
        context.remove(directory)?;
        context.control.advance(0.0, REMOVED, done, all);
    }
    for directory in &directories {
        if !context.contents(directory)?.is_empty() {
            return Err(context.transient(format_args!("{directory} is there again")));
        }
    }
    let mut publication = context.publication()?;
    let told = certificate(spec, &removed);
    let told = serde_json::to_vec_pretty(&told).map_err(|error| context.internal(error))?;
    publication.stage_bytes(CERTIFICATE, &told)?;
    files.extend(publication.publish()?);
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let counts = [
        ("files", removed.len() as u64),
        ("samples", spec.samples.len() as u64),
    ];
    Ok(v1::Manifest {
        directory: context.spec.directory.clone(),
        files,
        counts: counts.map(|(name, count)| (name.to_owned(), count)).into(),
        ..Default::default()
    })
}

fn certificate(spec: &v1::PurgeSpec, removed: &BTreeMap<String, u64>) -> Value {
    let files = removed.iter();
    let files: Vec<Value> = files
        .map(|(path, size)| json!({ "path": path, "size": size }))
        .collect();
    json!({
        "format": "kumi purge 1",
        "cohort": spec.cohort,
        "samples": spec.samples,
        "software": software(),
        "removed": files,
        "kept_for_other_cohorts": spec.kept,
    })
}

fn text(removed: &BTreeMap<String, u64>) -> String {
    let lines = removed.iter();
    lines
        .map(|(path, size)| format!("{path}\t{size}\n"))
        .collect()
}

/// What an earlier attempt listed.
fn listed(context: &Context<'_>) -> Result<BTreeMap<String, u64>, Fault> {
    let directory = &context.spec.directory;
    if !context.names(directory)?.contains(LIST) {
        return Ok(BTreeMap::new());
    }
    let path = context.file_below(&format!("{directory}/{LIST}"))?;
    let text = std::fs::read_to_string(&path);
    let text = text.map_err(|error| StoreError::io("read", &path, error))?;
    let lines = text.lines().filter_map(|line| line.split_once('\t'));
    let sizes = lines.filter_map(|(path, size)| Some((path.to_owned(), size.parse().ok()?)));
    Ok(sizes.collect())
}
