//! `kumi run`: what it leaves behind, and what it does not do again.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::SystemTime;

use crate::support::trio::{EMBEDDED, SAMPLES, cohort_file};
use crate::support::{files, json, ok, published, published_file, run, sha256, text, until};

fn all(root: &Path) -> Vec<String> {
    files(root, &|_| true)
}

/// The one folder below `folder`.
fn only(root: &Path, folder: &str) -> String {
    let entries: Vec<_> = fs::read_dir(root.join(folder))
        .unwrap_or_else(|error| panic!("{folder}: {error}"))
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(entries.len(), 1, "{folder}: {entries:?}");
    format!("{folder}/{}", entries[0].to_string_lossy())
}

#[test]
fn the_whole_layout_is_there() {
    let root = EMBEDDED.root();
    for (fan, sample) in ["3b", "72", "ee"].into_iter().zip(SAMPLES) {
        let run = only(&root, &format!("example/samples/{fan}/{sample}"));
        let here = files(&root.join(&run), &|_| true);
        for ending in [".cram", ".cram.crai", ".g.vcf.gz", ".g.vcf.gz.tbi"] {
            assert!(
                here.contains(&format!("{sample}{ending}")),
                "{run}: {here:?}"
            );
        }
        assert!(here.len() <= 25, "{run}: {here:?}");
        for name in ["provenance.json", "MANIFEST.sha256"] {
            assert!(here.contains(&name.to_owned()), "{run}: {here:?}");
        }
        assert!(here.iter().any(|name| name.starts_with("qc/")), "{here:?}");
        assert!(
            here.len() <= 25,
            "at most about 25 files a genome: {here:?}"
        );
        listed(&root.join(&run), &here);
    }
    let release = only(&root, "example/cohorts/ceu-trio/releases");
    let here = files(&root.join(&release), &|_| true);
    let ends = |ending: &str| here.iter().any(|name| name.ends_with(ending));
    assert!(
        ends(".vcf.gz") && ends(".vcf.gz.tbi") && ends("manifest.json"),
        "{here:?}"
    );
    let hidden = |name: &str| {
        name.rsplit('/')
            .next()
            .is_some_and(|name| name.starts_with('.'))
    };
    assert_eq!(
        files(&root, &hidden),
        Vec::<String>::new(),
        "something half-written is left"
    );
}

/// MANIFEST.sha256 is what `sha256sum -c` reads; it lists every other file of its folder.
fn listed(folder: &Path, here: &[String]) {
    let manifest = fs::read_to_string(folder.join("MANIFEST.sha256")).expect("read");
    let listed: BTreeMap<&str, &str> = manifest
        .lines()
        .map(|line| {
            let (digest, name) = line.split_once("  ").expect("digest, two spaces, name");
            (name, digest)
        })
        .collect();
    for (name, digest) in &listed {
        assert_eq!(sha256(&folder.join(name)), *digest, "{name}");
    }
    for name in here.iter().filter(|name| *name != "MANIFEST.sha256") {
        assert!(
            listed.contains_key(name.as_str()),
            "{name} is not in\n{manifest}"
        );
    }
}

#[test]
fn a_second_run_recomputes_nothing() {
    assert_eq!(EMBEDDED.report["state"], "completed");
    assert!(EMBEDDED.report["tasks_computed"].as_u64() > Some(0));
    let stamps = || -> BTreeMap<String, SystemTime> {
        let root = EMBEDDED.root();
        let stamp = |name: String| {
            let metadata = fs::metadata(root.join(&name)).expect("metadata");
            (name, metadata.modified().expect("a time"))
        };
        all(&root).into_iter().map(stamp).collect()
    };
    let before = stamps();
    let output = ok(EMBEDDED.command().args(["--output", "json"]));
    let again = json(&output);
    assert_eq!(again["tasks_computed"], 0, "{again}");
    assert_eq!(again["existed"], true);
    assert_eq!(again["samples"], EMBEDDED.report["samples"]);
    assert_eq!(again["release"], EMBEDDED.report["release"]);
    let output = ok(&mut EMBEDDED.command());
    let table = text(&output.stdout);
    assert!(table.contains("nothing to do"), "{table}");
    for sample in SAMPLES {
        assert!(table.contains(sample), "{table}");
    }
    assert_eq!(stamps(), before);
}

#[test]
fn only_what_is_gone_is_made_again() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let cohort = cohort_file(dir.path(), "call_shards = 2");
    let root = dir.path().join("out");
    let again = || json(&ok(run(&cohort, &root).args(["--output", "json"])));
    again();
    let before = published(&root);
    assert_eq!(
        before,
        published(&EMBEDDED.root()),
        "the same bytes as anywhere else"
    );
    let gone = published_file(&root, "NA12891.g.vcf.gz");
    let kept = published_file(&root, "NA12891.cram");
    let stamp = || {
        let metadata = fs::metadata(&kept).expect("metadata");
        metadata.modified().expect("a time")
    };
    let stamped = stamp();
    fs::remove_file(&gone).expect("removed");
    let gone = gone.strip_prefix(&root).expect("below the root");
    let report = again();
    assert_eq!(report["files_gone"], serde_json::json!([gone]), "{report}");
    assert!(report["tasks_computed"].as_u64() > Some(0), "{report}");
    assert_eq!(published(&root), before);
    assert_eq!(stamp(), stamped, "the alignment was still there");
    assert_eq!(again()["tasks_computed"], 0);
    // Everything that was published is gone, the scheduler's state is not.
    fs::remove_dir_all(root.join("example")).expect("removed");
    again();
    assert_eq!(published(&root), before);
}

#[test]
fn two_runs_in_one_place_do_not_mix() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let cohort = cohort_file(dir.path(), "");
    let root = dir.path().join("out");
    fs::create_dir_all(root.join(".kumi")).expect("created");
    let lock = fs::File::create(root.join(".kumi/lock")).expect("created");
    lock.lock().expect("locked");
    let mut command = run(&cohort, &root);
    let output = command.output().expect("kumi runs");
    assert_eq!(output.status.code(), Some(75), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("another `kumi run`"));
}

#[test]
fn an_interrupted_run_goes_on_where_it_stopped() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let cohort = cohort_file(dir.path(), "");
    let root = dir.path().join("out");
    let command = || {
        let mut command = run(&cohort, &root);
        command.args(["--threads", "1", "--output", "json"]);
        command
    };
    let first = command()
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("kumi runs");
    until("the reference index", || {
        files(&root, &|name| name.ends_with(".kidx")).pop()
    });
    ok(Command::new("kill").args(["-INT", &first.id().to_string()]));
    let output = first.wait_with_output().expect("it ends");
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("interrupted"), "{stderr}");
    let report = json(&ok(&mut command()));
    assert_eq!(report["existed"], true, "{report}");
    assert_eq!(published(&root), published(&EMBEDDED.root()));
}

#[test]
fn another_setting_that_changes_no_result_computes_nothing() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let root = dir.path().join("out");
    let with = |params: &str| {
        let cohort = cohort_file(dir.path(), params);
        json(&ok(run(&cohort, &root).args(["--output", "json"])))
    };
    with("joint_shards = 2");
    let before = published(&root);
    let report = with("call_shards = 3");
    assert_eq!(report["existed"], false, "{report}");
    assert_eq!(report["tasks_computed"], 0, "{report}");
    assert_eq!(published(&root), before);
}
