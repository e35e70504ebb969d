//! What is handed out: one static binary with all that goes with it, in a tarball whose bytes depend on the commit alone.

mod check;
mod pack;
mod sbom;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, ensure};

/// Linked against musl: it runs on any Linux of its architecture, whatever that has installed.
const TARGET: &str = "x86_64-unknown-linux-musl";

/// Build the static binary and pack it with completions, manual pages, documents, manifests, an SBOM and digests
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder for the tarball; target/dist when not given
    #[arg(long)]
    out: Option<PathBuf>,
    /// Pack this program instead of building one
    #[arg(long)]
    binary: Option<PathBuf>,
}

/// Write the bill of materials alone
#[derive(Debug, clap::Args)]
pub(crate) struct SbomArgs {
    /// The file to write
    #[arg(long)]
    output: PathBuf,
}

fn root() -> anyhow::Result<PathBuf> {
    Ok(PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()?)
}

pub(crate) fn write_sbom(args: &SbomArgs) -> anyhow::Result<ExitCode> {
    let root = root()?;
    let bill = sbom::of(&root, TARGET, epoch(&root)?)?;
    pack::write(&args.output, format!("{bill:#}\n").as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let root = root()?;
    let binary = match &args.binary {
        Some(binary) => binary.clone(),
        None => {
            check::toolchain(TARGET)?;
            build(&root)?
        }
    };
    let bytes = std::fs::read(&binary).with_context(|| binary.display().to_string())?;
    check::is_static(&bytes).with_context(|| binary.display().to_string())?;
    let out = args.out.clone().unwrap_or_else(|| root.join("target/dist"));
    let name = format!("kumi-{}-{TARGET}", env!("CARGO_PKG_VERSION"));
    let stage = out.join(&name);
    if stage.exists() {
        std::fs::remove_dir_all(&stage)?;
    }
    let epoch = epoch(&root)?;
    fill(&root, &binary, &stage, epoch)?;
    let tarball = pack::tarball(&stage, epoch)?;
    let digest = pack::write_digest(&tarball)?;
    eprintln!("{digest}  {}", tarball.display());
    Ok(ExitCode::SUCCESS)
}

/// Compiles the program; what it says of files names no folder of this machine.
fn build(root: &Path) -> anyhow::Result<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let registry = home
        .context("neither CARGO_HOME nor HOME is set")?
        .join("registry/src");
    let flags = format!(
        "target.{TARGET}.rustflags=[\"--remap-path-prefix={}=kumi\",\"--remap-path-prefix={}=registry\"]",
        root.display(),
        registry.display()
    );
    let mut cargo = Command::new("cargo");
    cargo.args([
        "build",
        "--locked",
        "--package",
        "kumi-cli",
        "--bin",
        "kumi",
    ]);
    cargo.args(["--profile", "dist", "--target", TARGET, "--config", &flags]);
    let status = cargo
        .current_dir(root)
        .status()
        .context("cargo cannot be run")?;
    ensure!(status.success(), "cargo build: {status}");
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| root.join("target"));
    Ok(target.join(TARGET).join("dist/kumi"))
}

/// When the packed commit was made, Unix seconds: the time of every file in the tarball.
fn epoch(root: &Path) -> anyhow::Result<u64> {
    if let Ok(given) = std::env::var("SOURCE_DATE_EPOCH") {
        return given.parse().context("SOURCE_DATE_EPOCH");
    }
    let said = git(root, &["log", "-1", "--format=%ct"])?;
    said.trim().parse().context("the time of the last commit")
}

fn git(root: &Path, args: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("git").args(args).current_dir(root).output()?;
    ensure!(
        output.status.success(),
        "git {}: {}",
        args.join(" "),
        output.status
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// Puts everything into the folder that is packed.
fn fill(root: &Path, binary: &Path, stage: &Path, epoch: u64) -> anyhow::Result<()> {
    let kumi = stage.join("bin/kumi");
    pack::copy(binary, &kumi, 0o755)?;
    for (shell, place) in [
        ("bash", "share/bash-completion/completions/kumi"),
        ("zsh", "share/zsh/site-functions/_kumi"),
        ("fish", "share/fish/vendor_completions.d/kumi.fish"),
    ] {
        let output = Command::new(&kumi).args(["completions", shell]).output()?;
        ensure!(
            output.status.success(),
            "kumi completions {shell}: {}",
            output.status
        );
        pack::write(&stage.join(place), &output.stdout)?;
    }
    let pages = stage.join("share/man/man1");
    let status = Command::new(&kumi).arg("man").arg(&pages).status()?;
    ensure!(status.success(), "kumi man: {status}");
    let tracked = git(
        root,
        &[
            "ls-files",
            "README.md",
            "LICENSE-*",
            "docs",
            "deploy",
            "examples",
        ],
    )?;
    for path in tracked.lines() {
        let mode = if path.ends_with(".sh") { 0o755 } else { 0o644 };
        pack::copy(&root.join(path), &stage.join(path), mode)?;
    }
    let bill = sbom::of(root, TARGET, epoch)?;
    pack::write(
        &stage.join("sbom.cdx.json"),
        format!("{bill:#}\n").as_bytes(),
    )?;
    pack::write_digests(stage)
}
