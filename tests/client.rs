//! What the commands that talk to a cluster say when there is none.

use crate::support::trio::trio;
use crate::support::{kumi, text};

#[test]
fn without_a_scheduler_the_command_says_so_and_gives_up() {
    // Port 1 of the loopback: nothing listens there.
    let remote = ["--endpoint", "127.0.0.1:1"];
    let output = kumi()
        .args(["cohort", "list"])
        .args(remote)
        .output()
        .expect("kumi runs");
    assert_eq!(output.status.code(), Some(69), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("127.0.0.1:1"));
    let output = kumi()
        .args(["cluster", "status"])
        .args(remote)
        .output()
        .expect("kumi runs");
    assert_eq!(output.status.code(), Some(69), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("unreachable"));
}

#[test]
fn a_dry_run_needs_no_scheduler() {
    let mut command = kumi();
    command
        .args(["cohort", "submit", "--dry-run", "--endpoint", "127.0.0.1:1"])
        .arg(trio().join("cohort.toml"));
    let output = command.output().expect("kumi runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn a_target_with_an_impossible_date_is_refused_at_once() {
    let mut command = kumi();
    command.args([
        "target",
        "set",
        "--programme",
        "p",
        "--unit",
        "genome",
        "--count",
        "5",
        "--by",
        "2026-02-30",
    ]);
    let output = command.output().expect("kumi runs");
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
}
