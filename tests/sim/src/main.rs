//! `kumi-sim`: runs seeds and prints what the checkers find, with the command that shows it again.

use std::process::ExitCode;
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

#[expect(clippy::print_stdout, reason = "what it found is its output")]
fn main() -> ExitCode {
    let args = Args::parse();
    let mut failed = 0;
    let begun = Instant::now();
    let mut virtual_ms = 0;
    for seed in args.seed..args.seed + args.seeds {
        let report = run(seed, args.plant);
        virtual_ms += report.virtual_ms;
        println!(
            "seed {seed}: {} commands, {} attempts, {} of them in vain, {} s, {}",
            report.commands,
            report.attempts,
            report.wasted,
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
            failed += 1;
            let plant = args
                .plant
                .map_or(String::new(), |p| format!(" --plant {}", p.name()));
            println!("  again: cargo xtask sim --seed {seed} --trace{plant}");
        }
    }
    println!(
        "{} seeds, {failed} with violations; {} s simulated in {:.1} s",
        args.seeds,
        virtual_ms / 1_000,
        begun.elapsed().as_secs_f64()
    );
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
