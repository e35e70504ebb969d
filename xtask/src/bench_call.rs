//! Calling beside bcftools and freebayes: what is found by class of variant, what is wrong, whether GQ means what it
//! says, and CPU seconds a megabase.
//!
//! An individual is simulated on real sequence of the human genome, its reads are aligned once by `kumi kernel
//! align`, and all callers take that file, on one thread, in turns.

mod calibration;
mod callers;
mod data;
mod genome;
mod reads;
mod score;
mod tracts;
mod variants;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::ensure;

use crate::accuracy::tools::note;
use crate::bench_call::calibration::Bin;
use crate::bench_call::callers::Caller;
use crate::bench_call::data::Data;
use crate::bench_call::reads::Stutter;
use crate::bench_call::score::{CLASSES, Score};
use crate::product;

/// `cargo xtask bench-call`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// FASTA with real sequence; the GRCh38 slice in `../shared/data` when not given
    #[arg(long)]
    reference: Option<PathBuf>,
    /// Where data and calls go; `target/bench-call` when not given
    #[arg(long)]
    work: Option<PathBuf>,
    /// A built kumi; the release build of this repository when not given
    #[arg(long)]
    kumi: Option<PathBuf>,
    /// Sequence that is sequenced and called, in millions of bases; all there is when that is less
    #[arg(long, default_value_t = 3.0)]
    megabases: f64,
    /// Mean coverage, duplicates and foreign reads included
    #[arg(long, default_value_t = 30.0)]
    depth: f64,
    /// Bases of a read
    #[arg(long, default_value_t = 150, value_parser = clap::value_parser!(usize))]
    read_length: usize,
    /// Per cent of the reads that come from another individual
    #[arg(long, default_value_t = 0.0)]
    contamination: f64,
    /// Per cent of the pairs that are copies of others
    #[arg(long, default_value_t = 0.0)]
    duplicates: f64,
    /// How often fragments gain or lose a unit of a repeat
    #[arg(long, value_enum, default_value_t)]
    stutter: Stutter,
    /// Seed of the individual and its reads
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Times each caller runs; the fastest counts
    #[arg(long, default_value_t = 2)]
    rounds: u32,
    /// Callers to run
    #[arg(long, value_enum, default_values_t = [Caller::Kumi, Caller::Bcftools, Caller::Freebayes])]
    callers: Vec<Caller>,
}

impl Args {
    /// Names what decides about the reads.
    fn name(&self) -> String {
        format!(
            "{}-{}x-{}-c{}-d{}-{:?}-{}",
            self.megabases,
            self.depth,
            self.read_length,
            self.contamination,
            self.duplicates,
            self.stutter,
            self.seed
        )
        .to_lowercase()
    }
}

/// What a caller did.
struct Row {
    caller: Caller,
    seconds: f64,
    score: Score,
    calibration: Vec<(String, Bin)>,
}

/// Makes the data, runs the callers and prints the tables.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    ensure!(
        (50..=300).contains(&args.read_length),
        "reads have 50 to 300 bases"
    );
    for caller in &args.callers {
        caller.check()?;
    }
    let (root, kumi) = product::root_and_kumi(args.kumi.as_deref())?;
    let data = Data::make(args, &root, &kumi)?;
    let mut seconds = vec![f64::INFINITY; args.callers.len()];
    for round in 0..args.rounds.max(1) {
        for (caller, best) in args.callers.iter().zip(&mut seconds) {
            note(&format!("round {}: {caller:?}", round + 1));
            *best = best.min(caller.run(&kumi, &data)?);
        }
    }
    let mut rows = Vec::new();
    for (&caller, seconds) in args.callers.iter().zip(seconds) {
        let name = format!("{}.{caller:?}", args.name()).to_lowercase();
        let calls = data.work.join(format!("{name}.scored.vcf.gz"));
        caller.calls(&data, &calls)?;
        let score = score::compare(&root, &data, &calls, &data.work.join(name))?;
        let calibration = calibration::of_calls(&caller.output(&data), &score)?;
        rows.push(Row {
            caller,
            seconds,
            score,
            calibration,
        });
    }
    print(args, &data, &rows)?;
    Ok(ExitCode::SUCCESS)
}

fn print(args: &Args, data: &Data, rows: &[Row]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let (called, scored) = (data.megabases(), data.scored_bases as f64 / 1e6);
    writeln!(
        out,
        "{}: {called:.2} Mb called, {scored:.2} Mb scored\n",
        args.name()
    )?;
    let names: Vec<String> = rows
        .iter()
        .map(|row| format!("{:?}", row.caller).to_lowercase())
        .collect();
    writeln!(
        out,
        "| found / all, wrong calls, F1 | {} |",
        names.join(" | ")
    )?;
    writeln!(out, "|---|{}", "---|".repeat(rows.len()))?;
    for (class, name) in CLASSES {
        let cell = |row: &Row| {
            let counts = row.score.classes.get(&class).copied().unwrap_or_default();
            format!(
                "{} / {}, {}, {:.4}",
                counts.found,
                counts.truth(),
                counts.wrong,
                counts.f1()
            )
        };
        let cells: Vec<String> = rows.iter().map(cell).collect();
        writeln!(out, "| {name} | {} |", cells.join(" | "))?;
    }
    let cells: Vec<String> = rows
        .iter()
        .map(|row| format!("{:.2}", row.seconds / called))
        .collect();
    writeln!(out, "| user CPU s / Mb | {} |\n", cells.join(" | "))?;
    writeln!(
        out,
        "Genotype quality of calls: wrong / all (wrong ones that it claims).\n"
    )?;
    let bins: Vec<&str> = rows.first().map_or(Vec::new(), |row| {
        row.calibration
            .iter()
            .map(|(name, _)| name.as_str())
            .collect()
    });
    writeln!(out, "| caller | {} |", bins.join(" | "))?;
    writeln!(out, "|---|{}", "---|".repeat(bins.len()))?;
    for (row, name) in rows
        .iter()
        .zip(&names)
        .filter(|(row, _)| row.caller != Caller::Freebayes)
    {
        let cell = |(_, bin): &(String, Bin)| {
            format!("{} / {} ({:.1})", bin.wrong, bin.genotypes, bin.expected)
        };
        let cells: Vec<String> = row.calibration.iter().map(cell).collect();
        writeln!(out, "| {name} | {} |", cells.join(" | "))?;
    }
    Ok(())
}
