//! The binary under test, the tools of others, and small data.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .expect("the repository")
}

/// The `kumi` binary.
pub(crate) fn kumi() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kumi"));
    command.env_remove("KUMI_ENDPOINT");
    command
}

/// True when all of these programs are installed. Where `KUMI_TEST_TOOLS` is `required` a missing one is
/// a failure; elsewhere the test says what is missing and passes.
pub(crate) fn have(tools: &[&str]) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = |tool: &str| std::env::split_paths(&path).any(|folder| folder.join(tool).is_file());
    let missing: Vec<_> = tools.iter().filter(|tool| !found(tool)).collect();
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

/// Runs a command; its output, or a panic that shows all of it.
pub(crate) fn ok(command: &mut Command) -> Output {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}\n{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
    output
}

/// Runs a shell pipeline of tools of others; its standard output.
pub(crate) fn shell(script: &str) -> String {
    text(&ok(Command::new("bash").args(["-o", "pipefail", "-euc", script])).stdout)
}

/// Bytes as text.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The bundled trio.
pub(crate) fn trio() -> PathBuf {
    root().join("examples/ceu-trio")
}
