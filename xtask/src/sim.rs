//! `cargo xtask sim`: the simulation of `tests/sim`, built as the tests build it.

use std::process::{Command, ExitCode};

use anyhow::Context as _;

/// Run simulated clusters with faults; see docs/simulation.md
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What the simulation is told: `--seeds N`, `--seed S`, `--plant FAULT`, `--trace`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    told: Vec<String>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["run", "--quiet", "--package", "kumi-sim", "--"])
        .args(&args.told)
        .status()
        .context("cargo cannot be run")?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
