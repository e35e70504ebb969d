//! `kumi cohort check`: what is wrong with a cohort is said at once, before anything is started.

use std::fs;
use std::process::Output;

use crate::support::trio::{Copy, trio};
use crate::support::{json, kumi, ok, text};

#[test]
fn the_bundled_cohort_is_in_order() {
    let output = ok(kumi()
        .args(["cohort", "check", "--output", "json"])
        .arg(trio().join("cohort.toml")));
    assert_eq!(json(&output)["samples"].as_array().map(Vec::len), Some(3));
}

/// Checks a copy of the trio with another sheet and spoilt files.
fn check(sheet: &str, spoil: impl Fn(&Copy)) -> Output {
    let copy = Copy::new();
    fs::write(copy.path("samples.csv"), sheet).expect("written");
    spoil(&copy);
    kumi()
        .args(["cohort", "check"])
        .arg(copy.cohort())
        .output()
        .expect("kumi runs")
}

const PAIR: &str =
    "sample,fastq_1,fastq_2\nS,reads/NA12878_R1.fastq.gz,reads/NA12878_R2.fastq.gz\n";

/// Each case: a sheet, what is done to the files, the exit code, and what must be said.
#[test]
fn every_error_is_reported_with_its_place() {
    type Case = (&'static str, fn(&Copy), i32, &'static [&'static str]);
    let cases: [Case; 6] = [
        (PAIR, |_| (), 0, &[]),
        (
            "sample,sex,fastq_1,fastq_2\nS1,XZ,no.fq,\nS2,XX,reads/NA12878_R1.fastq.gz,reads/NA12878_R1.fastq.gz\nS3,XX,,\n",
            |_| (),
            65,
            &[
                "samples.csv:2: column sex: sample S1",
                "samples.csv:3: column fastq_2: sample S2",
                "samples.csv:4: column fastq_1: sample S3",
            ],
        ),
        (
            PAIR,
            |copy| fs::remove_file(copy.path("reads/NA12878_R1.fastq.gz")).expect("removed"),
            66,
            &["samples.csv:2: column fastq_1: sample S"],
        ),
        (
            PAIR,
            |copy| fs::write(copy.path("reads/NA12878_R1.fastq.gz"), "").expect("written"),
            65,
            &["sample S", "is empty"],
        ),
        (
            PAIR,
            |copy| fs::write(copy.path("reads/NA12878_R1.fastq.gz"), "hello\n").expect("written"),
            65,
            &["NA12878_R1.fastq.gz:1: a record begins"],
        ),
        (
            PAIR,
            |copy| {
                let path = copy.path("reads/NA12878_R2.fastq.gz");
                let bytes = fs::read(&path).expect("read");
                fs::write(&path, &bytes[..bytes.len() - 28]).expect("written");
            },
            65,
            &["column fastq_2", "truncated"],
        ),
    ];
    for (sheet, spoil, code, says) in cases {
        let output = check(sheet, spoil);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{sheet}\n{stderr}");
        for word in says {
            assert!(stderr.contains(word), "`{word}` is not in\n{stderr}");
        }
    }
}
