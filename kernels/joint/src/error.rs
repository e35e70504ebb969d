//! Why a cohort cannot be genotyped.

use std::path::PathBuf;

use kumi_formats::vcf::VcfError;

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
    /// The sink took no more.
    #[error("the records could not be handed on")]
    Sink(E),
}
