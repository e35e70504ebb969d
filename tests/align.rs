//! `kumi reference` and `kumi kernel align` on the bundled trio, judged by the tools of others.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use crate::support::tools::{have, shell};
use crate::support::trio::{EMBEDDED, INDEX, PLAIN, reads};
use crate::support::{kumi, ok, text};

fn align(output: &Path, more: &[&str]) -> Command {
    let mut command = kumi();
    command
        .args(["kernel", "align", "--sample", "NA12891", "--reference"])
        .arg(&INDEX.path);
    command
        .args([reads("NA12891", 1), reads("NA12891", 2)])
        .arg("--output")
        .arg(output)
        .args(more);
    command
}

/// The child's father, aligned as CRAM.
static CRAM: LazyLock<(tempfile::TempDir, PathBuf)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let cram = dir.path().join("NA12891.cram");
    ok(&mut align(&cram, &[]));
    (dir, cram)
});

/// A shell script with the reference as `$R` (plain FASTA with `.fai`) and the alignments as `$C`.
fn on_cram(script: &str) -> String {
    let (dir, cram) = &*CRAM;
    let dir = dir.path().display();
    shell(&format!(
        "R='{}'; C='{}'; cd '{dir}'; {script}",
        PLAIN.path.display(),
        cram.display()
    ))
}

#[test]
fn an_index_is_checked_and_shown() {
    ok(kumi().args(["reference", "verify"]).arg(&INDEX.path));
    let shown = text(
        &ok(kumi()
            .args(["reference", "show", "--output", "json"])
            .arg(&INDEX.path))
        .stdout,
    );
    let value: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(value["contigs"][0]["length"], 1_100_000);

    let dir = tempfile::tempdir().expect("a temporary directory");
    let damaged = dir.path().join("d.kidx");
    let mut bytes = fs::read(&INDEX.path).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&damaged, &bytes).expect("written");
    refused(kumi().args(["reference", "verify"]).arg(&damaged));
}

/// Reads are aligned while the index is still being verified: nothing may come of it.
#[test]
fn nothing_is_published_from_a_damaged_index() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (damaged, bam) = (dir.path().join("d.kidx"), dir.path().join("x.bam"));
    let bytes = fs::read(&INDEX.path).expect("read");
    // The seeds are the last two thirds of the file: places, strands and hashes become others.
    for bit in [0, 20, 33, 34, 40] {
        let mut bytes = bytes.clone();
        let seeds = bytes.len() / 3;
        for seed in bytes[seeds..].as_chunks_mut::<8>().0.iter_mut().step_by(3) {
            *seed = (u64::from_le_bytes(*seed) ^ 1 << bit).to_le_bytes();
        }
        fs::write(&damaged, &bytes).expect("written");
        let mut align = kumi();
        align
            .args(["kernel", "align", "--sample", "NA12891", "--reference"])
            .arg(&damaged)
            .args([reads("NA12891", 1), reads("NA12891", 2)])
            .arg("--output")
            .arg(&bam);
        refused(&mut align);
        assert!(!bam.exists());
    }
}

fn refused(command: &mut Command) {
    let output = command.output().expect("kumi runs");
    assert_eq!(output.status.code(), Some(65), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("damaged"));
}

#[test]
fn by_hand_is_as_by_the_cluster() {
    if !have(&["samtools"]) {
        return;
    }
    // The read group has the name of the sheet's lane there.
    let records = |cram: &str| {
        on_cram(&format!(
            "samtools quickcheck -v {cram}; samtools view -T $R {cram} | sed 's/\\tRG:Z:[^\\t]*//'"
        ))
    };
    let ours = records("$C");
    assert!(ours.lines().count() > 2500);
    let published = EMBEDDED.file("NA12891.cram");
    // Not assert_eq: nobody wants to read all reads.
    assert!(ours == records(&format!("'{}'", published.display())));
    let region = on_cram("samtools view -T $R $C 20_9995001_11095000:5000-6000");
    assert!(
        !region.is_empty() && region.len() < ours.len(),
        "the index is used"
    );
}

#[test]
fn placements_are_those_of_bwa() {
    if !have(&["samtools", "bwa"]) {
        return;
    }
    let (one, two) = (reads("NA12891", 1), reads("NA12891", 2));
    let agree = on_cram(&format!(
        "bwa index $R 2>/dev/null; bwa mem -v1 $R '{}' '{}' 2>/dev/null | samtools view -F 0x904 -q 30 | \
         awk '{{ print $1 \"/\" int($2 / 64) % 4, $3, $4 }}' | sort > b; \
         samtools view -T $R -F 0x904 -q 30 $C | awk '{{ print $1 \"/\" int($2 / 64) % 4, $3, $4 }}' | sort > k; \
         join b k | awk '{{ n++; d = $3 - $5; if (d < 0) d = -d; if ($2 == $4 && d <= 5) s++ }} END {{ print s, n }}'",
        one.display(),
        two.display()
    ));
    let numbers: Vec<f64> = agree
        .split_whitespace()
        .map(|n| n.parse().expect("a number"))
        .collect();
    assert!(
        numbers[1] > 2400.0 && numbers[0] / numbers[1] > 0.995,
        "{agree}"
    );
}

#[test]
fn threads_and_memory_change_no_byte() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut outputs = Vec::new();
    for (name, more) in [
        ("1", ["--threads", "1", "--memory", "2GiB"]),
        ("2", ["--threads", "2", "--memory", "64KiB"]),
        ("4", ["--threads", "4", "--memory", "1GiB"]),
    ] {
        let bam = dir.path().join(format!("{name}.bam"));
        ok(&mut align(&bam, &more));
        outputs.push((
            fs::read(&bam).expect("BAM"),
            fs::read(bam.with_extension("bam.bai")).expect("BAI"),
        ));
    }
    assert!(outputs.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn broken_reads_leave_nothing_that_looks_complete() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let cut = dir.path().join("cut.fastq.gz");
    let whole = fs::read(reads("NA12891", 2)).expect("read");
    fs::write(&cut, &whole[..whole.len() / 2]).expect("written");
    let out = dir.path().join("o.cram");
    let mut command = kumi();
    command
        .args(["kernel", "align", "--sample", "S", "--reference"])
        .arg(&INDEX.path);
    let output = command
        .args([&reads("NA12891", 1), &cut])
        .arg("--output")
        .arg(&out)
        .output()
        .expect("kumi runs");
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(65), "{stderr}");
    assert!(
        stderr.contains("cut.fastq.gz") && stderr.contains("truncated"),
        "{stderr}"
    );
    assert!(!out.exists());
}
