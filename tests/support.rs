//! What every test of the whole product needs: the binary, its output, the files it leaves.

pub(crate) mod gvcfs;
pub(crate) mod lab;
pub(crate) mod mixed;
pub(crate) mod proxy;
pub(crate) mod random;
pub(crate) mod s3;
pub(crate) mod site;
pub(crate) mod slurm;
pub(crate) mod small;
pub(crate) mod tls;
pub(crate) mod tools;
pub(crate) mod trio;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .expect("the repository")
}

/// The `kumi` binary.
pub(crate) fn kumi() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kumi"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("KUMI_") {
            command.env_remove(name);
        }
    }
    command.env("NO_COLOR", "1");
    command
}

/// `kumi run` of a cohort file.
pub(crate) fn run(cohort: &Path, output: &Path) -> Command {
    let mut command = kumi();
    command.arg("run").arg(cohort);
    command.arg("--output-dir").arg(output);
    command
}

/// Runs a command; its output, or a panic that shows all of it.
pub(crate) fn ok(command: &mut Command) -> Output {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}\n{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
    output
}

/// Runs a command that must end with this code and say this.
pub(crate) fn refuses(command: &mut Command, code: i32, says: &str) {
    let output = command.output().expect("kumi runs");
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{command:?}\n{stderr}");
    assert!(stderr.contains(says), "{command:?}\n{stderr}");
}

/// Bytes as text.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// SHA-256 as 64 lower-case digits.
pub(crate) fn sha256(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A gzip or BGZF file as text.
pub(crate) fn unzip(path: &Path) -> String {
    let file = fs::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(file), &mut text)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text
}

/// Every file below `root` whose name `wanted` likes, by relative path; nothing below `.kumi`.
pub(crate) fn files(root: &Path, wanted: &dyn Fn(&str) -> bool) -> Vec<String> {
    fn walk(root: &Path, folder: &Path, wanted: &dyn Fn(&str) -> bool, into: &mut Vec<String>) {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            let relative = path.strip_prefix(root).expect("below").to_string_lossy();
            if path.is_dir() && relative != ".kumi" {
                walk(root, &path, wanted, into);
            } else if path.is_file() && wanted(&relative) {
                into.push(relative.into_owned());
            }
        }
    }
    let mut found = Vec::new();
    walk(root, root, wanted, &mut found);
    found.sort();
    found
}

/// The digests of all published alignments, gVCFs and cohort VCFs below `root`, by relative path.
pub(crate) fn published(root: &Path) -> BTreeMap<String, String> {
    let wanted = |name: &str| {
        let product = name.ends_with(".cram") || name.ends_with(".vcf.gz");
        product && !name.contains("/work/")
    };
    let digest = |name: String| {
        let sum = sha256(&root.join(&name));
        (name, sum)
    };
    files(root, &wanted).into_iter().map(digest).collect()
}

/// The one file below `root`, shards of work in progress aside, whose name has this end.
pub(crate) fn published_file(root: &Path, ending: &str) -> PathBuf {
    let found = files(root, &|name| {
        name.ends_with(ending) && !name.contains("/work/")
    });
    assert_eq!(found.len(), 1, "{ending}: {found:?}");
    root.join(&found[0])
}

/// Calls `probe` until it gives something; panics with `what` after two minutes.
pub(crate) fn until<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within two minutes");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// JSON that a command printed.
pub(crate) fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!(
            "{error}\n{}\n{}",
            text(&output.stdout),
            text(&output.stderr)
        )
    })
}
