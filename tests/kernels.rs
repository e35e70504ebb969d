//! `kumi kernel call` and `kumi kernel joint` on what `kumi run` left, judged by the tools of others.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::tools::{have, shell};
use crate::support::trio::{EMBEDDED, SAMPLES, targets};
use crate::support::{files, kumi, ok, refuses, sha256};

fn call(cram: &Path, output: &Path, more: &[&str]) -> Command {
    let mut command = kumi();
    command.args(["kernel", "call", "--reference"]);
    command.arg(EMBEDDED.file(".kidx")).arg(cram);
    command.arg("--output").arg(output).args(more);
    command
}

fn joint(gvcfs: &[PathBuf], output: &Path, more: &[&str]) -> Command {
    let mut command = kumi();
    command.args(["kernel", "joint", "--reference"]);
    command.arg(EMBEDDED.file(".kidx")).args(gvcfs);
    command.arg("--output").arg(output).args(more);
    command
}

/// The records of a cohort VCF or BCF, field by field.
fn genotypes(path: &Path) -> String {
    let fields = "%CHROM %POS %REF %ALT %QUAL %FILTER %INFO[ %GT:%AD:%DP:%GQ:%PL:%FT]\\n";
    shell(&format!(
        "bcftools query -f '{fields}' '{}'",
        path.display()
    ))
}

/// The records of a VCF, without its header.
fn records(path: &Path) -> String {
    shell(&format!("bcftools view -H '{}'", path.display()))
}

#[test]
fn by_hand_is_as_by_the_cluster() {
    if !have(&["bcftools"]) {
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut gvcfs = Vec::new();
    for sample in SAMPLES {
        let gvcf = dir.path().join(format!("{sample}.g.vcf.gz"));
        let cram = EMBEDDED.file(&format!("{sample}.cram"));
        ok(&mut call(
            &cram,
            &gvcf,
            &["--regions", &targets(), "--threads", "2"],
        ));
        assert!(gvcf.with_extension("gz.tbi").exists());
        assert_eq!(
            records(&gvcf),
            records(&EMBEDDED.file(&format!("{sample}.g.vcf.gz"))),
            "{sample}"
        );
        gvcfs.push(gvcf);
    }
    let (vcf, bcf) = (dir.path().join("c.vcf.gz"), dir.path().join("c.bcf"));
    ok(&mut joint(&gvcfs, &vcf, &["--regions", &targets()]));
    let cohort = genotypes(&vcf);
    assert_eq!(cohort, genotypes(&EMBEDDED.file("/ceu-trio.vcf.gz")));
    gvcfs.reverse();
    ok(&mut joint(
        &gvcfs,
        &bcf,
        &["--regions", &targets(), "--threads", "1"],
    ));
    assert_eq!(
        genotypes(&bcf),
        cohort,
        "BCF holds the same, in whatever order the files are given"
    );
    for (file, ending) in [(&vcf, "gz.tbi"), (&bcf, "bcf.csi")] {
        assert!(file.with_extension(ending).exists());
        let region = "20_9995001_11095000:6000-9000";
        let some = shell(&format!("bcftools view -H '{}' {region}", file.display()));
        assert!(!some.is_empty() && some.len() < cohort.len(), "{region}");
    }
    assert_eq!(
        files(dir.path(), &|name| name.contains("partial")),
        Vec::<String>::new()
    );
}

#[test]
fn segments_give_the_cohort_of_their_gvcfs() {
    if !have(&["bcftools"]) {
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let ingest = |samples: &[&str], name: &str| {
        let output = dir.path().join(name);
        let mut command = kumi();
        command.args(["kernel", "ingest", "--reference"]);
        command.arg(EMBEDDED.file(".kidx"));
        let gvcf = |sample: &&str| EMBEDDED.file(&format!("{sample}.g.vcf.gz"));
        command.args(samples.iter().map(gvcf));
        ok(command.arg("--output").arg(&output));
        assert!(output.join("00001.segment.arrow").exists());
        output
    };
    let (first, second) = (
        ingest(&SAMPLES[..1], "first"),
        ingest(&SAMPLES[1..], "second"),
    );
    let joined = |name: &str, more: &[&str]| {
        let output = dir.path().join(name);
        let mut command = kumi();
        command.args(["kernel", "joint", "--reference"]);
        command
            .arg(EMBEDDED.file(".kidx"))
            .arg("--output")
            .arg(&output);
        command
            .args(more)
            .arg("--segments")
            .arg(&first)
            .arg(&second);
        ok(&mut command);
        genotypes(&output)
    };
    let cohort = genotypes(&EMBEDDED.file("/ceu-trio.vcf.gz"));
    assert_eq!(joined("c.bcf", &["--regions", &targets()]), cohort);
    let names = dir.path().join("withdrawn");
    fs::write(&names, format!("{}\n", SAMPLES[0])).expect("written");
    let without = joined(
        "w.vcf.gz",
        &[
            "--regions",
            &targets(),
            "--withdrawn",
            &names.to_string_lossy(),
        ],
    );
    let others: Vec<PathBuf> = SAMPLES[1..]
        .iter()
        .map(|sample| EMBEDDED.file(&format!("{sample}.g.vcf.gz")))
        .collect();
    let never = dir.path().join("n.vcf.gz");
    ok(&mut joint(&others, &never, &["--regions", &targets()]));
    assert_eq!(without, genotypes(&never));
}

#[test]
fn threads_change_no_byte_of_a_call() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let cram = EMBEDDED.file("NA12891.cram");
    let sums = ["1", "4"].map(|threads| {
        let output = dir.path().join(format!("{threads}.g.vcf.gz"));
        ok(&mut call(
            &cram,
            &output,
            &["--threads", threads, "--regions", &targets()],
        ));
        (sha256(&output), sha256(&output.with_extension("gz.tbi")))
    });
    assert_eq!(sums[0], sums[1]);
}

#[test]
fn a_haploid_genome_has_haploid_genotypes() {
    if !have(&["bcftools"]) {
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let output = dir.path().join("h.g.vcf.gz");
    let haploid = ["--ploidy", "1", "--regions", &targets()];
    ok(&mut call(&EMBEDDED.file("NA12878.cram"), &output, &haploid));
    let genotypes = shell(&format!(
        "bcftools query -f '[%GT]\\n' '{}' | sort -u",
        output.display()
    ));
    assert!(genotypes.contains('1'), "{genotypes}");
    assert!(!genotypes.contains(['/', '|']), "{genotypes}");
}

/// Each case: the command, the exit code, what must be said.
#[test]
fn what_cannot_be_called_says_why() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let out = dir.path().join("x.g.vcf.gz");
    let cram = EMBEDDED.file("NA12878.cram");
    let gvcf = EMBEDDED.file("NA12878.g.vcf.gz");
    let nowhere = PathBuf::from("/nowhere/x");
    let foreign = dir.path().join("other.kidx");
    fs::write(
        dir.path().join("o.fa"),
        ">o\nACGTACGTACGTACGTACGTACGTACGTACGT\n",
    )
    .expect("written");
    ok(kumi()
        .args(["reference", "build"])
        .arg(dir.path().join("o.fa"))
        .arg("--output")
        .arg(&foreign));
    let mut other = kumi();
    other.args(["kernel", "call", "--reference"]).arg(&foreign);
    other.arg(&cram).arg("--output").arg(&out);
    let truncated = dir.path().join("t.g.vcf.gz");
    let bytes = fs::read(&gvcf).expect("read");
    fs::write(&truncated, &bytes[..bytes.len() - 28]).expect("written");
    let cases: [(Command, i32, &str); 7] = [
        (
            call(&cram, &dir.path().join("x.vcf"), &[]),
            2,
            "must end in",
        ),
        (call(&nowhere, &out, &[]), 66, "/nowhere/x"),
        (other, 65, "reference"),
        (
            joint(&[gvcf.clone(), gvcf.clone()], &out, &[]),
            65,
            "sample NA12878",
        ),
        (
            joint(std::slice::from_ref(&nowhere), &out, &[]),
            66,
            "/nowhere/x",
        ),
        (joint(&[truncated], &out, &[]), 65, "t.g.vcf.gz"),
        (
            joint(&[gvcf], &dir.path().join("x.txt"), &[]),
            2,
            "must end in",
        ),
    ];
    for (mut command, code, says) in cases {
        refuses(&mut command, code, says);
        let left = files(dir.path(), &|name| {
            name.contains("x.") || name.contains("partial")
        });
        assert_eq!(left, Vec::<String>::new(), "{command:?}");
    }
}
