//! A release in another form, genotyped again from what was ingested.

use std::collections::BTreeSet;
use std::path::Path;

use kumi_index::mapped;
use kumi_joint::Segment;
use kumi_proto::v1;
use kumi_worker::objects::resolve;

use crate::args::{ExportArgs, JointArgs};
use crate::command::kernel::cohort::Input;
use crate::command::kernel::{joint, segments};
use crate::command::release::get;
use crate::exit::{Code, Exit};
use crate::remote::{self, Here};

pub(super) async fn run(args: ExportArgs) -> anyhow::Result<()> {
    let found = get(args.release.clone(), true, &args.remote).await?;
    let release = found.release.unwrap_or_default();
    let Some(source) = found.source else {
        let message = format!(
            "release {}: what it was genotyped from is not stored any more; build it again: kumi release build {}",
            release.release, release.name
        );
        return Err(Exit::new(Code::MissingInput, message).into());
    };
    tokio::task::spawn_blocking(move || export(&args, &release.root, &source)).await?
}

fn export(args: &ExportArgs, root: &str, source: &v1::ReleaseSource) -> anyhow::Result<()> {
    let root = Path::new(root);
    let reference = source.reference.clone().unwrap_or_default();
    let mut opened = Vec::new();
    for batch in source.shards.iter().flat_map(|shard| &shard.batches) {
        opened.append(&mut open(root, batch)?);
    }
    let indexed = here(&resolve(root, reference.path.as_ref()))?;
    let joint = JointArgs {
        reference: indexed.path.clone(),
        gvcfs: Vec::new(),
        segments: Vec::new(),
        census: Vec::new(),
        withdrawn: None,
        output: args.to.clone(),
        format: args.format,
        regions: args.regions.clone(),
        threads: args.threads,
    };
    joint::genotype(&joint, |_| Ok(Input::Segments(opened, BTreeSet::new())))
}

/// A file as one of this machine. What is mapped of it stays when it goes from the cache.
fn here(path: &Path) -> Result<Here, Exit> {
    remote::file(path).map_err(|what| Exit::new(Code::MissingInput, what))
}

/// The segments of a batch, as if those who are excluded were not in them.
fn open(root: &Path, batch: &v1::Batch) -> Result<Vec<Segment>, Exit> {
    let manifest = batch.segments.clone().unwrap_or_default();
    let names = manifest.files.iter().map(|file| &file.name);
    let names = names.filter(|name| name.ends_with(segments::ENDING));
    let segment = |name: &String| {
        let path = root.join(&manifest.directory).join(name);
        let told = |code, what: &dyn std::fmt::Display| {
            Exit::new(code, format!("{}: {what}", path.display()))
        };
        let bytes = mapped(&here(&path)?.path);
        let bytes = bytes.map_err(|error| told(Code::MissingInput, &error))?;
        let read = Segment::open(&path.to_string_lossy(), bytes);
        let read = read.map_err(|error| told(Code::BadInput, &error))?;
        Ok(read.without(batch.excluded.iter().cloned()))
    };
    names.map(segment).collect()
}
