//! The repository and the product that a benchmark runs.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// The root of the repository, and the program to run: the one that is given, or its release build.
pub(crate) fn root_and_kumi(given: Option<&Path>) -> anyhow::Result<(PathBuf, PathBuf)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()?;
    let kumi = match given {
        Some(kumi) => kumi.canonicalize().context("no such kumi")?,
        None => crate::accuracy::build(&root)?,
    };
    Ok((root, kumi))
}
