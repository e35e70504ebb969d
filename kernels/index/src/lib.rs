//! The reference index (`.kidx`): contigs, 2-bit bases and a table of seeds in one immutable file that is
//! mapped and used in place.
//!
//! `docs/formats/kidx.md` describes the bytes. Opening checks the header and the bounds of every section;
//! [`Index::verify`] checks every byte. This crate never aligns anything.

mod build;
mod layout;
mod map;
pub mod minimizer;
mod open;
mod section;
mod seeds;
mod view;

pub use build::{BuildError, build};
pub use map::mapped;
pub use open::{Index, OpenError};
pub use view::{Bucket, Hit, Places, View};

#[cfg(test)]
mod tests;
