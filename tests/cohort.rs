//! `kumi cohort check`: what is wrong with a cohort is said at once, before anything is started.

use std::fs;
use std::process::Output;

use crate::support::{kumi, ok, text, trio};

#[test]
fn the_bundled_cohort_is_in_order() {
    let output = ok(kumi()
        .args(["cohort", "check", "--output", "json"])
        .arg(trio().join("cohort.toml")));
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(value["samples"].as_array().map(Vec::len), Some(3));
}

/// Checks the trio with another sheet, beside links to its reads.
fn check(sheet: &str, spoil: impl Fn(&std::path::Path)) -> Output {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for entry in fs::read_dir(trio().join("reads")).expect("reads") {
        let path = entry.expect("an entry").path();
        fs::copy(&path, dir.path().join(path.file_name().expect("a name"))).expect("copied");
    }
    let reference = trio().join("reference/b37.20_9995001_11095000.fa.gz");
    let cohort = format!(
        "[cohort]\nname = \"c\"\nsheet = \"s.csv\"\n[reference]\nfasta = \"{}\"\n",
        reference.display()
    );
    fs::write(dir.path().join("cohort.toml"), cohort).expect("written");
    fs::write(dir.path().join("s.csv"), sheet).expect("written");
    spoil(dir.path());
    kumi()
        .args(["cohort", "check"])
        .arg(dir.path().join("cohort.toml"))
        .output()
        .expect("kumi runs")
}

const PAIR: &str = "sample,fastq_1,fastq_2\nS,NA12878_R1.fastq.gz,NA12878_R2.fastq.gz\n";

/// Each case: a sheet, what is done to the files, the exit code, and what must be said.
#[test]
fn every_error_is_reported_with_its_place() {
    type Case = (
        &'static str,
        fn(&std::path::Path),
        i32,
        &'static [&'static str],
    );
    let cases: [Case; 6] = [
        (PAIR, |_| (), 0, &[]),
        (
            "sample,sex,fastq_1,fastq_2\nS1,XZ,no.fq,\nS2,XX,NA12878_R1.fastq.gz,NA12878_R1.fastq.gz\nS3,XX,,\n",
            |_| (),
            65,
            &[
                "s.csv:2: column sex: sample S1",
                "s.csv:3: column fastq_2: sample S2",
                "s.csv:4: column fastq_1: sample S3",
            ],
        ),
        (
            PAIR,
            |dir| fs::remove_file(dir.join("NA12878_R1.fastq.gz")).expect("removed"),
            66,
            &["s.csv:2: column fastq_1: sample S"],
        ),
        (
            PAIR,
            |dir| fs::write(dir.join("NA12878_R1.fastq.gz"), "").expect("written"),
            65,
            &["sample S", "is empty"],
        ),
        (
            PAIR,
            |dir| fs::write(dir.join("NA12878_R1.fastq.gz"), "hello\n").expect("written"),
            65,
            &["NA12878_R1.fastq.gz:1: a record begins"],
        ),
        (
            PAIR,
            |dir| {
                let path = dir.join("NA12878_R2.fastq.gz");
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
