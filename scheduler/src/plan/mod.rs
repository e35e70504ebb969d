//! From a cohort's facts to its grids: what is valid, how many columns, which regions, which keys,
//! which `Spec`. Nothing here looks at what was done or runs.

pub(crate) mod batch;
pub(crate) mod bins;
mod contig;
pub(crate) mod directory;
pub(crate) mod key;
pub(crate) mod keys;
pub(crate) mod layout;
pub(crate) mod need;
#[cfg(test)]
pub(crate) mod places;
pub(crate) mod region;
mod scratch;
pub(crate) mod spec;
mod validate;

pub(crate) use validate::validate_in;
pub use validate::{Violation, validate};
