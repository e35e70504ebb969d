//! Joint genotyping of simulated cohorts of growing size, from gVCFs and from the cohort store: user and system CPU
//! seconds, peak memory and bytes; and what it costs to add samples.
//!
//! The samples of a small cohort are the first ones of a large one, so that only their number differs. Everything runs
//! on one thread.

mod data;
mod growth;
mod gvcf;
mod sites;
mod ways;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::ensure;

use crate::accuracy::tools::note;
use crate::bench_joint::data::Data;
use crate::bench_joint::ways::{Cost, Way};
use crate::product;

/// `cargo xtask bench-joint`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Sizes of cohorts
    #[arg(long, value_delimiter = ',', default_values_t = [100, 250, 500, 1_000])]
    samples: Vec<usize>,
    /// Length of the genome in millions of bases
    #[arg(long, default_value_t = 1.0)]
    megabases: f64,
    /// Seed of the cohort
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Ways to run
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Way::KumiVcf, Way::KumiLocal, Way::KumiSites, Way::Ingest, Way::Census, Way::CensusSites, Way::StoreVcf, Way::StoreLocal, Way::StoreSites, Way::BcftoolsMerge])]
    ways: Vec<Way>,
    /// The largest cohort that bcftools merges: at 500 samples it takes minutes a megabase
    #[arg(long, default_value_t = 100)]
    merge_samples_max: usize,
    /// Sizes of cohorts to which a hundred samples are added
    #[arg(long, value_delimiter = ',', default_values_t = [100, 1_000])]
    growth: Vec<usize>,
    /// Times each way runs, in turns; the fastest counts
    #[arg(long, default_value_t = 1)]
    rounds: u32,
    /// Where data and output go; `target/bench-joint` when not given
    #[arg(long)]
    work: Option<PathBuf>,
    /// A built kumi; the release build of this repository when not given
    #[arg(long)]
    kumi: Option<PathBuf>,
    /// Make the gVCFs and stop
    #[arg(long)]
    only_data: bool,
}

/// GLnexus 1.4, user CPU seconds and peak memory in megabytes by cohort, measured on 1 Mb of such gVCFs on two cores
/// of Zen 4.
const GLNEXUS: [(usize, f64, u64); 4] = [
    (100, 5.2, 190),
    (250, 16.9, 350),
    (500, 44.6, 700),
    (1_000, 98.9, 1_320),
];
/// Bytes of its BCF at 1,000 samples.
const GLNEXUS_BYTES: u64 = 27_800_000;

/// Makes the data, runs the ways and prints the table.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let grown = args.growth.iter().map(|samples| samples + growth::ADDED);
    let most = args.samples.iter().copied().chain(grown).max().unwrap_or(0);
    ensure!(most > 0, "no samples");
    ensure!(args.megabases >= 0.01, "--megabases is 0.01 or more");
    for way in &args.ways {
        way.check()?;
    }
    let (root, kumi) = product::root_and_kumi(args.kumi.as_deref())?;
    let work = args
        .work
        .clone()
        .unwrap_or_else(|| root.join("target/bench-joint"));
    let data = Data::make(&work, args.megabases, args.seed, most, &kumi)?;
    if args.only_data {
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = Vec::new();
    for &samples in &args.samples {
        let runs = |way: &Way| *way != Way::BcftoolsMerge || samples <= args.merge_samples_max;
        let ways: Vec<Way> = args.ways.iter().copied().filter(runs).collect();
        let mut costs: Vec<Option<Cost>> = vec![None; ways.len()];
        for round in 0..args.rounds.max(1) {
            for (way, least) in ways.iter().zip(&mut costs) {
                note(&format!("{samples} samples, round {}: {way:?}", round + 1));
                let cost = way.run(&kumi, &data, samples)?;
                *least = Some(least.map_or(cost, |least| least.min(cost)));
            }
        }
        let costs = ways.into_iter().zip(costs);
        rows.extend(costs.filter_map(|(way, cost)| Some((samples, way, cost?))));
    }
    let mut out = std::io::stdout().lock();
    print(args, &rows, &mut out)?;
    growth::print(&kumi, &data, &args.growth, &mut out)?;
    Ok(ExitCode::SUCCESS)
}

fn print(args: &Args, rows: &[(usize, Way, Cost)], out: &mut impl Write) -> anyhow::Result<()> {
    writeln!(out, "{} Mb, seed {}\n", args.megabases, args.seed)?;
    writeln!(
        out,
        "| samples | way | CPU s | ms a sample-Mb | peak MB | MB written | records |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|")?;
    for &samples in &args.samples {
        for (_, way, cost) in rows.iter().filter(|row| row.0 == samples) {
            let each = 1_000.0 * cost.seconds / (samples as f64 * args.megabases);
            writeln!(
                out,
                "| {samples} | {} | {:.2} | {each:.2} | {} | {:.1} | {} |",
                way.name(),
                cost.seconds,
                cost.peak_kb / 1_000,
                cost.bytes as f64 / 1e6,
                cost.records.map_or_else(String::new, |n| n.to_string())
            )?;
        }
        for (_, seconds, peak) in GLNEXUS.iter().filter(|row| row.0 == samples) {
            let bytes = if samples == 1_000 {
                format!("{:.1}", GLNEXUS_BYTES as f64 / 1e6)
            } else {
                String::new()
            };
            let each = 1_000.0 * seconds / samples as f64;
            writeln!(
                out,
                "| {samples} | GLnexus 1.4, published for 1 Mb | {seconds} | {each:.1} | {peak} | {bytes} | |"
            )?;
        }
    }
    Ok(())
}
