//! CRAM and its index, in the hands of samtools and Picard.

use std::path::PathBuf;

use serde_json::Value;

use crate::support::mixed::{LANES, MIXED};
use crate::support::tools::{have, picard, shell};
use crate::support::trio::{EMBEDDED, PLAIN, SAMPLES, reads};

/// A published CRAM: its reference and the FASTQ files it was made of, each with what its reads are.
struct Alignments {
    cram: PathBuf,
    reference: PathBuf,
    fastq: Vec<(PathBuf, &'static str)>,
}

/// Those of the trio, and those of reads of every kind.
fn alignments() -> Vec<Alignments> {
    let of = |sample: &&str| Alignments {
        cram: EMBEDDED.file(&format!("{sample}.cram")),
        reference: PLAIN.path.clone(),
        fastq: vec![(reads(sample, 1), "/1"), (reads(sample, 2), "/2")],
    };
    let mixed = Alignments {
        cram: MIXED.file("mixed.cram"),
        reference: MIXED.reference(),
        fastq: LANES
            .iter()
            .map(|(name, suffix)| (MIXED.path(name), *suffix))
            .collect(),
    };
    SAMPLES.iter().map(of).chain([mixed]).collect()
}

impl Alignments {
    /// A script in a folder of its own; `$C` is the CRAM, `$R` the reference.
    fn shell(&self, script: &str) -> String {
        let dir = tempfile::tempdir().expect("a temporary directory");
        shell(&format!(
            "cd '{}'; C='{}'; R='{}'; {script}",
            dir.path().display(),
            self.cram.display(),
            self.reference.display()
        ))
    }
}

#[test]
fn alignments_are_whole_and_hold_every_read_once() {
    if !have(&["samtools"]) {
        return;
    }
    for given in alignments() {
        let ours = given.shell(
            "samtools quickcheck -v $C; samtools view -u -F 0x900 -T $R $C | samtools collate -u -O - x | \
             samtools fastq -N - 2>/dev/null | paste - - - - | sort",
        );
        let of = |(path, suffix): &(PathBuf, &str)| {
            let name = format!("{{ split($1, n, \" \"); print n[1] \"{suffix}\", $2, $3, $4 }}");
            format!(
                "zcat '{}' | paste - - - - | awk -F'\\t' -v OFS='\\t' '{name}'; ",
                path.display()
            )
        };
        let every: String = given.fastq.iter().map(of).collect();
        assert!(ours.lines().count() > 1500);
        // Not assert_eq: nobody wants to read all reads.
        assert!(
            ours == shell(&format!("{{ {every} }} | sort")),
            "{}",
            given.cram.display()
        );
        let counted = given.shell("samtools flagstat -O json $C");
        let counted: Value = serde_json::from_str(&counted).expect("JSON");
        assert_eq!(
            counted["QC-passed reads"]["primary"],
            ours.lines().count(),
            "{counted}"
        );
    }
}

#[test]
fn a_region_is_found_through_the_index() {
    if !have(&["samtools"]) {
        return;
    }
    for given in alignments() {
        given.shell(
            "set -- $(awk 'NR == 1 { print $1 }' $R.fai); L=$1; printf '%s\\t%s\\t%s\\n' $L 2999 7000 > b.bed; \
             samtools view -T $R $C $L:3000-7000 > indexed; samtools view -T $R -L b.bed $C > filtered; \
             test -s indexed; cmp indexed filtered",
        );
    }
}

#[test]
fn differences_are_those_of_samtools_calmd() {
    if !have(&["samtools"]) {
        return;
    }
    for given in alignments() {
        let lines = |command: &str| {
            given.shell(&format!(
                "{command} | awk '{{ t = \"\"; for (i = 12; i <= NF; i++) if ($i ~ /^(NM|MD):/) t = t \" \" $i; print $1, $2, $4, t }}' | sort"
            ))
        };
        let ours = lines("samtools view -T $R -F 4 $C");
        let theirs = lines(
            "samtools view -u -T $R -F 4 $C | samtools calmd -Q - $R 2>/dev/null | samtools view",
        );
        assert!(ours.lines().count() > 1500);
        assert_eq!(ours, theirs);
    }
}

#[test]
fn duplicates_are_those_of_samtools_markdup() {
    if !have(&["samtools"]) {
        return;
    }
    for given in alignments().iter().take(SAMPLES.len()) {
        let count = |command: &str| {
            given
                .shell(command)
                .trim()
                .parse::<f64>()
                .expect("a number")
        };
        let ours = count("samtools view -c -f 1024 -F 0x900 -T $R $C");
        let theirs = count(
            "samtools view -u -T $R $C | samtools collate -u -O - x | samtools fixmate -u -m - - | samtools sort -u - | \
             samtools markdup -c -u - - | samtools view -c -f 1024 -F 0x900 -",
        );
        assert!(
            ours > 200.0 && (ours - theirs).abs() <= (0.005 * theirs).max(2.0),
            "{}: {ours} and {theirs}",
            given.cram.display()
        );
    }
}

#[test]
fn picard_finds_no_error() {
    if !have(&["samtools", "PicardCommandLine"]) {
        return;
    }
    for given in alignments() {
        // Picard reads the CRAM with code of its own; it wants the dictionary beside the reference.
        given.shell(&format!(
            "cp $R r.fa; samtools faidx r.fa; samtools dict r.fa > r.dict; {}",
            picard("ValidateSamFile", "I=$C R=r.fa MODE=SUMMARY")
        ));
    }
}
