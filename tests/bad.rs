//! Bad inputs: what is said, with which exit code, what is left behind, and who finishes all the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::support::small::gzip;
use crate::support::trio::{Copy, EMBEDDED, trio};
use crate::support::{files, json, kumi, published, text, unzip};

/// Where a run of a copy publishes by default.
fn root(copy: &Copy) -> PathBuf {
    copy.path("kumi-out")
}

fn run(copy: &Copy, more: &[&str]) -> Output {
    let mut command = kumi();
    command.arg("run").arg(copy.cohort()).args(more);
    command.output().expect("kumi runs")
}

/// Byte at which line `line` (from 0) begins.
fn line_start(text: &[u8], line: usize) -> usize {
    let newlines = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    newlines
        .map(|(at, _)| at + 1)
        .nth(line - 1)
        .expect("a line")
}

const READS: &str = "reads/NA12891_R1.fastq.gz";

/// What can be seen before any work starts: what is done, the exit code, what must be said. Where only the
/// data of a sample are bad, `inputs.rs` tells what becomes of the others under quarantine.
#[test]
fn what_can_be_known_before_is_said_before() {
    type Case = (&'static str, fn(&Copy), i32, &'static [&'static str]);
    let cases: [Case; 6] = [
        (
            "an empty file",
            |copy| fs::write(copy.path(READS), "").expect("written"),
            65,
            &["samples.csv:3: column fastq_1: sample NA12891", "is empty"],
        ),
        (
            "a truncated file",
            |copy| {
                let bytes = fs::read(copy.path(READS)).expect("read");
                fs::write(copy.path(READS), &bytes[..bytes.len() / 2]).expect("written");
            },
            65,
            &["samples.csv:3: column fastq_1: sample NA12891", "truncated"],
        ),
        (
            "a missing file",
            |copy| fs::remove_file(copy.path(READS)).expect("removed"),
            66,
            &[
                "samples.csv:3: column fastq_1: sample NA12891",
                "NA12891_R1.fastq.gz",
            ],
        ),
        (
            "files of different pairs",
            |copy| {
                let other = copy.path("reads/NA12892_R1.fastq.gz");
                fs::copy(other, copy.path(READS)).map(drop).expect("copied");
            },
            65,
            &[
                "samples.csv:3: column fastq_2: sample NA12891",
                "begins with read",
            ],
        ),
        (
            "a sample twice",
            |copy| {
                let sheet = fs::read_to_string(copy.path("samples.csv")).expect("read");
                let twice = sheet.replace("NA12892,NA12892", "NA12891,NA12891");
                fs::write(copy.path("samples.csv"), twice).expect("written");
            },
            65,
            &["samples.csv:4: column lane: sample NA12891"],
        ),
        (
            "several at once",
            |copy| {
                fs::remove_file(copy.path(READS)).expect("removed");
                fs::write(copy.path("reads/NA12892_R2.fastq.gz"), "").expect("written");
            },
            65,
            &["2 problems", "samples.csv:3", "samples.csv:4"],
        ),
    ];
    for (what, spoil, code, says) in cases {
        let copy = Copy::new();
        spoil(&copy);
        let data = [
            "an empty file",
            "a truncated file",
            "files of different pairs",
        ];
        let policies = if data.contains(&what) { 1 } else { 2 };
        for policy in ["fail", "quarantine"].into_iter().take(policies) {
            let output = run(&copy, &["--on-bad-sample", policy]);
            let stderr = text(&output.stderr);
            assert_eq!(output.status.code(), Some(code), "{what}\n{stderr}");
            for word in says {
                assert!(
                    stderr.contains(word),
                    "{what}: `{word}` is not in\n{stderr}"
                );
            }
            assert!(!root(&copy).exists(), "{what}: nothing was started");
        }
    }
}

/// Damage in the middle of a file, where only reading it shows it.
fn spoil_middle(copy: &Copy, how: &str) {
    let text = unzip(&copy.path(READS)).into_bytes();
    let lines = text.iter().filter(|byte| **byte == b'\n').count();
    let middle = lines / 8 * 4;
    match how {
        "a broken record" => {
            let at = line_start(&text, middle);
            let broken = [&text[..at], b"this is no record\n", &text[at..]].concat();
            fs::write(copy.path(READS), gzip(&broken)).expect("written");
        }
        "an end in mid-record" => fs::write(
            copy.path(READS),
            gzip(&text[..line_start(&text, middle) + 20]),
        )
        .expect("written"),
        "a missing mate" => {
            let (from, to) = (line_start(&text, middle), line_start(&text, middle + 4));
            fs::write(
                copy.path(READS),
                gzip(&[&text[..from], &text[to..]].concat()),
            )
            .expect("written");
        }
        "truncated gzip" => {
            fs::write(copy.path(READS), gzip(&text)).expect("written");
            let bytes = fs::read(copy.path(READS)).expect("read");
            fs::write(copy.path(READS), &bytes[..bytes.len() * 3 / 4]).expect("written");
        }
        other => panic!("{other}?"),
    }
}

fn products(root: &Path) -> Vec<String> {
    files(root, &|name| {
        name.ends_with(".cram") || name.ends_with(".vcf.gz")
    })
}

#[test]
fn one_bad_sample_fails_the_cohort_and_leaves_nothing_that_looks_complete() {
    for how in [
        "a broken record",
        "an end in mid-record",
        "a missing mate",
        "truncated gzip",
    ] {
        let copy = Copy::new();
        spoil_middle(&copy, how);
        let output = run(&copy, &["--threads", "2"]);
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        // A plain gzip file has no end marker: where the check unpacks it, it is found before.
        if output.status.code() == Some(65) {
            assert!(stderr.contains("samples.csv:3"), "{how}\n{stderr}");
            continue;
        }
        assert_eq!(output.status.code(), Some(1), "{how}\n{stdout}\n{stderr}");
        let said = format!("{stdout}{stderr}");
        assert!(
            said.contains("NA12891_R1.fastq.gz"),
            "{how}: names the file\n{said}"
        );
        assert!(said.contains("NA12891"), "{how}: names the sample\n{said}");
        let products = products(&root(&copy));
        let bad = |name: &&String| name.contains("NA12891") || name.contains("/cohorts/");
        assert!(
            !products.iter().any(|name| bad(&name)),
            "{how}: {products:?}"
        );
    }
}

#[test]
fn the_others_finish_when_a_bad_sample_is_set_aside() {
    let copy = Copy::new();
    spoil_middle(&copy, "a broken record");
    let quarantine = ["--on-bad-sample", "quarantine"];
    let output = run(&copy, &quarantine);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{stdout}\n{stderr}");
    assert!(stdout.contains("quarantined NA12891: "), "{stdout}");
    assert!(
        stdout.contains("NA12891_R1.fastq.gz:"),
        "file and line: {stdout}"
    );
    let sums = published(&root(&copy));
    let expected = published(&EMBEDDED.root());
    for sample in ["NA12878", "NA12892"] {
        for ending in [".cram", ".g.vcf.gz"] {
            let name = format!("{sample}{ending}");
            let sum = |sums: &std::collections::BTreeMap<String, String>| {
                let found = sums.iter().find(|(path, _)| path.ends_with(&name));
                found.map(|(_, sum)| sum.clone())
            };
            assert!(sum(&sums).is_some(), "{name}");
            assert_eq!(sum(&sums), sum(&expected), "{name}");
        }
    }
    let releases = sums.keys().filter(|name| name.contains("/cohorts/"));
    assert_eq!(
        releases.count(),
        2,
        "a release of two, with its sites: {sums:?}"
    );

    // The file is mended: only its sample is computed, and the cohort.
    fs::copy(trio().join(READS), copy.path(READS)).expect("copied");
    let output = run(&copy, &["--output", "json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report = json(&output);
    assert_eq!(report["state"], "completed", "{report}");
    let after = published(&root(&copy));
    assert!(sums.iter().all(|(name, sum)| after.get(name) == Some(sum)));
    let digests = |sums: &std::collections::BTreeMap<String, String>| {
        sums.values()
            .cloned()
            .collect::<std::collections::BTreeSet<_>>()
    };
    assert!(
        digests(&expected).is_subset(&digests(&after)),
        "the same bytes as without the detour"
    );
}
