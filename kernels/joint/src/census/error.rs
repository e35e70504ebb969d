//! Why a census cannot be used.

/// Why a census cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CensusError {
    /// It is of another region, or made with another limit.
    #[error("the censuses are not of the same region and limit")]
    Other,
    /// A number is too great.
    #[error("a census counts at most 2^32 - 1 samples")]
    TooMany,
    /// More would be taken away than was added.
    #[error("these samples were never added to the census")]
    NeverAdded,
    /// It is not what it was when it was written, or never was a census of this version.
    #[error("census {name} is damaged: {what}")]
    Damaged {
        /// The census.
        name: String,
        /// How one can tell.
        what: String,
    },
    /// It was made with another reference.
    #[error("census {name} was made with another reference: {what}")]
    Reference {
        /// The census.
        name: String,
        /// How one can tell.
        what: String,
    },
    /// A base lies in no census, or in several.
    #[error("{found} censuses hold {place}; give one of each region")]
    NotOnce {
        /// How many.
        found: usize,
        /// `contig:position`, 1-based.
        place: String,
    },
    /// Censuses of two regions are not of the same samples.
    #[error("census {first} is of {of_first} samples, census {second} of {of_second}")]
    Samples {
        /// A census.
        first: String,
        /// Its samples.
        of_first: u32,
        /// Another.
        second: String,
        /// Its samples.
        of_second: u32,
    },
    /// The segment that is counted cannot be read.
    #[error(transparent)]
    Segment(#[from] crate::store::SegmentError),
    /// It cannot be written.
    #[error("a census cannot be written")]
    Arrow(#[from] arrow_schema::ArrowError),
}
