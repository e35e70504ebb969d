//! Latency mode: samples aligned in chunks, by one process and by many, give the bytes of the other mode.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::daemon::{Process, Schedulers, free_ports, worker};
use crate::support::mixed::MIXED;
use crate::support::small::gzip;
use crate::support::trio::{EMBEDDED, INDEX, SAMPLES, cohort_file, fasta, reads, targets};
use crate::support::{files, json, kumi, ok, published_file, run, sha256, text, unzip};

/// The digests of everything that was published for good, by relative path.
fn published(root: &Path) -> BTreeMap<String, String> {
    let names = files(root, &|name| !name.contains("/work/"));
    let digest = |name: String| (name.clone(), sha256(&root.join(name)));
    names.into_iter().map(digest).collect()
}

/// What of chunks and regions was left behind.
fn runs(root: &Path) -> Vec<String> {
    let ends = [".run", "cut.json", "part.cram", "counts.json"];
    files(root, &|name| ends.iter().any(|end| name.ends_with(end)))
}

#[test]
fn chunks_change_no_byte_of_the_trio_and_leave_nothing_behind() {
    let expected = published(&EMBEDDED.root());
    assert!(expected.len() > 30, "alignments, metrics: {expected:?}");
    for chunks in [2, 5] {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let params = format!("mode = \"latency\"\nalign_chunks = {chunks}");
        let cohort = cohort_file(dir.path(), &params);
        let root = dir.path().join("out");
        let said = ok(&mut run(&cohort, &root));
        assert!(
            text(&said.stderr).contains("chunk"),
            "{}",
            text(&said.stderr)
        );
        assert_eq!(published(&root), expected, "{chunks} chunks");
        assert_eq!(runs(&root), Vec::<String>::new());
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Format {
    Plain,
    Gzip,
    /// gzip in members of a few records, cut anywhere.
    Members,
    Bgzf,
}

impl Format {
    fn bytes(self, text: &str) -> Vec<u8> {
        let text = text.as_bytes();
        match self {
            Self::Plain => text.to_vec(),
            Self::Gzip => gzip(text),
            Self::Members => text.chunks(10_007).flat_map(gzip).collect(),
            Self::Bgzf => text
                .chunks(5_003)
                .chain([&[][..]])
                .flat_map(block)
                .collect(),
        }
    }
}

/// A BGZF block (SAM 4.1).
fn block(text: &[u8]) -> Vec<u8> {
    let level = flate2::Compression::default();
    let mut deflated = flate2::write::DeflateEncoder::new(Vec::new(), level);
    deflated.write_all(text).expect("written");
    let deflated = deflated.finish().expect("finished");
    let mut sum = flate2::Crc::new();
    sum.update(text);
    let mut block = vec![
        0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 6, 0, b'B', b'C', 2, 0,
    ];
    block.extend((deflated.len() as u16 + 25).to_le_bytes());
    block.extend(deflated);
    block.extend(sum.sum().to_le_bytes());
    block.extend((text.len() as u32).to_le_bytes());
    block
}

/// The child's reads in three lanes, the last of them of single reads.
fn lanes(dir: &Path, formats: [Format; 3], params: &str) -> PathBuf {
    let mut sheet = "sample,sex,lane,library,fastq_1,fastq_2\n".to_owned();
    for mate in [1, 2] {
        let all = unzip(&reads(SAMPLES[0], mate));
        let lines: Vec<&str> = all.lines().collect();
        let per_lane = lines.len() / 4 / 3 * 4;
        for (lane, format) in formats.into_iter().enumerate() {
            let part = lines.chunks(per_lane).nth(lane).expect("three lanes");
            let bytes = format.bytes(&(part.join("\n") + "\n"));
            fs::write(dir.join(format!("{lane}_{mate}.fq")), bytes).expect("written");
        }
    }
    for lane in 0..3 {
        let second = if lane == 2 {
            String::new()
        } else {
            format!("{lane}_2.fq")
        };
        sheet += &format!("S,XX,L{lane},lib{},{lane}_1.fq,{second}\n", lane / 2);
    }
    cohort(dir, &sheet, params)
}

fn cohort(dir: &Path, sheet: &str, params: &str) -> PathBuf {
    fs::write(dir.join("samples.csv"), sheet).expect("written");
    let text = format!(
        "[cohort]\nname = \"c\"\nsheet = \"samples.csv\"\n[reference]\nfasta = \"{}\"\n\
         [params]\ntargets = \"{}\"\n{params}\n",
        fasta().display(),
        targets()
    );
    let path = dir.join("cohort.toml");
    fs::write(&path, text).expect("written");
    path
}

#[test]
fn lanes_of_any_format_are_cut_without_a_trace() {
    use Format::{Bgzf, Gzip, Members, Plain};
    let mut crams = Vec::new();
    for formats in [[Plain, Gzip, Bgzf], [Members, Bgzf, Plain], [Bgzf; 3]] {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let root = |mode: &str| dir.path().join(mode);
        ok(&mut run(
            &lanes(dir.path(), formats, ""),
            &root("throughput"),
        ));
        let expected = published(&root("throughput"));
        for chunks in [2, 7] {
            let params = format!("mode = \"latency\"\nalign_chunks = {chunks}");
            let path = dir.path().join("cohort.toml");
            let before = fs::read_to_string(&path).expect("there");
            fs::write(&path, before.clone() + &params).expect("written");
            let said = ok(&mut run(&path, &root("latency")));
            let said = text(&said.stderr);
            let gzip = formats.iter().any(|f| matches!(f, Gzip | Members));
            assert_eq!(said.contains("S: gzip files are inflated"), gzip, "{said}");
            assert_eq!(published(&root("latency")), expected, "{formats:?}");
            fs::remove_dir_all(root("latency")).expect("removed");
            fs::write(&path, before).expect("written");
        }
        crams.push(sha256(&published_file(&root("throughput"), ".cram")));
    }
    assert!(crams.iter().all(|cram| *cram == crams[0]), "{crams:?}");
}

#[test]
fn bam_is_aligned_as_a_whole_and_said_to_be() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut align = kumi();
    align.args(["kernel", "align", "--sample", "S", "--reference"]);
    align
        .arg(&INDEX.path)
        .args([reads(SAMPLES[0], 1), reads(SAMPLES[0], 2)]);
    ok(align.arg("--output").arg(dir.path().join("s.bam")));
    let sheet = "sample,sex,bam,priority\nS,XX,s.bam,urgent\n";
    let cohort = cohort(dir.path(), sheet, "");
    let said = ok(run(&cohort, &dir.path().join("out")).args(["--output", "json"]));
    let note = "sample S is aligned as a whole: BAM and CRAM cannot be entered in their middle";
    assert!(text(&said.stderr).contains(note), "{}", text(&said.stderr));
}

#[test]
fn a_damaged_lane_fails_its_sample_by_name() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let params = "mode = \"latency\"\nalign_chunks = 4";
    let cohort = lanes(dir.path(), [Format::Plain; 3], params);
    let path = dir.path().join("1_2.fq");
    let spoilt = fs::read_to_string(&path).expect("there");
    let at = spoilt.rfind("\n@").expect("a last record");
    fs::write(&path, &spoilt[..at + 20]).expect("written");
    let output = run(&cohort, &dir.path().join("out"))
        .output()
        .expect("runs");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(
        said.contains("1_2.fq") && said.contains("sample S"),
        "{said}"
    );
}

/// Reads of every kind, on four contigs, one of them without reads: pairs and split reads join them, duplicates too.
#[test]
fn regions_change_no_byte_and_leave_nothing_behind() {
    let expected = published(&MIXED.root());
    assert!(expected.len() > 10, "alignments, metrics: {expected:?}");
    for (chunks, regions, merged) in [(2, 2, true), (5, 3, true), (3, 9, true), (3, 1, false)] {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let params =
            format!("mode = \"latency\"\nalign_chunks = {chunks}\nmerge_regions = {regions}");
        let cohort = MIXED.cohort_file(dir.path(), &params);
        let root = dir.path().join("out");
        let said = ok(&mut run(&cohort, &root));
        let said = text(&said.stderr);
        for stage in ["mark", "merge"] {
            assert_eq!(said.contains(stage), merged, "{regions} regions: {said}");
        }
        assert_eq!(
            published(&root),
            expected,
            "{chunks} chunks, {regions} regions"
        );
        assert_eq!(runs(&root), Vec::<String>::new());
    }
}

/// The first of the workers that says it has begun a task of this stage. Such tasks last milliseconds: asking
/// the schedulers who runs one would come too late.
fn first_at<'a>(workers: &'a mut [Process], stage: &str) -> &'a mut Process {
    let begun = format!("stage=\"{stage}\"");
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let said = |worker: &Process| worker.said().contains(&begun);
        if let Some(at) = workers.iter().position(said) {
            return &mut workers[at];
        }
        assert!(Instant::now() < deadline, "no worker began {stage}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Runs a cohort on two workers, of which the one that first has a task of this stage is killed.
fn with_a_killed_worker(stage: &str, name: &str, cohort: &Path, root: &Path) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let ports = free_ports::<2>();
    let schedulers = Schedulers::start(dir.path(), &ports[..1], &ports[1..]);
    let start = |name: &str| worker(dir.path(), name, &schedulers.endpoints(), &[]);
    let mut workers = [start("w1"), start("w2")];
    let tell = |args: &[&str]| {
        let mut command = kumi();
        command.args(args);
        command.args(["--endpoint", &schedulers.endpoints()]);
        command
    };
    let mut submit = tell(&["cohort", "submit", "--output", "json"]);
    let answer = json(&ok(submit.arg(cohort).arg("--output-dir").arg(root)));
    assert_eq!(answer["existed"], false, "{answer}");
    first_at(&mut workers, stage).kill();
    ok(&mut tell(&["cohort", "wait", name]));
}

#[test]
fn a_killed_worker_loses_no_chunk_for_good() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let cohort = cohort_file(dir.path(), "mode = \"latency\"\nalign_chunks = 6");
    let root = dir.path().join("out");
    with_a_killed_worker("chunk", "ceu-trio", &cohort, &root);
    assert_eq!(published(&root), published(&EMBEDDED.root()));
    assert_eq!(runs(&root), Vec::<String>::new());
}

#[test]
fn a_worker_that_is_killed_while_it_marks_or_merges_loses_no_region_for_good() {
    for stage in ["mark", "merge"] {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let params = "mode = \"latency\"\nalign_chunks = 3\nmerge_regions = 4";
        let cohort = MIXED.cohort_file(dir.path(), params);
        let root = dir.path().join("out");
        with_a_killed_worker(stage, "mixed", &cohort, &root);
        assert_eq!(published(&root), published(&MIXED.root()), "{stage}");
        assert_eq!(runs(&root), Vec::<String>::new(), "{stage}");
    }
}
