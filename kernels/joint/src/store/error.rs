//! Why a segment cannot be used.

use arrow_schema::ArrowError;

/// Why a segment cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// It is not what it was when it was written, or never was a segment.
    #[error("segment {name} is damaged: {what}")]
    Damaged {
        /// The segment.
        name: String,
        /// How one can tell.
        what: String,
    },
    /// It is of another version of the format.
    #[error(
        "segment {name} is of version {found}, this program reads version {expected}; ingest it again"
    )]
    Version {
        /// The segment.
        name: String,
        /// Its version.
        found: String,
        /// The version that can be read.
        expected: &'static str,
    },
    /// It was made on another reference.
    #[error("segment {name} was made with another reference: {what}")]
    Reference {
        /// The segment.
        name: String,
        /// How one can tell.
        what: String,
    },
    /// Two segments hold a sample's records of one base.
    #[error("segments {first} and {second} both hold sample {sample} at {place}")]
    Twice {
        /// The sample.
        sample: String,
        /// A segment.
        first: String,
        /// The other.
        second: String,
        /// `contig:position`, 1-based.
        place: String,
    },
    /// No segment holds a sample's records of a base.
    #[error("no segment holds sample {sample} at {place}")]
    Uncovered {
        /// The sample.
        sample: String,
        /// `contig:position`, 1-based.
        place: String,
    },
    /// Nobody is left.
    #[error("no sample is left in segment {name}; delete it")]
    Empty {
        /// The segment.
        name: String,
    },
    /// It cannot be expressed in Arrow.
    #[error("a segment cannot be written")]
    Arrow(#[from] ArrowError),
}

/// What is wrong with a window, to be told with the segment's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Damage(pub(crate) String);

impl From<&str> for Damage {
    fn from(what: &str) -> Self {
        Self(what.to_owned())
    }
}

impl From<ArrowError> for Damage {
    fn from(error: ArrowError) -> Self {
        Self(error.to_string())
    }
}
