//! CRAM 3.0 (and 3.1 when reading).
//!
//! Written here and not through a library, because equal records must give equal bytes: nothing of a file
//! depends on a hash map's order, on threads or on the machine. Records come back as they were, but for the
//! order of their tags (by name, RG last), the type of integer tags (the smallest that holds the value) and
//! `=` and `X` in CIGARs (both become `M`). Blocks of other writers are decompressed by noodles.

mod compression;
mod container;
mod decode;
mod encode;
mod encoding;
#[cfg(test)]
mod hostile;
mod join;
mod mates;
mod number;
mod rans;
mod reader;
mod series;
#[cfg(test)]
mod tests;
mod window;
mod write;

use std::io;
use std::path::Path;

pub use join::Joiner;
pub(crate) use reader::{Reader, Shared};
pub use write::Writer;

/// The index (`.crai`) of a CRAM file, as the bytes of the file to write beside it.
///
/// # Errors
/// Those of reading the file.
pub fn index(path: &Path) -> io::Result<Vec<u8>> {
    let index = noodles::cram::fs::index(path)?;
    let mut writer = noodles::cram::crai::io::Writer::new(Vec::new());
    writer.write_index(&index)?;
    writer.finish()
}
