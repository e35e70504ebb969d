//! `kumi-sim`: runs seeds and prints what the checkers find, with the command that shows it again.

use std::process::{Command, ExitCode};
use std::time::Instant;

use clap::Parser;
use kumi_sim::{Plant, run};

/// Runs a simulated cluster with faults, once for each seed.
#[derive(Debug, Parser)]
struct Args {
    /// How many seeds.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Plant a fault in the product: skip-fsync, lose-last-sync, accept-fenced, forget-lease or apply-twice.
    #[arg(long)]
    plant: Option<Plant>,
    /// Print what happened.
    #[arg(long)]
    trace: bool,
}

fn main() -> std::io::Result<ExitCode> {
    let args = Args::parse();
    let clean = if args.seeds == 1 {
        one(&args)
    } else {
        many(&args)?
    };
    Ok(if clean {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Runs one seed; true when nothing was violated.
#[expect(clippy::print_stdout, reason = "what it found is its output")]
fn one(args: &Args) -> bool {
    let report = run(args.seed, args.plant);
    println!(
        "seed {}: {} commands, {} attempts, {} of them in vain, {} second ones, {} of which won, {} s, {}",
        report.seed,
        report.commands,
        report.attempts,
        report.wasted,
        report.second.0,
        report.second.1,
        report.virtual_ms / 1_000,
        &report.digest[..16]
    );
    if args.trace {
        report.trace.iter().for_each(|line| println!("{line}"));
    }
    for violation in &report.violations {
        println!("  {violation}");
    }
    if !report.violations.is_empty() {
        let plant = args
            .plant
            .map_or(String::new(), |p| format!(" --plant {}", p.name()));
        println!(
            "  again: cargo xtask sim --seed {} --trace{plant}",
            report.seed
        );
    }
    report.violations.is_empty()
}

/// Runs each seed in a process of its own, since what ran before in one shifts what follows.
#[expect(clippy::print_stdout, reason = "what it found is its output")]
fn many(args: &Args) -> std::io::Result<bool> {
    let (begun, mut failed) = (Instant::now(), 0);
    for seed in args.seed..args.seed + args.seeds {
        let mut child = Command::new(std::env::current_exe()?);
        child.args(["--seed", &seed.to_string()]);
        child.args(args.plant.map(|p| format!("--plant={}", p.name())));
        child.args(args.trace.then_some("--trace"));
        failed += u64::from(!child.status()?.success());
    }
    println!(
        "{} seeds, {failed} with violations, in {:.1} s",
        args.seeds,
        begun.elapsed().as_secs_f64()
    );
    Ok(failed == 0)
}
