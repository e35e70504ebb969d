//! Schedulers that come and go while a cohort runs, and a cluster that is lost whole and restored.

use std::fs;
use std::path::Path;

use crate::daemon::{Schedulers, free_ports, worker};
use crate::support::trio::{EMBEDDED, cohort_file};
use crate::support::{json, kumi, ok, published, refuses, text, until};

fn submit(dir: &Path, schedulers: &Schedulers) {
    let cohort = cohort_file(dir, "call_shards = 3");
    let mut command = kumi();
    command.args(["cohort", "submit"]).arg(cohort);
    command.arg("--output-dir").arg(dir.join("out"));
    ok(command.args(["--endpoint", &schedulers.endpoints()]));
}

fn wait(schedulers: &Schedulers) {
    let mut command = kumi();
    command.args(["cohort", "wait", "ceu-trio", "--endpoint"]);
    ok(command.arg(schedulers.endpoints()));
}

/// `kumi cluster …` against all schedulers.
fn cluster(schedulers: &Schedulers, args: &[&str]) -> serde_json::Value {
    let mut command = kumi();
    command.arg("cluster").args(args);
    command.args(["--output", "json", "--endpoint", &schedulers.endpoints()]);
    json(&ok(&mut command))
}

fn voters(status: &serde_json::Value) -> Vec<u64> {
    let members = status["members"].as_array().expect("members");
    let votes = |member: &&serde_json::Value| member["role"] != "learner";
    let voters = members.iter().filter(votes);
    voters.filter_map(|member| member["id"].as_u64()).collect()
}

/// One scheduler becomes three, and the first is replaced, under a cohort that runs.
#[test]
fn schedulers_come_and_go_while_a_cohort_runs() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let ports = free_ports::<8>();
    let mut schedulers = Schedulers::start(dir.path(), &ports[..1], &ports[1..2]);
    submit(dir.path(), &schedulers);
    let second = schedulers.join(ports[2], ports[3]);
    let third = schedulers.join(ports[4], ports[5]);
    let _worker = worker(dir.path(), "w1", &schedulers.endpoints(), &[]);
    cluster(&schedulers, &["add", "2", &second]);
    let grown = cluster(&schedulers, &["add", "3", &third]);
    assert_eq!(voters(&grown), [1, 2, 3], "{grown}");
    let again = cluster(&schedulers, &["add", "3", &third]);
    assert_eq!(voters(&again), [1, 2, 3], "what is done is not done again");

    let fourth = schedulers.join(ports[6], ports[7]);
    let replaced = cluster(&schedulers, &["replace", "1", "4", &fourth]);
    assert_eq!(voters(&replaced), [2, 3, 4], "{replaced}");
    assert_eq!(replaced["retired"], serde_json::json!([1]));
    schedulers.nodes[0].kill();
    wait(&schedulers);
    assert_eq!(
        published(&dir.path().join("out")),
        published(&EMBEDDED.root())
    );

    let endpoints = schedulers.endpoints();
    let refused = |args: &[&str], code, says| {
        let mut command = kumi();
        command.arg("cluster").args(args);
        refuses(command.args(["--endpoint", &endpoints]), code, says);
    };
    refused(
        &["add", "1", "127.0.0.1:9"],
        78,
        "give the new node another",
    );
    refused(&["add", "5", "nowhere"], 65, "not host:port");
    refused(&["promote", "9"], 66, "node 9 is not a member");
    refused(&["transfer", "9"], 66, "node 9 is not a member");
    let moved = cluster(&schedulers, &["transfer", "4"]);
    until("node 4 to lead", || {
        let status = cluster(&schedulers, &["transfer", "4"]);
        (status["leader"] == 4).then_some(())
    });
    assert_eq!(voters(&moved), [2, 3, 4]);
    let fewer = cluster(&schedulers, &["remove", "4"]);
    assert_eq!(voters(&fewer), [2, 3], "{fewer}");
    // When it takes effect, when the joint configuration is left, and when that was.
    let events = until("the change to be in the audit log", || {
        let events = schedulers.ask(1, &["audit", "tail", "-n", "3"]);
        (events[2]["of"] == "node 4 removed").then_some(events)
    });
    assert_eq!(events[0]["of"], "node 4 leaves", "{events}");
    assert_eq!(events[2]["what"], "changed", "{events}");
    let transfers = schedulers.ask(1, &["audit", "tail", "-n", "100"]);
    let transfers = transfers.as_array().into_iter().flatten();
    let transfers = transfers.filter(|event| event["what"] == "transfer");
    let to: Vec<_> = transfers.map(|event| event["of"].to_string()).collect();
    assert!(
        to.contains(&"\"leadership to node 4\"".to_owned()),
        "{to:?}"
    );
    // One that left keeps to itself: the others go on.
    assert!(schedulers.nodes[3].is_running());
    let shown = schedulers.ask(1, &["cohort", "show", "ceu-trio"]);
    assert_eq!(shown["state"], "completed", "{shown}");
}

/// The drill: all schedulers and their disks are lost in mid-run; new ones go on from the backup, with
/// the worker that never stopped.
#[test]
fn a_cluster_is_restored_from_its_backup() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let ports = free_ports::<6>();
    let mut schedulers = Schedulers::start(dir.path(), &ports[..3], &ports[3..]);
    submit(dir.path(), &schedulers);
    let _worker = worker(dir.path(), "w1", &schedulers.endpoints(), &[]);
    until("something done", || {
        let out = dir.path().join("out");
        (out.exists() && !published(&out).is_empty()).then_some(())
    });
    let backup = dir.path().join("cluster.backup");
    let mut command = kumi();
    command.args(["cluster", "backup", "--to"]).arg(&backup);
    ok(command.args(["--endpoint", &schedulers.endpoints()]));
    for (node, id) in (1..=3).enumerate() {
        schedulers.nodes[node].kill();
        let data = dir.path().join(format!("node{id}"));
        restore(dir.path(), id, &backup, |command| {
            refuses(command, 73, "restore into an empty folder");
        });
        fs::remove_dir_all(&data).expect("its disk is lost");
    }
    let bytes = fs::read(&backup).expect("a backup");
    let torn = dir.path().join("torn.backup");
    fs::write(&torn, &bytes[..bytes.len() - 1]).expect("written");
    restore(dir.path(), 1, &torn, |command| {
        refuses(command, 65, "the snapshot has");
    });
    for id in 1..=3 {
        restore(dir.path(), id, &backup, |command| {
            let said = text(&ok(command).stderr);
            assert!(said.contains("do the same on nodes [1, 2, 3]"), "{said}");
        });
    }
    (0..3).for_each(|node| schedulers.restart(node));
    wait(&schedulers);
    assert_eq!(
        published(&dir.path().join("out")),
        published(&EMBEDDED.root())
    );
}

fn restore(dir: &Path, id: usize, backup: &Path, run: impl Fn(&mut std::process::Command)) {
    let mut command = kumi();
    command.args(["cluster", "restore"]).arg(backup);
    let config = dir.join(format!("node{id}.toml"));
    run(command.arg("--config").arg(config));
}
