//! `kumi scheduler` and `kumi worker start` as processes: configuration, signals, exit codes.

use crate::daemon::{Process, free_ports, worker};
use crate::support::{kumi, ok, text, until};

const CONFIG: &str =
    "[scheduler]\nid = 1\nlisten = \"127.0.0.1:7070\"\ndata_dir = \"/var/lib/kumi\"\n";

#[test]
fn flags_override_the_environment_and_that_the_file() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let config = dir.path().join("s.toml");
    std::fs::write(&config, CONFIG).expect("written");
    let print = |variables: &[(&str, &str)], flags: &[&str]| -> toml::Table {
        let mut command = kumi();
        command.args(["scheduler", "--print-config", "--config"]);
        command.arg(&config).args(flags);
        command.envs(variables.iter().copied());
        text(&ok(&mut command).stdout).parse().expect("TOML")
    };
    let listen = |table: toml::Table| table["scheduler"]["listen"].as_str().map(str::to_owned);
    let variable = ("KUMI_SCHEDULER__LISTEN", "127.0.0.1:2");
    assert_eq!(listen(print(&[], &[])).as_deref(), Some("127.0.0.1:7070"));
    assert_eq!(
        listen(print(&[variable], &[])).as_deref(),
        Some("127.0.0.1:2")
    );
    let flag = ["--listen", "127.0.0.1:3"];
    assert_eq!(
        listen(print(&[variable], &flag)).as_deref(),
        Some("127.0.0.1:3")
    );
}

#[test]
fn a_configuration_that_cannot_work_ends_with_78() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let config = dir.path().join("s.toml");
    for (text_of, code, says) in [
        (CONFIG.to_owned(), 0, "in order"),
        (format!("{CONFIG}lisen = 1\n"), 78, "lisen"),
        (format!("{CONFIG}lease = \"10\"\n"), 78, "10"),
        ("[scheduler]\n".to_owned(), 78, "data_dir"),
    ] {
        std::fs::write(&config, &text_of).expect("written");
        let mut command = kumi();
        command.args(["scheduler", "--check-config", "--config"]);
        let output = command.arg(&config).output().expect("kumi runs");
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{text_of}\n{stderr}");
        assert!(stderr.contains(says), "{stderr}");
    }
    let mut command = kumi();
    command.args(["scheduler", "--config", "/nowhere/s.toml"]);
    let output = command.output().expect("kumi runs");
    assert_eq!(output.status.code(), Some(66), "{}", text(&output.stderr));
}

#[test]
fn daemons_stop_cleanly_when_told_to() {
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let [port] = free_ports();
        let endpoint = format!("127.0.0.1:{port}");
        let mut command = kumi();
        command.args(["scheduler", "--listen", &endpoint, "--data-dir"]);
        command.arg(dir.path().join("data"));
        let mut scheduler = Process::start(&mut command, &dir.path().join("s.log"));
        let mut worker = worker(dir.path(), "w1", &endpoint, &[]);
        until("a worker in the list", || {
            let mut command = kumi();
            command.args([
                "worker",
                "list",
                "--output",
                "jsonl",
                "--endpoint",
                &endpoint,
            ]);
            let output = command.output().expect("kumi runs");
            text(&output.stdout).contains("\"w1\"").then_some(())
        });
        assert_eq!(worker.stop(signal).code(), Some(code), "{}", worker.said());
        assert!(scheduler.is_running());
        assert_eq!(
            scheduler.stop(signal).code(),
            Some(code),
            "{}",
            scheduler.said()
        );
    }
}
