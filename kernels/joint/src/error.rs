//! Why a cohort cannot be genotyped.

use std::path::PathBuf;

use kumi_formats::vcf::VcfError;
use kumi_seq::interval::Interval;

use crate::census::CensusError;
use crate::store::SegmentError;

/// Why [`crate::joint_all`] gave up. `E` is the sink's own error.
#[derive(Debug, thiserror::Error)]
pub enum JointError<E> {
    /// There is nothing to genotype.
    #[error("no gVCFs were given")]
    NoInputs,
    /// A file or a record of it is not usable.
    #[error("a gVCF is not usable")]
    Gvcf(#[from] VcfError),
    /// A file has not exactly one sample.
    #[error("{path} has {found} samples; give one gVCF for each sample (bcftools +split)")]
    NotOneSample {
        /// The file.
        path: PathBuf,
        /// How many it has.
        found: usize,
    },
    /// Two files are of one sample.
    #[error("{first} and {second} both are of sample {sample}; leave one out or rename it")]
    SameSample {
        /// The sample.
        sample: String,
        /// The file that comes first by path.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// A file was made with another reference.
    #[error("{path} was made with another reference: {what}")]
    OtherReference {
        /// The file.
        path: PathBuf,
        /// How one can tell.
        what: String,
    },
    /// More samples than a segment can hold.
    #[error("{found} gVCFs, a segment holds at most {most} samples; ingest them in batches")]
    TooManySamples {
        /// How many were given.
        found: usize,
        /// How many a segment can hold.
        most: usize,
    },
    /// A region has no bases or does not lie on its contig.
    #[error("bases {}-{} do not lie on a contig of the reference", .0.start + 1, .0.end)]
    Region(Interval),
    /// A segment is not usable.
    #[error("a segment is not usable")]
    Segment(#[from] SegmentError),
    /// A census is not usable.
    #[error("a census is not usable")]
    Census(#[from] CensusError),
    /// The sink took no more.
    #[error("the records could not be handed on")]
    Sink(E),
}
