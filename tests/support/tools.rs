//! The tools of others.

use std::process::Command;

use super::{ok, text};

/// True when all of these programs are installed. Where `KUMI_TEST_TOOLS` is `required` a missing one is
/// a failure; elsewhere the test says what is missing and passes.
pub(crate) fn have(tools: &[&str]) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = |tool: &str| std::env::split_paths(&path).any(|folder| folder.join(tool).is_file());
    let missing: Vec<&str> = tools.iter().copied().filter(|tool| !found(tool)).collect();
    none_missing(&missing)
}

/// As [`have`], of packages that the `python3` of the path can import.
pub(crate) fn have_python(packages: &[&str]) -> bool {
    let found = |package: &str| {
        let mut python = Command::new("python3");
        let output = python.args(["-c", &format!("import {package}")]).output();
        output.is_ok_and(|output| output.status.success())
    };
    let missing: Vec<&str> = packages
        .iter()
        .copied()
        .filter(|package| !found(package))
        .collect();
    none_missing(&missing)
}

fn none_missing(missing: &[&str]) -> bool {
    if missing.is_empty() {
        return true;
    }
    assert_ne!(
        std::env::var("KUMI_TEST_TOOLS").as_deref(),
        Ok("required"),
        "not installed: {missing:?}"
    );
    eprintln!("skipped: not installed: {missing:?}");
    false
}

/// Runs a shell pipeline of tools of others; its standard output.
pub(crate) fn shell(script: &str) -> String {
    text(&ok(Command::new("bash").args(["-o", "pipefail", "-euc", script])).stdout)
}

/// A line of a script that runs a Picard program and is silent unless it fails.
pub(crate) fn picard(program: &str, arguments: &str) -> String {
    // A small JVM: the programs run for a second, and several at once.
    format!(
        "JAVA_TOOL_OPTIONS='-XX:TieredStopAtLevel=1 -XX:+UseSerialGC' PicardCommandLine {program} {arguments} \
         QUIET=true >'{program}.log' 2>&1 || {{ cat '{program}.log' >&2; exit 1; }}"
    )
}
