//! What there is of samples is removed, however often the task is interrupted.

use std::path::Path;

use kumi_formats::vcf::{Form, FormWriter};
use kumi_proto::v1;
use kumi_proto::v1::FailureClass;
use kumi_proto::v1::spec::Kind;
use kumi_seq::contig::Contigs;

use super::house::House;
use crate::agent::TaskResult;
use crate::control::Control;

const DIRECTORIES: [&str; 5] = [
    "p/work/aa",
    "p/samples/S1/run",
    "p/cohorts/c/store/bbc",
    "p/cohorts/c/store/bb/bbc",
    "p/cohorts/c/releases/cc",
];
/// What is listed, and four that nobody knows of: a staged part, one that only its name tells of, sites whose manifest
/// lists the sample, and a chunk of a release that was never completed.
const FILES: [&str; 12] = [
    HALTED,
    "p/cohorts/c/releases/unknown/c.sites.vcf.gz",
    "p/cohorts/c/releases/unknown/manifest.json",
    "p/work/unknown/.S1.g.vcf.gz.a7",
    "p/work/forgotten/S1.g.vcf.gz",
    "p/work/aa/shard.vcf.gz",
    "p/work/aa-4096/shard.vcf.gz",
    "p/samples/S1/run/S1.cram",
    "p/samples/S1/run/qc/S1.stats",
    "p/cohorts/c/store/bbc/00001.census.arrow",
    "p/cohorts/c/store/bb/bbc/00001.census.arrow",
    "p/cohorts/c/releases/cc/c.vcf.gz.tbi",
];

/// Genotypes of it.
const HALTED: &str = "p/cohorts/c/releases/halted/c.0002.bcf";
/// The manifest of a release without it.
const OTHERS: &str = "p/cohorts/c/releases/others/manifest.json";

fn purge(house: &House, directories: &[&str]) -> v1::Spec {
    let purge = v1::PurgeSpec {
        cohort: "c".to_owned(),
        samples: vec!["S1".to_owned()],
        directories: directories.iter().map(|path| (*path).to_owned()).collect(),
        kept: Vec::new(),
    };
    house.spec("p/cohorts/c/purges/dd", Kind::Purge(purge))
}

fn furnish(house: &House) {
    let others = ["p/samples/S2/run/S2.cram", OTHERS];
    for path in FILES.iter().chain(&others) {
        let text = match *path {
            OTHERS => r#"{ "samples": ["S2"] }"#,
            path if path.ends_with("manifest.json") => r#"{ "samples": ["S2", "S1"] }"#,
            _ => "data",
        };
        let path = house.root.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("created");
        if path.ends_with(HALTED) {
            chunk(&path);
        } else {
            std::fs::write(path, text).expect("written");
        }
    }
}

/// A BCF that lists the sample and holds no record.
fn chunk(path: &Path) {
    let contigs = Contigs::new(Vec::new()).expect("contigs");
    let samples = ["S1", "S2"].map(str::to_owned);
    let header = kumi_joint::local_header(&contigs, "r", &samples, "1");
    let file = std::fs::File::create(path).expect("created");
    let writer = FormWriter::new(Form::Encoded, file, &header, &contigs);
    writer.and_then(FormWriter::finish).expect("written");
}

#[test]
fn every_file_is_in_the_certificate_wherever_attempts_end() {
    for checks in 0..6 {
        let house = House::new(1);
        furnish(&house);
        // The first attempt stops somewhere, the second does the rest.
        let stopped = house.run(
            purge(&house, &DIRECTORIES),
            &Control::stopping_after(checks),
        );
        let manifest = match stopped {
            TaskResult::Done(done) => done.manifest,
            TaskResult::Failed(_) => house.done(purge(&house, &DIRECTORIES)),
        };
        assert_eq!(manifest.counts["files"], FILES.len() as u64, "{checks}");
        let folder = house.root.path().join(&manifest.directory);
        let told = std::fs::read_to_string(folder.join("certificate.json")).expect("there");
        for path in FILES {
            assert!(told.contains(path), "{checks}: {path} in {told}");
            assert!(!house.root.path().join(path).exists(), "{checks}: {path}");
        }
        assert_eq!(
            house.files("p/cohorts/c/releases"),
            [house.root.path().join(OTHERS)]
        );
        let left = house.files("p/samples");
        assert_eq!(left, [house.root.path().join("p/samples/S2/run/S2.cram")]);
    }
}

/// A file that should tell whose data it holds and cannot stops a purge: nothing could be certified.
#[test]
fn what_cannot_be_read_is_named() {
    let house = House::new(1);
    furnish(&house);
    let path = house.root.path().join("p/cohorts/c/store/zz/zzy");
    std::fs::create_dir_all(&path).expect("created");
    std::fs::write(path.join("00001.segment.arrow"), "data").expect("written");
    let failure = house.fails(purge(&house, &DIRECTORIES));
    for told in ["cohort c", "zz/zzy/00001.segment.arrow", "remove it"] {
        assert!(failure.message.contains(told), "{told} in {failure:?}");
    }
    assert!(
        house.root.path().join(FILES[0]).exists(),
        "nothing was removed"
    );
}

#[test]
fn what_is_no_result_is_not_removed() {
    let house = House::new(1);
    furnish(&house);
    for path in ["p/samples/S2", "p/cohorts/c", "p", "p/samples/../../x/y"] {
        let failure = house.fails(purge(&house, &[path]));
        assert_eq!(failure.class(), FailureClass::Internal, "{failure:?}");
    }
    assert_eq!(house.files("p/samples/S2").len(), 1);
}
