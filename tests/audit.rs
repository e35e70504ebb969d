//! The audit log of a cluster: who did what, and whether a change of it is found.

use std::fs;
use std::path::PathBuf;

use crate::daemon::{Schedulers, free_ports};
use crate::support::trio::cohort_file;
use crate::support::{json, kumi, ok, refuses, text, until};

fn audit_file(dir: &std::path::Path, node: usize) -> PathBuf {
    let folder = dir.join(format!("node{node}/audit"));
    let mut files = fs::read_dir(folder).expect("an audit log");
    files.next().expect("a file").expect("a file").path()
}

#[test]
fn every_mutation_is_written_and_every_change_of_it_found() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let ports = free_ports::<6>();
    let mut schedulers = Schedulers::start(dir.path(), &ports[..3], &ports[3..]);
    let cohort = cohort_file(dir.path(), "");
    let mut command = kumi();
    command.args(["cohort", "submit"]).arg(cohort);
    command.arg("--output-dir").arg(dir.path().join("out"));
    ok(command.args(["--endpoint", &schedulers.endpoints()]));
    let mut cancel = kumi();
    cancel.args([
        "cohort",
        "cancel",
        "ceu-trio",
        "--reason",
        "wrong reference",
    ]);
    ok(cancel.args(["--endpoint", &schedulers.endpoints()]));

    until("all nodes to have applied it", || {
        let told = (0..3).map(|node| schedulers.ask(node, &["audit", "tail"]));
        let events: Vec<_> = told.map(|events| events.as_array().cloned()).collect();
        events
            .iter()
            .all(|events| {
                let events = events.iter().flatten();
                let what: Vec<_> = events.map(|e| e["what"].as_str().unwrap_or("-")).collect();
                what == ["submit", "cancel"]
            })
            .then_some(())
    });
    let events = schedulers.ask(0, &["audit", "tail", "-n", "1"]);
    assert_eq!(events[0]["why"], "wrong reference", "{events}");
    assert_eq!(events[0]["of"], "cohort 1", "{events}");
    let all = schedulers.ask(0, &["audit", "tail", "--all"]);
    let whats = all.as_array().into_iter().flatten();
    let whats: Vec<_> = whats.map(|e| e["what"].as_str().unwrap_or("-")).collect();
    assert!(whats.contains(&"lead"), "{all}");

    let mut verify = kumi();
    verify.args(["audit", "verify", "--output", "json", "--endpoint"]);
    let verdicts = json(&ok(verify.arg(schedulers.endpoints())));
    let verdicts = verdicts.as_array().expect("three verdicts");
    assert!(
        verdicts.iter().all(|v| v["verdict"] == "as written"),
        "{verdicts:?}"
    );

    let file = dir.path().join("audit.jsonl");
    let mut export = kumi();
    export.args(["audit", "export", "--to"]).arg(&file);
    ok(export.args(["--endpoint", &schedulers.endpoint(0)]));
    let said = text(&ok(kumi().args(["audit", "verify"]).arg(&file)).stderr);
    assert!(said.contains("is what was written"), "{said}");
    let exported = fs::read_to_string(&file).expect("an export");
    let lines: Vec<&str> = exported.lines().collect();
    assert!(lines[0].starts_with("{\"before\":\"0000"), "{}", lines[0]);
    let without_third = [&lines[..3], &lines[4..]].concat().join("\n");
    fs::write(&file, without_third).expect("written");
    refuses(
        kumi().args(["audit", "verify"]).arg(&file),
        65,
        "are missing",
    );
    let digit = exported.find("\"entry\":\"").expect("an entry") + "\"entry\":\"".len();
    let other = if exported[digit..].starts_with('0') {
        "1"
    } else {
        "0"
    };
    let mut changed = exported.clone();
    changed.replace_range(digit..=digit, other);
    fs::write(&file, changed).expect("written");
    refuses(
        kumi().args(["audit", "verify"]).arg(&file),
        65,
        ":2: entry 1",
    );
    // Neither a history that begins with another head nor one that begins nowhere is taken.
    let elsewhere = exported.replacen("\"before\":\"0", "\"before\":\"1", 1);
    for (content, why) in [
        (elsewhere, ":1: there is nothing before entry 1"),
        (lines[1..].join("\n"), "the head before entry 1 is missing"),
        (String::new(), "nothing is in it"),
    ] {
        fs::write(&file, content).expect("written");
        refuses(kumi().args(["audit", "verify"]).arg(&file), 65, why);
    }

    // On one node's disk a letter of the reason is changed, and its checksum with it or not.
    let path = audit_file(dir.path(), 1);
    let mut bytes = fs::read(&path).expect("an audit log");
    let reason = b"wrong reference";
    let at = bytes
        .windows(reason.len())
        .position(|window| window == reason);
    bytes[at.expect("the reason is in it")] = b'W';
    fs::write(&path, bytes).expect("written");
    let mut verify = kumi();
    verify.args(["audit", "verify", "--endpoint", &schedulers.endpoints()]);
    refuses(&mut verify, 65, "audit log could be verified");
    // The others are as written. Behind its snapshot the node's raft log still has what was changed: started again it
    // writes that anew.
    schedulers.nodes[0].kill();
    schedulers.restart(0);
    schedulers.leader();
    until("node 1 to have written it again", || {
        let mut verify = kumi();
        verify.args(["audit", "verify", "--endpoint", &schedulers.endpoints()]);
        let output = verify.output().expect("kumi runs");
        output.status.success().then_some(())
    });
}
