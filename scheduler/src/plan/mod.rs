//! From a cohort's facts to its grids: what is valid, how many columns, which regions, which keys,
//! which `Spec`.

mod validate;

pub use validate::{Violation, validate};
