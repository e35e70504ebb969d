//! Files, their digests, and a tarball of them: sorted, of one owner and one time.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use sha2::{Digest as _, Sha256};

/// Writes a file, and the folders that it lies in.
pub(super) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().context("a file lies in a folder")?;
    fs::create_dir_all(folder)?;
    fs::write(path, bytes).with_context(|| path.display().to_string())?;
    Ok(fs::set_permissions(
        path,
        fs::Permissions::from_mode(0o644),
    )?)
}

pub(super) fn copy(from: &Path, to: &Path, mode: u32) -> anyhow::Result<()> {
    let bytes = fs::read(from).with_context(|| from.display().to_string())?;
    write(to, &bytes)?;
    Ok(fs::set_permissions(to, fs::Permissions::from_mode(mode))?)
}

/// SHA-256 of a file, as 64 digits.
fn digest(path: &Path) -> anyhow::Result<String> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    let digest = Sha256::digest(bytes);
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Every file below a folder, relative to it, sorted.
fn files(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let (mut folders, mut found) = (vec![root.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(root)?.to_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// `SHA256SUMS` of everything in the folder, as `sha256sum --check` reads it.
pub(super) fn write_digests(stage: &Path) -> anyhow::Result<()> {
    let mut text = String::new();
    for path in files(stage)? {
        text.push_str(&format!(
            "{}  {}\n",
            digest(&stage.join(&path))?,
            path.display()
        ));
    }
    write(&stage.join("SHA256SUMS"), text.as_bytes())
}

/// Packs the folder beside itself; `epoch` is the time of every file, Unix seconds.
pub(super) fn tarball(stage: &Path, epoch: u64) -> anyhow::Result<PathBuf> {
    let out = stage.parent().context("a folder to pack into")?;
    let name = stage.file_name().context("a name")?;
    let name = name.to_str().context("a name in UTF-8")?;
    let tar = out.join(format!("{name}.tar"));
    let mut command = Command::new("tar");
    command.args([
        "--create",
        "--sort=name",
        "--format=ustar",
        "--numeric-owner",
    ]);
    command.args(["--owner=0", "--group=0", "--mode=u=rwX,go=rX"]);
    command.arg(format!("--mtime=@{epoch}"));
    command
        .arg("--file")
        .arg(&tar)
        .arg("--directory")
        .arg(out)
        .arg(name);
    ended(&mut command)?;
    // Without its name and time, which gzip would write into the file.
    ended(
        Command::new("gzip")
            .args(["--force", "--no-name", "-9"])
            .arg(&tar),
    )?;
    Ok(out.join(format!("{name}.tar.gz")))
}

fn ended(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("{command:?}"))?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}

/// Writes the digest of a file beside it; gives it.
pub(super) fn write_digest(path: &Path) -> anyhow::Result<String> {
    let name = path.file_name().context("a name")?;
    let digest = digest(path)?;
    let beside = format!("{}.sha256", path.display());
    fs::write(beside, format!("{digest}  {}\n", name.to_string_lossy()))?;
    Ok(digest)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, SystemTime};

    use super::{copy, digest, tarball, write, write_digests};

    #[test]
    fn a_tarball_depends_on_what_is_in_it_alone() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let packed = [("a", 3_600), ("b", 7_200)].map(|(place, age)| {
            let stage = dir.path().join(place).join("kumi-0");
            let names = if place == "a" {
                ["x/1", "y"]
            } else {
                ["y", "x/1"]
            };
            for name in names {
                write(&stage.join(name), name.as_bytes()).expect("written");
            }
            copy(&stage.join("y"), &stage.join("bin/k"), 0o755).expect("copied");
            write_digests(&stage).expect("digests");
            let old = SystemTime::now() - Duration::from_secs(age);
            let file = fs::File::options().write(true).open(stage.join("y"));
            file.expect("open").set_modified(old).expect("aged");
            digest(&tarball(&stage, 1_000_000_000).expect("packed")).expect("a digest")
        });
        assert_eq!(packed[0], packed[1]);
        let sums = fs::read_to_string(dir.path().join("a/kumi-0/SHA256SUMS")).expect("sums");
        let names: Vec<_> = sums.lines().map(|line| &line[66..]).collect();
        assert_eq!(names, ["bin/k", "x/1", "y"]);
    }
}
