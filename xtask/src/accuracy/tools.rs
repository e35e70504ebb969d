//! Programs of others, and what they say.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

/// The haplotype-aware comparison this was measured with.
const AARDVARK_VERSION: &str = "1.1.0";

/// Runs a command; its standard output, or an error with what it said.
pub(crate) fn ok(command: &mut Command) -> anyhow::Result<Vec<u8>> {
    let output = command
        .env("RUST_BACKTRACE", "0")
        .output()
        .with_context(|| format!("{command:?}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{command:?}: {}\n{said}", output.status);
    }
    Ok(output.stdout)
}

/// Runs a pipeline, with arguments as `$1`, `$2` and so on; its standard output as text.
pub(crate) fn shell(script: &str, arguments: &[&Path]) -> anyhow::Result<String> {
    let mut command = Command::new("bash");
    command
        .args(["-o", "pipefail", "-euc", script, "bash"])
        .args(arguments);
    Ok(String::from_utf8(ok(&mut command)?)?)
}

/// Says something to the person who waits.
pub(crate) fn note(text: &str) {
    // Nobody to tell is no reason to stop.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// aardvark from the path or from `target/tools`, where it is installed when it is nowhere.
pub(crate) fn aardvark(root: &Path) -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let tools = root.join("target/tools");
    let folders = std::env::split_paths(&path).chain([tools.join("bin")]);
    let found = |folder: PathBuf| Some(folder.join("aardvark")).filter(|file| file.is_file());
    if let Some(found) = folders.into_iter().find_map(found) {
        return Ok(found);
    }
    note("installing aardvark into target/tools");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    ok(Command::new(cargo)
        .args([
            "install",
            "--quiet",
            "--locked",
            "aardvark-bio",
            "--version",
            AARDVARK_VERSION,
            "--root",
        ])
        .arg(&tools))?;
    Ok(tools.join("bin/aardvark"))
}
