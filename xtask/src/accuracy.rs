//! Accuracy on real data beside the floors of `docs/accuracy.md`.
//!
//! Everything goes through the command lines of the built `kumi`: index, align, call, joint. Nothing here is an
//! input to them beyond reads, reference and ploidy: truth sets and regions are read by the scoring only.

mod assembly;
mod concordance;
mod genotypes;
mod kernels;
mod score;
mod sets;
pub(crate) mod tools;

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::Context;
use clap::ValueEnum;

use crate::accuracy::kernels::Kernels;
use crate::accuracy::sets::SETS;

/// `cargo xtask accuracy`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder of real data; `../shared/data` beside the repository when not given
    #[arg(long)]
    data: Option<PathBuf>,
    /// Where indexes, alignments and calls go; `target/accuracy` when not given
    #[arg(long)]
    work: Option<PathBuf>,
    /// A built kumi; the release build of this repository when not given
    #[arg(long)]
    kumi: Option<PathBuf>,
    /// Who calls from kumi's alignments
    #[arg(long, value_enum, default_value_t)]
    caller: Caller,
    /// Only these data sets
    #[arg(long, value_parser = SETS.map(|(name, _)| name))]
    only: Vec<String>,
}

/// Who calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Caller {
    /// `kumi kernel call` and `kumi kernel joint`.
    #[default]
    Kumi,
    /// `bcftools mpileup | bcftools call`, QUAL at least 20: checks the scoring and says what another caller reaches.
    Bcftools,
}

/// One line of the table.
#[derive(Debug)]
struct Row {
    what: String,
    measured: String,
    floor: String,
    met: bool,
}

impl Row {
    fn new(what: &str, measured: String, floor: impl Into<String>, met: bool) -> Self {
        let (what, floor) = (what.to_owned(), floor.into());
        Self {
            what,
            measured,
            floor,
            met,
        }
    }
}

/// Prints the table; exit code 1 when a floor is missed.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()?;
    let data = args
        .data
        .clone()
        .unwrap_or_else(|| root.join("../shared/data"));
    let data = data
        .canonicalize()
        .with_context(|| format!("no data at {}", data.display()))?;
    let work = args
        .work
        .clone()
        .unwrap_or_else(|| root.join("target/accuracy"));
    std::fs::create_dir_all(&work)?;
    let kumi = match &args.kumi {
        Some(kumi) => kumi
            .canonicalize()
            .with_context(|| format!("no {}", kumi.display()))?,
        None => build(&root)?,
    };
    let kernels = Kernels {
        root,
        kumi,
        data,
        work: work.canonicalize()?,
        caller: args.caller,
    };

    let mut out = std::io::stdout().lock();
    writeln!(out, "| data | measured | at least | |\n|---|---|---|---|")?;
    let mut missed = 0;
    for (name, measure) in SETS {
        if !args.only.is_empty() && !args.only.iter().any(|only| only == name) {
            continue;
        }
        let rows = measure(&kernels).unwrap_or_else(|error| {
            tools::note(&format!("{name}: {error:#}"));
            vec![Row::new(name, "failed".to_owned(), "to run", false)]
        });
        for Row {
            what,
            measured,
            floor,
            met,
        } in rows
        {
            let verdict = if met { "met" } else { "MISSED" };
            missed += usize::from(!met);
            writeln!(out, "| {what} | {measured} | {floor} | {verdict} |")?;
        }
        out.flush()?;
    }
    Ok(if missed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The release build of this repository.
pub(crate) fn build(root: &std::path::Path) -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    tools::ok(Command::new(cargo).current_dir(root).args([
        "build",
        "--quiet",
        "--release",
        "--locked",
        "--package",
        "kumi-cli",
    ]))?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(target.join("release/kumi"))
}
