//! Files that are made once and kept.

use std::fs;
use std::path::{Path, PathBuf};

use crate::accuracy::tools::note;

/// Makes a file under another name and gives it its own when it is complete, unless it is there.
pub(crate) fn once<T>(
    file: &Path,
    make: impl FnOnce(&Path) -> anyhow::Result<T>,
) -> anyhow::Result<()> {
    if file.is_file() {
        return Ok(());
    }
    note(&format!("making {}", file.display()));
    let mut partial = file.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    make(&partial)?;
    fs::rename(partial, file)?;
    Ok(())
}
