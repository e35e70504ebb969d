//! Alignment beside bwa mem and minimap2: reads a CPU second, accuracy, whether MAPQ means what it says, threads, and
//! the whole way to a CRAM.
//!
//! Genome and reads come from the simulator in `../shared/tools`; each read carries its truth in its name. All
//! aligners take the same files, on one thread, in turns, and write SAM to a file.

mod aligner;
mod data;
mod score;
mod whole;

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;

use crate::accuracy::tools::note;
use crate::bench_align::aligner::Aligner;
use crate::bench_align::data::{Data, Reads};
use crate::bench_align::score::{BINS, Score};
use crate::product;

/// `cargo xtask bench-align`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The simulator's folder; `../shared/tools` beside the repository when not given
    #[arg(long)]
    tools: Option<PathBuf>,
    /// FASTA with real sequence; the GRCh38 slice in `../shared/data` when not given
    #[arg(long)]
    reference: Option<PathBuf>,
    /// Where data and alignments go; `target/bench-align` when not given
    #[arg(long)]
    work: Option<PathBuf>,
    /// A built kumi; the release build of this repository when not given
    #[arg(long)]
    kumi: Option<PathBuf>,
    /// The real sequence as it is, or with 232 Mb of simulated, repeat-rich sequence behind it
    #[arg(long, value_enum, default_value_t)]
    genome: Genome,
    /// Read sets to align
    #[arg(long, value_enum, default_values_t = [Reads::Clean, Reads::Real])]
    reads: Vec<Reads>,
    /// Pairs in a read set
    #[arg(long, default_value_t = 100_000)]
    pairs: u64,
    /// Seed of the simulated individual and its reads
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Times each aligner runs; the fastest counts
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Aligners to run
    #[arg(long, value_enum, default_values_t = [Aligner::Kumi, Aligner::Bwa, Aligner::Minimap2])]
    aligners: Vec<Aligner>,
    /// Leave out threads and the whole way to CRAM
    #[arg(long)]
    only_alignment: bool,
}

/// What is aligned to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Genome {
    /// The real sequence alone.
    #[default]
    Real,
    /// With simulated sequence: repeats, segmental duplications, satellites.
    Repeats,
}

/// Makes the data, runs the aligners and prints the tables.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (root, kumi) = product::root_and_kumi(args.kumi.as_deref())?;
    let data = Data::make(args, &root)?;
    let (mut tables, mut more) = (Vec::new(), Vec::new());
    for &reads in &args.reads {
        let files = data.reads(args, reads)?;
        let few = data.few(&files)?;
        let mut seconds = vec![f64::INFINITY; args.aligners.len()];
        for round in 0..args.rounds.max(1) {
            for (aligner, best) in args.aligners.iter().zip(&mut seconds) {
                note(&format!("{reads:?}, round {}: {aligner:?}", round + 1));
                // What a run costs that aligns next to nothing is the loading of the index.
                let loading = aligner.run(&kumi, &data, &few)?;
                *best = best.min(aligner.run(&kumi, &data, &files)? - loading);
            }
        }
        for (aligner, seconds) in args.aligners.iter().zip(seconds) {
            let sam = File::open(data.output(*aligner, &files))?;
            let score = Score::read(BufReader::with_capacity(1 << 20, sam))?;
            let what = format!("{reads:?} | {aligner:?}").to_lowercase();
            tables.push((what, 2.0 * args.pairs as f64 / seconds, score));
        }
        if !args.only_alignment {
            note(&format!("{reads:?}: threads and the whole way"));
            let scaling = whole::scaling(&kumi, &data, &files, &few)?;
            more.push((reads, scaling, whole::ways(&kumi, &data, &files)?));
        }
    }
    print(&tables)?;
    print_more(&more)?;
    Ok(ExitCode::SUCCESS)
}

fn print(tables: &[(String, f64, Score)]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "| reads | aligner | reads / user CPU s | correct % | MAPQ >= 30: correct %, wrong | foreign at MAPQ >= 30 | properly paired % | split reads |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|---|")?;
    for (what, speed, score) in tables {
        writeln!(
            out,
            "| {what} | {speed:.0} | {:.3} | {:.3}, {} | {} | {:.3} | {} |",
            score.percent(score.correct()),
            score.percent(score.correct_at(30)),
            score.wrong_at(30),
            score.foreign,
            score.proper_percent(),
            score.split,
        )?;
    }
    writeln!(
        out,
        "\nMAPQ, by what it claims: wrong / placed (phred of that).\n"
    )?;
    let names: Vec<String> = BINS
        .iter()
        .map(|(low, high)| format!("{low}-{high}"))
        .collect();
    writeln!(out, "| reads | aligner | {} |", names.join(" | "))?;
    writeln!(out, "|---|---|{}", "---|".repeat(BINS.len()))?;
    for (what, _, score) in tables {
        let cells: Vec<String> = score.calibration().collect();
        writeln!(out, "| {what} | {} |", cells.join(" | "))?;
    }
    Ok(())
}

fn print_more(rows: &[(Reads, f64, [f64; 2])]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "\n| reads | two threads: share of each that is used (wall) | gzip to CRAM, CPU s: kumi | bwa mem, samtools fixmate, sort, markdup | kumi of that |"
    )?;
    writeln!(out, "|---|---|---|---|---|")?;
    for (reads, scaling, [ours, theirs]) in rows {
        let what = format!("{reads:?}").to_lowercase();
        let share = ours / theirs;
        writeln!(
            out,
            "| {what} | {scaling:.2} | {ours:.1} | {theirs:.1} | {share:.3} |"
        )?;
    }
    Ok(())
}
