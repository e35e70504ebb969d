//! The census: how many samples say what of each base, so that it adds up.
//!
//! What a sample says is taken in levels ([`crate::level`]), so that many say the same. A census is made of a segment,
//! added to that of the cohort, and a sample's part is taken away again exactly. From it follow the sites of the cohort
//! with their alleles, frequencies and quality, as they do from the segments themselves, without reading these.

mod arrow;
mod count;
mod error;
mod file;
mod sites;
mod standing;
mod sum;
mod window;

pub use arrow::CENSUS_VERSION;
pub use error::CensusError;
pub use file::{Census, CensusHeader};
pub use sites::joint_censuses;
pub use sum::{CensusPart, Counted, add_up};

/// Bases of a window: windows begin at multiples of it.
const WINDOW: u32 = 16_384;
