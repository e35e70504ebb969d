//! Ingesting and genotyping a cohort under a limit of memory.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::gvcfs::Gvcfs;
use crate::support::{kumi, text};

const SAMPLES: usize = 2_000;
const BASES: usize = 20_000;
const BATCH: usize = 500;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// What a command that reads a batch cannot do with; so the limit limits.
const TOO_LITTLE: u64 = 24 * MIB;

/// The command with so many bytes of data: everything that is allocated, which mapped files are not.
fn limited(command: &Command, bytes: u64) -> Output {
    let mut shell = Command::new("bash");
    let script = format!("ulimit -d {} && exec \"$@\"", bytes / 1024);
    shell.args(["-c", &script, "bash"]);
    shell.arg(command.get_program()).args(command.get_args());
    shell.env("RUST_BACKTRACE", "0");
    shell.output().expect("bash runs")
}

/// Runs it within a gibibyte.
fn within(command: &Command) {
    let output = limited(command, GIB);
    let said = text(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{said}");
}

fn ingest(cohort: &Gvcfs, gvcfs: &[PathBuf], output: &Path) -> Command {
    let mut command = kumi();
    command.args(["kernel", "ingest", "--threads", "2", "--reference"]);
    command.arg(&cohort.index).args(gvcfs);
    command.arg("--output").arg(output);
    command
}

#[test]
fn two_thousand_samples_take_less_than_a_gibibyte() {
    let cohort = Gvcfs::new(5, SAMPLES, BASES);
    let mut batches = Vec::new();
    for (number, gvcfs) in cohort.paths.chunks(BATCH).enumerate() {
        let batch = cohort.path(&format!("batch{number}"));
        within(&ingest(&cohort, gvcfs, &batch));
        batches.push(batch);
    }
    let segments = |output: &Path, more: &[&str]| {
        let mut command = cohort.joint(output, &["--threads", "2"]);
        command.args(more).arg("--segments").args(&batches);
        command
    };
    for (name, more) in [
        ("c.bcf", &["--format", "bcf-local"][..]),
        ("c.parquet", &[]),
        ("c.pgen", &[]),
    ] {
        let output = cohort.path(name);
        within(&segments(&output, more));
        assert!(output.metadata().expect("written").len() > 10_000);
    }
    // The same limit, so low that it must be felt.
    let none = cohort.path("none.bcf");
    assert!(!limited(&segments(&none, &[]), TOO_LITTLE).status.success());
    assert!(!none.exists());
}
