//! The binary under test, the tools of others, and small data.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;
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

/// True when all of these programs are installed. Where `KUMI_TEST_TOOLS` is `required` a missing one is
/// a failure; elsewhere the test says what is missing and passes.
pub(crate) fn have(tools: &[&str]) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = |tool: &str| std::env::split_paths(&path).any(|folder| folder.join(tool).is_file());
    let missing: Vec<_> = tools.iter().filter(|tool| !found(tool)).collect();
    if missing.is_empty() {
        return true;
    }
    assert_ne!(
        std::env::var("KUMI_TEST_TOOLS").as_deref(),
        Ok("required"),
        "not installed: {missing:?}"
    );
    eprintln!("skipped: not installed: {missing:?}");
    false
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

/// Runs a shell pipeline of tools of others; its standard output.
pub(crate) fn shell(script: &str) -> String {
    text(&ok(Command::new("bash").args(["-o", "pipefail", "-euc", script])).stdout)
}

/// Bytes as text.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The bundled trio.
pub(crate) fn trio() -> PathBuf {
    root().join("examples/ceu-trio")
}

/// A cohort file that names the bundled trio by absolute paths, with `params` added to its `[params]`.
pub(crate) fn cohort_file(dir: &Path, params: &str) -> PathBuf {
    let trio = trio();
    let text = format!(
        "[cohort]\nname = \"ceu-trio\"\nprogramme = \"example\"\ncentre = \"coriell\"\nsheet = \"{0}/samples.csv\"\n\
         [reference]\nfasta = \"{0}/reference/b37.20_9995001_11095000.fa.gz\"\n\
         [params]\ntargets = \"{0}/targets.bed\"\n{params}\n",
        trio.display()
    );
    let path = dir.join("cohort.toml");
    fs::write(&path, text).expect("written");
    path
}

/// SHA-256 as 64 lower-case digits.
pub(crate) fn sha256(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
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
        let digest = sha256(&root.join(&name));
        (name, digest)
    };
    files(root, &wanted).into_iter().map(digest).collect()
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

/// The trio, run once with the default settings; others compare with it and must not change it.
pub(crate) struct Embedded {
    /// Holds `root`.
    dir: tempfile::TempDir,
    /// What `--output json` said.
    pub(crate) report: serde_json::Value,
}

impl Embedded {
    /// Where everything was published.
    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("out")
    }

    /// `kumi run` of the same cohort to the same place.
    pub(crate) fn command(&self) -> Command {
        run_command(self.dir.path(), &self.root())
    }
}

fn run_command(dir: &Path, root: &Path) -> Command {
    let mut command = kumi();
    command.arg("run").arg(dir.join("cohort.toml"));
    command.arg("--output-dir").arg(root);
    command
}

pub(crate) static EMBEDDED: LazyLock<Embedded> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("a temporary directory");
    cohort_file(dir.path(), "");
    let root = dir.path().join("out");
    let output = ok(run_command(dir.path(), &root).args(["--output", "json"]));
    Embedded {
        report: json(&output),
        dir,
    }
});
