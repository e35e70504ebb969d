//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Whole-genome cohorts from FASTQ to joint-genotyped variants.
///
/// Build an index with `kumi reference build`, align with `kumi kernel align`, and check a cohort before it
/// is submitted with `kumi cohort check`.
#[derive(Debug, Parser)]
#[command(name = "kumi", version, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Nouns and daemons.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Look at cohort files and sample sheets
    #[command(subcommand)]
    Cohort(CohortCommand),
    /// Build and check reference indexes
    #[command(subcommand)]
    Reference(ReferenceCommand),
    /// Run one kernel on this machine
    #[command(subcommand)]
    Kernel(KernelCommand),
}

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For people.
    #[default]
    Table,
    /// One JSON document.
    Json,
    /// One JSON document a line.
    Jsonl,
}

/// `kumi cohort …`.
#[derive(Debug, Subcommand)]
pub enum CohortCommand {
    /// Check a cohort file, its sheet and every file they name
    Check {
        /// The cohort file (docs/cohort-file.md)
        cohort: PathBuf,
        /// How to print the result
        #[arg(long, value_enum, default_value_t)]
        output: OutputFormat,
    },
}

/// `kumi reference …`.
#[derive(Debug, Subcommand)]
pub enum ReferenceCommand {
    /// Build an index from FASTA
    Build {
        /// FASTA, plain, gzip or BGZF
        fasta: PathBuf,
        /// The index to write
        #[arg(long)]
        output: PathBuf,
        /// Threads; all cores when not given
        #[arg(long)]
        threads: Option<usize>,
    },
    /// Check every byte of an index
    Verify {
        /// The index
        index: PathBuf,
    },
    /// What is in an index
    Show {
        /// The index
        index: PathBuf,
        /// How to print it
        #[arg(long, value_enum, default_value_t)]
        output: OutputFormat,
    },
}

/// `kumi kernel …`.
#[derive(Debug, Subcommand)]
pub enum KernelCommand {
    /// Align reads: sorted and duplicate-marked with an index, or in input order
    Align(AlignArgs),
}

/// `kumi kernel align`.
#[derive(Debug, Args)]
pub struct AlignArgs {
    /// Reference index
    #[arg(long)]
    pub reference: PathBuf,
    /// Sample name (SM)
    #[arg(long)]
    pub sample: String,
    /// FASTQ, plain, gzip or BGZF; or one BAM or CRAM, which is taken apart again
    #[arg(required = true, num_args = 1..=2)]
    pub reads: Vec<PathBuf>,
    /// OUT.cram, OUT.bam, OUT.sam, or - for SAM on standard output
    #[arg(long)]
    pub output: PathBuf,
    /// Threads; all cores when not given. Results do not depend on it
    #[arg(long)]
    pub threads: Option<usize>,
    /// In input order, without duplicate marking
    #[arg(long)]
    pub unsorted: bool,
    /// Read group ID; the sample's name when not given
    #[arg(long)]
    pub read_group: Option<String>,
    /// Library (LB); the sample's name when not given
    #[arg(long)]
    pub library: Option<String>,
    /// Memory for sorting, as 4GiB
    #[arg(long, value_parser = parse_bytes, default_value = "2GiB")]
    pub memory: u64,
}

/// A size with its unit: 512MiB, 64GiB, 1TiB.
fn parse_bytes(text: &str) -> Result<u64, String> {
    let at = text
        .find(|c: char| !c.is_ascii_digit())
        .ok_or("a unit is missing: MiB, GiB or TiB")?;
    let number: u64 = text[..at].parse().map_err(|_| "not a number")?;
    let shift = match &text[at..] {
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        unit => return Err(format!("unknown unit `{unit}`: use KiB, MiB, GiB or TiB")),
    };
    number
        .checked_mul(1 << shift)
        .ok_or_else(|| "too large".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::{Cli, parse_bytes};

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn values_need_their_unit() {
        assert_eq!(parse_bytes("64GiB"), Ok(64 << 30));
        for wrong in ["64", "64GB", "99999999999TiB"] {
            assert!(parse_bytes(wrong).is_err(), "{wrong}");
        }
    }
}
