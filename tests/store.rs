//! `kumi kernel ingest`, `census` and `purge`: the cohort store by hand, on the gVCFs that `kumi run` left.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use crate::support::trio::{EMBEDDED, SAMPLES};
use crate::support::{files, kumi, ok, refuses, text};

const SEGMENT: &str = "00001.segment.arrow";

/// Segments of some samples.
fn ingest(samples: &[&str], output: &Path) -> PathBuf {
    let mut command = kumi();
    command.args(["kernel", "ingest", "--reference"]);
    command.arg(EMBEDDED.file(".kidx"));
    let gvcf = |sample: &&str| EMBEDDED.file(&format!("{sample}.g.vcf.gz"));
    command.args(samples.iter().map(gvcf));
    ok(command.arg("--output").arg(output));
    output.to_owned()
}

/// The trio as one batch, and as the child and her parents.
struct Batches {
    dir: tempfile::TempDir,
}

impl Batches {
    fn folder(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

static BATCHES: LazyLock<Batches> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("a temporary directory");
    ingest(&SAMPLES, &dir.path().join("all"));
    ingest(&SAMPLES[..1], &dir.path().join("child"));
    ingest(&SAMPLES[1..], &dir.path().join("parents"));
    Batches { dir }
});

fn kernel(name: &str, segments: &[PathBuf], arguments: &[&str]) -> Command {
    let mut command = kumi();
    command
        .args(["kernel", name])
        .args(segments)
        .args(arguments);
    command
}

fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn a_census_is_the_sum_of_its_batches_and_loses_who_withdraws() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let census = |name: &str, batches: &[&str], more: &[&str]| {
        let output = dir.path().join(name);
        let segments: Vec<PathBuf> = batches.iter().map(|name| BATCHES.folder(name)).collect();
        let mut command = kernel("census", &segments, &["--output", path(&output)]);
        let said = text(&ok(command.args(more)).stderr);
        assert!(said.contains(" sample"), "{said}");
        output
    };
    let bytes = |path: &Path| fs::read(path).expect("read");
    let all = census("all", &["all"], &[]);
    let parents = census("parents", &["parents"], &[]);
    assert_ne!(bytes(&all), bytes(&parents));
    let at_once = census("at_once", &["child", "parents"], &[]);
    assert_eq!(bytes(&at_once), bytes(&all));
    let grown = census("grown", &["child"], &["--add", path(&parents)]);
    assert_eq!(bytes(&grown), bytes(&all), "whatever the order");
    let child = census("child", &["all"], &["--samples", SAMPLES[0]]);
    let left = ["--add", path(&all), "--subtract", path(&child)];
    assert_eq!(bytes(&census("left", &[], &left)), bytes(&parents));
    assert_eq!(files(dir.path(), &|name| name.contains("partial")).len(), 0);
}

#[test]
fn a_purged_segment_is_as_if_the_sample_had_never_been_there() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let all = BATCHES.folder("all");
    let purged = dir.path().join("purged");
    let parents = BATCHES.folder("parents").join(SEGMENT);
    // A segment that does not hold her stays as it is, and is not written again.
    let segments = [all.clone(), parents.clone()];
    let arguments = ["--samples", SAMPLES[0], "--output-dir", path(&purged)];
    let output = ok(&mut kernel("purge", &segments, &arguments));
    let (from, to) = (all.join(SEGMENT), purged.join(SEGMENT));
    let line = format!("{}\t{}\t{}\n", from.display(), SAMPLES[0], to.display());
    assert_eq!(text(&output.stdout), line);
    let said = text(&output.stderr);
    assert!(
        said.contains("1 sample taken out of 1 of 2 segments"),
        "{said}"
    );
    assert_eq!(files(&purged, &|_| true), [SEGMENT]);
    // What is in a segment is packed, so that a search would find little in any case. But where all bytes are those of a
    // segment that never saw her, no byte is hers.
    let bytes = |path: &Path| fs::read(path).expect("read");
    assert!(
        bytes(&to) == bytes(&parents),
        "the bytes of her parents alone"
    );
    let name = SAMPLES[0].as_bytes();
    let holds = |bytes: &[u8]| bytes.windows(name.len()).any(|window| window == name);
    assert!(holds(&bytes(&from)) && !holds(&bytes(&to)));
    // In place, by a file of names.
    let store = ingest(&SAMPLES, &dir.path().join("store"));
    let names = dir.path().join("names");
    fs::write(&names, format!("{}\n\n", SAMPLES[0])).expect("written");
    let arguments = ["--samples-file", path(&names), "--output-dir", path(&store)];
    ok(&mut kernel(
        "purge",
        std::slice::from_ref(&store),
        &arguments,
    ));
    assert!(bytes(&store.join(SEGMENT)) == bytes(&to));
    assert_eq!(files(&store, &|_| true), [SEGMENT]);
}

/// Each case: the command, the exit code, what must be said.
#[test]
fn what_cannot_be_counted_or_purged_says_why() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (all, child) = (BATCHES.folder("all"), BATCHES.folder("child"));
    let out = dir.path().join("out");
    let census = dir.path().join("c.census.arrow");
    ok(&mut kernel(
        "census",
        std::slice::from_ref(&child),
        &["--output", path(&census)],
    ));
    let damaged = dir.path().join("d.census.arrow");
    let mut bytes = fs::read(&census).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&damaged, bytes).expect("written");
    let segments = |folders: &[&PathBuf]| folders.iter().copied().cloned().collect::<Vec<_>>();
    let purge = |folders: &[&PathBuf], sample: &str| {
        let arguments = ["--samples", sample, "--output-dir", path(&out)];
        kernel("purge", &segments(folders), &arguments)
    };
    let count = |folders: &[&PathBuf], more: &[&str]| {
        let mut command = kernel("census", &segments(folders), &["--output", path(&out)]);
        command.args(more);
        command
    };
    let twice = format!("sample {} is in", SAMPLES[0]);
    let cases: [(Command, i32, &str); 10] = [
        (purge(&[&child], SAMPLES[0]), 65, "no sample would be left"),
        (
            purge(&[&all], "NOBODY"),
            65,
            "no segment holds sample NOBODY",
        ),
        (purge(&[&all, &all], SAMPLES[0]), 2, "one folder at a time"),
        (purge(&[&dir.path().join("x")], SAMPLES[0]), 66, "/x:"),
        (
            kernel("purge", &segments(&[&all]), &["--output-dir", path(&out)]),
            2,
            "--samples",
        ),
        (count(&[], &[]), 2, "SEGMENT"),
        (count(&[&all, &child], &[]), 65, &twice),
        (count(&[&all], &["--samples", "NOBODY"]), 65, "NOBODY"),
        (
            count(
                &[&BATCHES.folder("parents")],
                &["--subtract", path(&census)],
            ),
            65,
            "c.census.arrow: these samples were never added",
        ),
        (
            count(&[&all], &["--add", path(&damaged)]),
            65,
            "d.census.arrow is damaged",
        ),
    ];
    for (mut command, code, says) in cases {
        refuses(&mut command, code, says);
        let left = files(dir.path(), &|name| {
            name.starts_with("out") || name.contains("partial")
        });
        assert_eq!(left, Vec::<String>::new(), "{command:?}");
    }
}
