//! `kumi doctor` on this machine, with a cluster and without one.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::daemon::{Process, free_ports};
use crate::support::{kumi, ok, text, until};

fn certificate(dir: &Path, role: &str, name: &str) {
    let mut issue = kumi();
    issue.args(["certs", "issue", "--role", role, "--name", name]);
    ok(issue.args(["--host", "127.0.0.1", "--dir"]).arg(dir));
}

fn tls(dir: &Path, who: &str) -> String {
    let dir = dir.display();
    format!(
        "[tls]\ncertificate = \"{dir}/{who}.pem\"\nkey = \"{dir}/{who}.key\"\nca = \"{dir}/ca.pem\"\n"
    )
}

/// Runs the doctor; its exit code and all findings.
fn findings(command: &mut Command) -> (Option<i32>, Vec<Value>) {
    let output = command.args(["--output", "json"]).output().expect("kumi");
    let said = text(&output.stdout);
    let found = serde_json::from_str(&said);
    let found = found.unwrap_or_else(|error| panic!("{error}: {said}{}", text(&output.stderr)));
    (output.status.code(), found)
}

/// The findings of a check, as `status: what was found`.
fn of<'a>(findings: &'a [Value], check: &str) -> Vec<(&'a str, &'a str)> {
    let found = findings.iter().filter(|found| found["check"] == check);
    let said = |value: &'a Value| value.as_str().expect("text");
    found
        .map(|it| (said(&it["status"]), said(&it["found"])))
        .collect()
}

#[test]
fn a_doctor_says_of_each_thing_how_it_stands() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = |name: &str| dir.path().join(name);
    ok(kumi()
        .args(["certs", "ca", "--cluster", "test", "--dir"])
        .arg(dir.path()));
    certificate(dir.path(), "scheduler", "1");
    certificate(dir.path(), "worker", "w1");
    let [port] = free_ports();
    let data = path("data");
    let scheduler = format!(
        "[scheduler]\ncluster = \"test\"\nlisten = \"127.0.0.1:{port}\"\ndata_dir = \"{}\"\ntick = \"50ms\"\n{}",
        data.display(),
        tls(dir.path(), "scheduler-1")
    );
    fs::write(path("scheduler.toml"), scheduler).expect("written");
    let worker = |name: &str| {
        format!(
            "[worker]\nname = \"{name}\"\nendpoints = [\"127.0.0.1:{port}\"]\ncores = 1\nscratch = \"{}\"\n{}",
            dir.path().display(),
            tls(dir.path(), "worker-w1")
        )
    };
    fs::write(path("worker.toml"), worker("w1")).expect("written");
    let ask = || {
        let mut command = kumi();
        command
            .arg("doctor")
            .arg("--config")
            .arg(path("worker.toml"));
        command.arg("--store").arg(dir.path());
        command
    };

    // Nobody listens yet: that alone fails, and the exit code says so.
    let (code, found) = findings(&mut ask());
    assert_eq!(code, Some(78), "{found:#?}");
    assert_eq!(of(&found, "scheduler")[0].0, "fail");
    for check in ["certificate", "ca", "key", "config"] {
        assert_eq!(of(&found, check)[0].0, "ok", "{check}: {found:#?}");
    }
    let failed = found.iter().filter(|it| it["status"] == "fail").count();
    assert_eq!(failed, 1, "{found:#?}");

    let mut start = kumi();
    start
        .args(["scheduler", "--config"])
        .arg(path("scheduler.toml"));
    let _scheduler = Process::start(&mut start, &path("log"));
    let (code, found) = until("a leader", || {
        let (code, found) = findings(&mut ask());
        (of(&found, "scheduler")[0].0 == "ok").then_some((code, found))
    });
    assert_eq!(code, Some(0), "{found:#?}");
    let said = of(&found, "scheduler")[0].1;
    assert!(
        said.contains("node 1 of cluster test") && said.ends_with("TLS"),
        "{said}"
    );
    let clocks = of(&found, "clock");
    assert!(
        clocks[1].1.contains(&port.to_string()),
        "the answer is stamped: {clocks:?}"
    );
    assert_eq!(clocks[1].0, "ok");

    // A certificate of another worker, and a key that others may read.
    fs::write(path("worker.toml"), worker("w2")).expect("written");
    let open = fs::Permissions::from_mode(0o644);
    fs::set_permissions(path("worker-w1.key"), open).expect("changed");
    let (code, found) = findings(&mut ask());
    assert_eq!(code, Some(78));
    assert_eq!(of(&found, "certificate")[0].0, "fail");
    assert_eq!(of(&found, "key")[0].0, "warn");
    let left: Vec<_> = fs::read_dir(dir.path()).expect("read").flatten().collect();
    let trace = left
        .iter()
        .find(|it| it.file_name().to_string_lossy().contains("doctor"));
    assert!(trace.is_none(), "{trace:?}");
}

#[test]
fn a_laptop_needs_no_configuration() {
    let mut command = kumi();
    command.arg("doctor").env("XDG_CONFIG_HOME", "/nowhere");
    let output = ok(&mut command);
    let said = text(&output.stdout);
    for check in [
        "cpu",
        "cores",
        "memory",
        "open-files",
        "scratch",
        "clock",
        "scheduler",
    ] {
        let line = said
            .lines()
            .find(|line| line.split_whitespace().nth(1) == Some(check));
        assert!(line.is_some(), "{check} is not looked at:\n{said}");
    }
    assert!(said.contains("skip  scheduler"), "{said}");
}

#[test]
fn completions_and_manual_pages_know_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let output = ok(kumi().args(["completions", shell]));
        let said = text(&output.stdout);
        assert!(
            said.contains("doctor") && said.contains("print-config"),
            "{shell}"
        );
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    ok(kumi().arg("man").arg(dir.path()));
    for page in ["kumi.1", "kumi-worker-start.1", "kumi-doctor.1"] {
        let text = fs::read_to_string(dir.path().join(page)).expect(page);
        assert!(text.contains(".TH "), "{page}");
    }
    assert!(
        !dir.path().join("kumi-man.1").exists(),
        "it is for those who pack"
    );
}
