//! The containers of a CRAM file, looked at from outside.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use noodles::cram as noodles_cram;

/// How many records a CRAM file holds by the heads of its containers; nothing is decoded.
///
/// # Errors
/// Those of reading the file; a file that ends inside a container.
pub fn count_records(path: &Path) -> io::Result<u64> {
    let mut reader = noodles_cram::io::Reader::new(BufReader::new(File::open(path)?));
    reader.read_header()?;
    let mut container = noodles_cram::io::reader::Container::default();
    let mut records = 0;
    while reader.read_container(&mut container)? > 0 {
        records += container.header().record_count() as u64;
    }
    Ok(records)
}
