//! Genome, reads and indexes, made once and kept.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use clap::ValueEnum;

use crate::accuracy::tools::{ok, shell};
use crate::bench_align::aligner::Aligner;
use crate::bench_align::{Args, Genome};
use crate::once::once;

/// Simulated bases besides the real ones, in millions.
const SIMULATED_MEGABASES: &str = "232";
/// Seed of the simulated part of the genome.
const GENOME_SEED: &str = "5";
/// Bases of a read.
const READ_BASES: &str = "150";

/// A read set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Reads {
    /// Base errors and variants.
    Clean,
    /// Also chimeras, foreign reads, low-quality tails, adapters.
    Real,
}

/// The files of a read set.
#[derive(Debug)]
pub(super) struct Files {
    pub name: String,
    pub mates: [PathBuf; 2],
}

/// Where everything is.
#[derive(Debug)]
pub(super) struct Data {
    work: PathBuf,
    simulator: PathBuf,
    pub fasta: PathBuf,
}

impl Data {
    /// Builds the simulator and makes the genome.
    pub(super) fn make(args: &Args, root: &Path) -> anyhow::Result<Self> {
        let or = |given: &Option<PathBuf>, standard: &str| {
            given.clone().unwrap_or_else(|| root.join(standard))
        };
        let work = or(&args.work, "target/bench-align");
        fs::create_dir_all(&work)?;
        let work = work.canonicalize()?;
        let source = or(&args.tools, "../shared/tools").join("alnsim.rs");
        ensure!(
            source.is_file(),
            "no simulator at {}; give its folder with --tools",
            source.display()
        );
        let simulator = work.join("alnsim");
        once(&simulator, |partial| {
            ok(Command::new("rustc")
                .args(["-O", "--edition", "2021", "-A", "warnings", "-o"])
                .args([partial, &source]))
        })?;
        let given = or(
            &args.reference,
            "../shared/data/ref/grch38.chr20_and_21_10M.fa.gz",
        );
        let real = work.join("real.fa");
        once(&real, |partial| {
            shell("gzip -dcf \"$1\" > \"$2\"", &[&given, partial])
        })
        .with_context(|| format!("no reference at {}", given.display()))?;
        let fasta = match args.genome {
            Genome::Real => real,
            Genome::Repeats => {
                let fasta = work.join("repeats.fa");
                let script = format!(
                    "\"$1\" genome \"$2\" {SIMULATED_MEGABASES} {GENOME_SEED} 2> /dev/null > \"$3\""
                );
                once(&fasta, |partial| {
                    shell(&script, &[&simulator, &real, partial])
                })?;
                fasta
            }
        };
        Ok(Self {
            work,
            simulator,
            fasta,
        })
    }

    /// Simulates a read set.
    pub(super) fn reads(&self, args: &Args, reads: Reads) -> anyhow::Result<Files> {
        let genome = self.fasta.file_stem().unwrap_or_default().to_string_lossy();
        let kind = format!("{reads:?}").to_lowercase();
        let name = format!("{genome}-{kind}-{}-{}", args.pairs, args.seed);
        let mates = [1, 2].map(|mate| self.work.join(format!("{name}.{mate}.fq")));
        let script = format!(
            "\"$1\" reads \"$2\" {} {} {kind} {READ_BASES} \"$3\" \"$4\"",
            args.pairs, args.seed
        );
        // The second file appears last.
        once(&mates[1], |partial| {
            shell(&script, &[&self.simulator, &self.fasta, &mates[0], partial])
        })?;
        Ok(Files { name, mates })
    }

    /// The first pairs of a read set.
    pub(super) fn few(&self, files: &Files) -> anyhow::Result<Files> {
        let name = format!("{}-few", files.name);
        let mates = [1, 2].map(|mate| self.work.join(format!("{name}.{mate}.fq")));
        for (all, few) in files.mates.iter().zip(&mates) {
            once(few, |partial| {
                shell("head -n 40 \"$1\" > \"$2\"", &[all, partial])
            })?;
        }
        Ok(Files { name, mates })
    }

    /// A read set in gzip files, as a sequencer's software leaves it.
    pub(super) fn packed(&self, files: &Files) -> anyhow::Result<Files> {
        let mates = [0, 1].map(|mate| {
            let mut packed = files.mates[mate].as_os_str().to_owned();
            packed.push(".gz");
            PathBuf::from(packed)
        });
        for (all, packed) in files.mates.iter().zip(&mates) {
            once(packed, |partial| {
                shell("gzip -6 -c \"$1\" > \"$2\"", &[all, partial])
            })?;
        }
        let name = files.name.clone();
        Ok(Files { name, mates })
    }

    /// Where the CRAM of the whole way goes.
    pub(super) fn cram(&self, files: &Files, who: &str) -> PathBuf {
        self.work.join(format!("{}.{who}.cram", files.name))
    }

    /// The index of an aligner, made with `make` when it is not there.
    pub(super) fn index(
        &self,
        ending: &str,
        make: impl FnOnce(&Path) -> anyhow::Result<Vec<u8>>,
    ) -> anyhow::Result<PathBuf> {
        let index = self.fasta.with_extension(ending);
        once(&index, make)?;
        Ok(index)
    }

    /// Where an aligner's SAM goes.
    pub(super) fn output(&self, aligner: Aligner, files: &Files) -> PathBuf {
        self.work
            .join(format!("{}.{aligner:?}.sam", files.name).to_lowercase())
    }
}
