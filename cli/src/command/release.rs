//! `kumi release`: what was released of cohorts, checked, compared and written in other forms.

mod diff;
mod export;
mod verify;

use std::path::{Path, PathBuf};

use kumi_proto::v1;
use kumi_proto::v1::release_service_client::ReleaseServiceClient;
use kumi_worker::objects::Place;
use serde_json::{Value, json};
use tonic::transport::Channel;

use crate::args::{ReleaseCommand, Remote};
use crate::command::opened::opened;
use crate::exit::{Code, Exit};
use crate::print;
use crate::request;
use crate::submit::ANSWER_BYTES_MAX;
use crate::table::{Table, bytes, count, timestamp};

/// Runs the command.
///
/// # Errors
/// 65 when a release is not what its manifest says, 66 when its files are not reached from here, else what the
/// scheduler answers.
pub async fn run(command: ReleaseCommand) -> anyhow::Result<()> {
    match command {
        ReleaseCommand::List { cohort, remote } => list(cohort.unwrap_or_default(), &remote).await,
        ReleaseCommand::Show { release, remote } => show(release, &remote).await,
        ReleaseCommand::Build {
            cohort,
            wait,
            remote,
        } => build(cohort, wait, &remote).await,
        ReleaseCommand::Verify { release, remote } => verify::run(release, &remote).await,
        ReleaseCommand::Export(args) => export::run(args).await,
        ReleaseCommand::Diff(args) => diff::run(args).await,
    }
}

fn releases(channel: Channel) -> ReleaseServiceClient<Channel> {
    ReleaseServiceClient::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX)
}

/// A release, and what it was made from if that is asked for.
async fn get(
    release: String,
    source: bool,
    remote: &Remote,
) -> anyhow::Result<v1::GetReleaseResponse> {
    let client = remote.client()?;
    let asked = v1::GetReleaseRequest {
        release,
        stale: false,
        source,
    };
    let answer = client
        .call(async |channel| releases(channel).get(asked.clone()).await)
        .await?;
    Ok(answer.into_inner())
}

/// The folder of a release that was named: itself, or where the scheduler says that it is.
async fn folder(release: String, remote: &Remote) -> anyhow::Result<PathBuf> {
    let path = PathBuf::from(&release);
    if path.join(verify::MANIFEST).is_file() {
        return Ok(path);
    }
    let found = get(release, false, remote)
        .await?
        .release
        .unwrap_or_default();
    let manifest = found.manifest.unwrap_or_default();
    let folder = Path::new(&found.root).join(manifest.directory);
    if matches!(Place::of(&folder), Ok(Place::Object(_))) {
        let message = format!(
            "{}: only folders are compared; copy the release to this machine and name its folder",
            folder.display()
        );
        return Err(Exit::new(Code::Usage, message).into());
    }
    Ok(folder)
}

async fn list(cohort: String, remote: &Remote) -> anyhow::Result<()> {
    let client = remote.client()?;
    let asked = v1::ListReleasesRequest {
        cohort,
        stale: false,
    };
    let answer = client
        .call(async |channel| releases(channel).list(asked.clone()).await)
        .await?;
    let releases = answer.into_inner().releases;
    let values: Vec<_> = releases.iter().map(value).collect();
    print::all(remote.output, &values, || {
        let mut table = Table::new(&[
            "release",
            "cohort",
            "name",
            "programme",
            "samples",
            "withdrawn since",
            "created",
        ]);
        for release in &releases {
            table.row(vec![
                release.release.clone(),
                release.cohort.to_string(),
                release.name.clone(),
                release.programme.clone(),
                count(release.samples),
                count(release.withdrawn.len() as u64),
                timestamp(release.created_ms),
            ]);
        }
        table.render()
    });
    Ok(())
}

fn value(release: &v1::Release) -> Value {
    let manifest = release.manifest.clone().unwrap_or_default();
    let files = manifest.files.iter();
    let files: Vec<Value> = files
        .map(|file| json!({ "name": file.name, "size": file.size, "sha256": file.sha256 }))
        .collect();
    json!({
        "release": release.release, "cohort": release.cohort, "name": release.name, "programme": release.programme,
        "samples": release.samples, "withdrawn": release.withdrawn, "created": timestamp(release.created_ms),
        "directory": Path::new(&release.root).join(&manifest.directory), "counts": manifest.counts, "files": files,
        "genotypes": release.genotypes().label(),
    })
}

/// Whether the genotypes of a release are in the cohort store alone.
fn are_stored(release: &v1::Release) -> bool {
    release.genotypes() == v1::Genotypes::Store
}

async fn show(release: String, remote: &Remote) -> anyhow::Result<()> {
    let release = get(release, false, remote)
        .await?
        .release
        .unwrap_or_default();
    print::one(remote.output, &value(&release), || {
        let manifest = release.manifest.clone().unwrap_or_default();
        let mut table = Table::new(&["file", "size", "sha256"]);
        for file in &manifest.files {
            table.row(vec![
                file.name.clone(),
                bytes(file.size),
                file.sha256.clone(),
            ]);
        }
        let withdrawn = match release.withdrawn.len() {
            0 => String::new(),
            _ => format!(
                "withdrawn since: {}; a release without them is made by: kumi release build {}\n",
                release.withdrawn.join(", "),
                release.name
            ),
        };
        let genotypes = if are_stored(&release) {
            format!(
                "genotypes are in the cohort store: kumi release export {} --to FILE\n",
                release.release
            )
        } else {
            String::new()
        };
        format!(
            "release {} of cohort {} ({}): {} samples, created {}\n{}\n{withdrawn}{genotypes}{}",
            release.release,
            release.cohort,
            release.name,
            count(release.samples),
            timestamp(release.created_ms),
            Path::new(&release.root).join(&manifest.directory).display(),
            table.render()
        )
    });
    Ok(())
}

async fn build(cohort: String, wait: bool, remote: &Remote) -> anyhow::Result<()> {
    let client = remote.client()?;
    let asked = v1::BuildReleaseRequest {
        request_id: request::fresh_id(),
        cohort,
    };
    let answer = client
        .call(async |channel| releases(channel).build(asked.clone()).await)
        .await?
        .into_inner();
    opened(&client, &answer, wait, remote).await
}
