//! The command line of `kumi kernel`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use kumi_call::Filters;
use kumi_proto::v1;
use kumi_seq::ploidy::Sex;
use serde::Deserialize;

use crate::args::units::parse_bytes;

/// `kumi kernel …`.
#[derive(Debug, Subcommand)]
pub enum KernelCommand {
    /// Align reads: sorted and duplicate-marked with an index, or in input order
    Align(AlignArgs),
    /// Call the variants of one sample: alignments to a gVCF with its index
    Call(CallArgs),
    /// Keep what gVCFs say for a cohort that grows: a segment of the cohort store for each region
    Ingest(IngestArgs),
    /// Genotype samples together: gVCFs to one VCF or BCF with its index
    Joint(JointArgs),
    /// Count the alleles that samples of segments carry, and where they were looked at, in numbers that add up
    Census(CensusArgs),
    /// Write the segments that hold some samples again, without a trace of these samples
    Purge(PurgeArgs),
}

/// `kumi kernel call`.
#[derive(Debug, Args)]
pub struct CallArgs {
    /// Reference index
    #[arg(long)]
    pub reference: PathBuf,
    /// Sorted CRAM or BAM with its index beside it
    pub alignments: PathBuf,
    /// OUT.g.vcf.gz; its .tbi is written beside it
    #[arg(long)]
    pub output: PathBuf,
    /// BED file: call only here
    #[arg(long)]
    pub regions: Option<PathBuf>,
    /// Ploidy of the whole genome: 2, or 1 for a haploid organism. chrM is always haploid
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=2))]
    pub ploidy: u8,
    /// Sex: with XY, X and Y are haploid outside the pseudo-autosomal regions; with XX, Y is not called
    #[arg(long, value_enum)]
    pub sex: Option<SexArg>,
    /// FILTER of variants beside LowQual
    #[arg(long, value_enum, default_value_t)]
    pub filters: FiltersArg,
    /// Threads; all cores when not given. Results do not depend on it
    #[arg(long)]
    pub threads: Option<usize>,
}

/// Filters on the command line and in a cohort file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FiltersArg {
    /// None.
    Off,
    /// What hardly any true variant shows.
    #[default]
    Standard,
    /// Fewer wrong calls, at the price of some right ones.
    Strict,
}

impl FiltersArg {
    /// The preset of the caller.
    #[must_use]
    pub fn preset(self) -> Filters {
        match self {
            Self::Off => Filters::Off,
            Self::Standard => Filters::Standard,
            Self::Strict => Filters::Strict,
        }
    }

    /// The wire value.
    #[must_use]
    pub fn to_proto(self) -> v1::Filters {
        match self {
            Self::Off => v1::Filters::Off,
            Self::Standard => v1::Filters::Standard,
            Self::Strict => v1::Filters::Strict,
        }
    }
}

/// Sex chromosomes on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SexArg {
    /// Two X.
    #[value(name = "XX")]
    Xx,
    /// X and Y.
    #[value(name = "XY")]
    Xy,
}

impl SexArg {
    /// The value the ploidy map knows.
    #[must_use]
    pub fn to_sex(self) -> Sex {
        match self {
            Self::Xx => Sex::Xx,
            Self::Xy => Sex::Xy,
        }
    }
}

/// `kumi kernel ingest`.
#[derive(Debug, Args)]
pub struct IngestArgs {
    /// Reference index
    #[arg(long)]
    pub reference: PathBuf,
    /// gVCFs with their indexes, one sample each, at most 1,000
    #[arg(required = true)]
    pub gvcfs: Vec<PathBuf>,
    /// Folder for the segments: 00001.segment.arrow and so on, in the order of the regions
    #[arg(long)]
    pub output: PathBuf,
    /// BED file: a segment for each region; one for each contig when not given
    #[arg(long)]
    pub regions: Option<PathBuf>,
    /// Threads; all cores when not given. Results do not depend on it
    #[arg(long)]
    pub threads: Option<usize>,
}

/// What `kumi kernel joint` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum JointFormat {
    /// VCF: everything of every sample
    Vcf,
    /// VCF without samples: alleles, quality and frequencies
    Sites,
    /// BCF: everything of every sample
    Bcf,
    /// BCF with local alleles (VCF 4.5), for large cohorts: the rest only of genotypes that are in doubt
    BcfLocal,
    /// PLINK 2: genotypes, one variant for each alternative allele
    Pgen,
    /// Tables of sites, samples and genotypes for DuckDB, polars and the like, without genotypes that are certainly REF
    Parquet,
}

/// `kumi kernel joint`.
#[derive(Debug, Args)]
pub struct JointArgs {
    /// Reference index
    #[arg(long)]
    pub reference: PathBuf,
    /// gVCFs with their indexes, one sample each
    #[arg(required_unless_present_any = ["segments", "census"])]
    pub gvcfs: Vec<PathBuf>,
    /// Segments that `kumi kernel ingest` made, or folders of them, instead of gVCFs
    #[arg(long, num_args = 1.., conflicts_with = "gvcfs")]
    pub segments: Vec<PathBuf>,
    /// Censuses that `kumi kernel census` made, one of each region, instead of gVCFs: the sites alone, at a cost that
    /// hardly depends on the number of samples
    #[arg(long, num_args = 1.., conflicts_with_all = ["gvcfs", "segments"])]
    pub census: Vec<PathBuf>,
    /// A file with a name of a sample a line: segments are read as if these samples were not in them
    #[arg(long, requires = "segments")]
    pub withdrawn: Option<PathBuf>,
    /// OUT.vcf.gz with a .tbi, OUT.bcf with a .csi, OUT.pgen with a .pvar and a .psam, or OUT.parquet with a
    /// .sites.parquet and a .samples.parquet beside it
    #[arg(long)]
    pub output: PathBuf,
    /// What is written; what the ending of --output says when not given
    #[arg(long, value_enum)]
    pub format: Option<JointFormat>,
    /// BED file: genotype only here; all that the segments hold, or the whole genome, when not given
    #[arg(long)]
    pub regions: Option<PathBuf>,
    /// Threads; all cores when not given. Results do not depend on it
    #[arg(long)]
    pub threads: Option<usize>,
}

/// Samples by name.
#[derive(Debug, Args)]
pub struct SamplesArgs {
    /// Names of samples
    #[arg(long, num_args = 1.., value_name = "NAME")]
    pub samples: Vec<String>,
    /// A file with a name of a sample a line
    #[arg(long, value_name = "FILE")]
    pub samples_file: Option<PathBuf>,
}

/// `kumi kernel census`. The samples named are those that are counted; all when none is named.
#[derive(Debug, Args)]
pub struct CensusArgs {
    /// Segments that `kumi kernel ingest` made, all of one region
    #[arg(required_unless_present = "add", value_name = "SEGMENT")]
    pub segments: Vec<PathBuf>,
    /// OUT.census.arrow
    #[arg(long)]
    pub output: PathBuf,
    /// Censuses of the region that are added: of the cohort before this batch
    #[arg(long, num_args = 1.., value_name = "CENSUS")]
    pub add: Vec<PathBuf>,
    /// Censuses of the region that are taken away: of samples which were added and have withdrawn
    #[arg(long, num_args = 1.., value_name = "CENSUS")]
    pub subtract: Vec<PathBuf>,
    /// Who is counted
    #[command(
        flatten,
        next_help_heading = "Samples that are counted; all when none is named"
    )]
    pub who: SamplesArgs,
}

/// `kumi kernel purge`. Prints, for each segment that held one of the samples: segment, sample and file that takes its
/// place, with tabs between.
#[derive(Debug, Args)]
pub struct PurgeArgs {
    /// Segments that `kumi kernel ingest` made, or folders of them
    #[arg(required = true, value_name = "SEGMENT")]
    pub segments: Vec<PathBuf>,
    /// Folder for the segments that are written again, under their names; that of the old ones to replace them
    #[arg(long, value_name = "DIR")]
    pub output_dir: PathBuf,
    /// Who is taken out
    #[command(flatten, next_help_heading = "Samples that are taken out")]
    pub who: SamplesArgs,
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
