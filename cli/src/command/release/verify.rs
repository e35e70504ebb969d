//! Every byte of a release against its manifest.

use std::path::{Path, PathBuf};

use kumi_proto::v1;
use kumi_worker::store::sha256_file;
use serde::Deserialize;
use serde_json::json;

use crate::args::Remote;
use crate::command::release::get;
use crate::exit::{Code, Exit};
use crate::print;
use crate::remote;
use crate::table::{bytes, counted};

/// What tells the files of a release.
pub(super) const MANIFEST: &str = "manifest.json";

/// A file as `manifest.json` lists it.
#[derive(Debug, Deserialize)]
struct Listed {
    name: String,
    size: u64,
    sha256: String,
}

#[derive(Debug, Deserialize)]
struct Manifest {
    files: Vec<Listed>,
    #[serde(default)]
    samples: Vec<String>,
}

pub(super) async fn run(release: String, remote: &Remote) -> anyhow::Result<()> {
    let folder = PathBuf::from(&release);
    let (folder, files) = if folder.join(MANIFEST).is_file() {
        let files = listed(&folder)?;
        (folder, files)
    } else {
        let found = get(release, false, remote)
            .await?
            .release
            .unwrap_or_default();
        let manifest = found.manifest.unwrap_or_default();
        (
            Path::new(&found.root).join(manifest.directory),
            manifest.files,
        )
    };
    let (shown, checked) = (folder.clone(), files.clone());
    let problems = tokio::task::spawn_blocking(move || problems(&folder, &files)).await?;
    let size = checked.iter().map(|file| file.size).sum();
    let value =
        json!({ "directory": shown, "files": checked.len(), "bytes": size, "problems": problems });
    print::one(remote.output, &value, || match problems.len() {
        0 => format!(
            "{}: {} of {} are what the manifest says\n",
            shown.display(),
            counted(checked.len() as u64, "file"),
            bytes(size)
        ),
        _ => problems
            .iter()
            .map(|problem| format!("{problem}\n"))
            .collect(),
    });
    if problems.is_empty() {
        return Ok(());
    }
    let wrong = counted(problems.len() as u64, "file");
    let message = format!("{}: {wrong} not as released", shown.display());
    Err(Exit::new(Code::BadInput, message).into())
}

/// The files that `manifest.json` lists.
fn listed(folder: &Path) -> Result<Vec<v1::File>, Exit> {
    let files = manifest(folder)?.files.into_iter().map(|file| v1::File {
        name: file.name,
        size: file.size,
        sha256: file.sha256,
    });
    Ok(files.collect())
}

/// The samples that `manifest.json` lists.
pub(super) fn samples(folder: &Path) -> Result<Vec<String>, Exit> {
    manifest(folder).map(|manifest| manifest.samples)
}

fn manifest(folder: &Path) -> Result<Manifest, Exit> {
    let path = folder.join(MANIFEST);
    let text = std::fs::read(&path)
        .map_err(|error| Exit::new(Code::MissingInput, format!("{}: {error}", path.display())))?;
    serde_json::from_slice(&text).map_err(|error| {
        let message = format!("{} is no manifest of a release: {error}", path.display());
        Exit::new(Code::BadInput, message)
    })
}

/// What is wrong, a line for each file.
fn problems(folder: &Path, files: &[v1::File]) -> Vec<String> {
    let digested = |file: &v1::File| {
        let here = remote::file(&folder.join(&file.name))?;
        sha256_file(&here.path).map_err(|error| error.to_string())
    };
    let problem = |file: &v1::File| match digested(file) {
        Err(error) => Some(format!("{}: {error}", file.name)),
        Ok((size, _)) if size != file.size => {
            let listed = file.size;
            Some(format!(
                "{}: has {size} bytes, the manifest says {listed}",
                file.name
            ))
        }
        Ok((_, sha256)) if sha256 != file.sha256 => {
            let listed = &file.sha256;
            Some(format!(
                "{}: its SHA-256 is {sha256}, the manifest says {listed}",
                file.name
            ))
        }
        Ok(_) => None,
    };
    files.iter().filter_map(problem).collect()
}

#[cfg(test)]
mod tests {
    use super::{MANIFEST, listed, problems};

    #[test]
    fn a_changed_a_shorter_and_a_missing_file_are_named() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let sum = "3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7"; // of `data`
        let file = |name: &str| format!(r#"{{"name":"{name}","size":4,"sha256":"{sum}"}}"#);
        let files = ["good", "changed", "short", "gone"].map(file).join(",");
        let manifest = format!(r#"{{"format":"kumi release 1","files":[{files}]}}"#);
        std::fs::write(folder.path().join(MANIFEST), manifest).expect("written");
        for (name, text) in [("good", "data"), ("changed", "dada"), ("short", "dat")] {
            std::fs::write(folder.path().join(name), text).expect("written");
        }
        let files = listed(folder.path()).expect("a manifest");
        let problems = problems(folder.path(), &files);
        let named: Vec<&str> = problems
            .iter()
            .filter_map(|problem| problem.split(':').next())
            .collect();
        assert_eq!(named, ["changed", "short", "gone"]);
    }
}
