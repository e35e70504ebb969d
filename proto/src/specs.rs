//! What of a specification a worker reads, as it says in the first report of a session.
//!
//! A field that would change the result if it were not read is written for those alone who say that they read it.

/// The census that another begins from (`CensusSpec.base`).
pub const CENSUS_BASE: u32 = 1;
/// All that this build reads.
pub const NEWEST: u32 = CENSUS_BASE;
