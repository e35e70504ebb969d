//! The quality metrics of a sample against the tools whose files they are: on a sample of the trio, measured in
//! its targets, and on a sample with reads of every kind, measured everywhere.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::support::mixed::MIXED;
use crate::support::tools::{have, picard, shell};
use crate::support::trio::{EMBEDDED, PLAIN, targets};

const NAME: &str = "NA12891";

/// A published sample, its alignments as BAM, and a folder for what the tools say.
struct Sample {
    name: &'static str,
    /// The published files.
    folder: PathBuf,
    dir: tempfile::TempDir,
    reference: PathBuf,
    /// Depth was measured in these only.
    targets: Option<String>,
}

static TRIO: LazyLock<Sample> = LazyLock::new(|| {
    let cram = EMBEDDED.file(&format!("{NAME}.cram"));
    Sample::new(NAME, &cram, &PLAIN.path, Some(targets()))
});
static STRANGE: LazyLock<Sample> =
    LazyLock::new(|| Sample::new("mixed", &MIXED.file("mixed.cram"), &MIXED.reference(), None));

impl Sample {
    fn new(name: &'static str, cram: &Path, reference: &Path, targets: Option<String>) -> Self {
        let sample = Self {
            name,
            folder: cram.parent().expect("a folder").to_owned(),
            dir: tempfile::tempdir().expect("a temporary directory"),
            reference: reference.to_owned(),
            targets,
        };
        let cram = cram.display();
        sample.shell(&format!(
            "samtools view -b -T $R -o $B '{cram}'; samtools index $B"
        ));
        sample
    }

    /// A script in the folder; `$B` is the BAM, `$R` the reference, `$T` the targets.
    fn shell(&self, script: &str) -> String {
        shell(&format!(
            "cd '{}'; B=a.bam; R='{}'; T='{}'; {script}",
            self.dir.path().display(),
            self.reference.display(),
            self.targets.as_deref().unwrap_or_default()
        ))
    }

    /// Our file.
    fn ours(&self, ending: &str) -> String {
        let path = self.folder.join(format!("qc/{}.{ending}", self.name));
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Runs a Picard program in the folder.
    fn picard(&self, program: &str, arguments: &str) {
        // Picard asks for R before it measures, for a plot that nobody wants here.
        self.shell(&format!(
            "mkdir -p bin; printf '#!/bin/sh\\n' > bin/Rscript; chmod +x bin/Rscript; export PATH=\"$PWD/bin:$PATH\"; \
             {}",
            picard(program, &format!("I=$B {arguments}"))
        ));
    }

    /// A file of metrics that Picard wrote.
    fn metrics(&self, file: &str) -> Metrics {
        Metrics::parse(&self.shell(&format!("cat '{file}'")))
    }
}

fn each(check: impl Fn(&Sample)) {
    check(&TRIO);
    check(&STRANGE);
}

/// A file of Picard's shape.
#[derive(Debug, PartialEq)]
struct Metrics {
    class: String,
    rows: Vec<BTreeMap<String, String>>,
    /// The lines below the table.
    histogram: Vec<String>,
}

impl Metrics {
    fn parse(text: &str) -> Self {
        let mut lines = text
            .lines()
            .skip_while(|line| !line.starts_with("## METRICS"));
        let class = lines.next().expect("a table").to_owned();
        let columns: Vec<&str> = lines.next().expect("columns").split('\t').collect();
        let row = |line: &str| {
            // Picard writes no tabs for what is empty at the end of a row.
            let values = line.split('\t').chain(std::iter::repeat(""));
            let pairs = columns.iter().zip(values);
            pairs
                .map(|(name, value)| ((*name).to_owned(), value.to_owned()))
                .collect()
        };
        let rows = lines
            .by_ref()
            .take_while(|line| !line.is_empty())
            .map(row)
            .collect();
        let rest = lines.filter(|line| !line.is_empty());
        Self {
            class,
            rows,
            histogram: rest.map(str::to_owned).collect(),
        }
    }
}

#[test]
fn samtools_counts_the_same() {
    if !have(&["samtools"]) {
        return;
    }
    each(|sample| {
        assert_eq!(
            sample.ours("flagstat.txt"),
            sample.shell("samtools flagstat $B")
        );
        assert_eq!(
            sample.ours("idxstats.txt"),
            sample.shell("samtools idxstats $B")
        );
        let (ours, theirs) = (sample.ours("stats.txt"), sample.shell("samtools stats $B"));
        let (ours, theirs) = (sections(&ours), sections(&theirs));
        for name in ["SN", "FFQ", "LFQ", "RL", "FRL", "LRL", "ID", "IS"] {
            assert!(!theirs[name].is_empty(), "{name}");
            assert_eq!(ours.get(name), theirs.get(name), "{}: {name}", sample.name);
        }
        assert!(
            ours.keys().all(|name| theirs.contains_key(name)),
            "{:?}",
            ours.keys()
        );
    });
}

/// Lines by their first word.
fn sections(text: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut sections: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, rest) = line.split_once('\t').expect("a tab");
        sections.entry(name).or_default().push(rest);
    }
    sections
}

#[test]
fn mosdepth_measures_the_same_depth() {
    if !have(&["samtools", "mosdepth"]) {
        return;
    }
    each(|sample| {
        // Debian's mosdepth looks for a name of the library that only its development package has.
        sample.shell(
            "mkdir -p lib; ln -sf \"$(ldd \"$(command -v samtools)\" | awk '/libhts/ { print $3; exit }')\" lib/libhts.so; \
             export LD_LIBRARY_PATH=\"$PWD/lib\"; mosdepth ${T:+--by \"$T\"} m $B",
        );
        let mut files = vec!["mosdepth.summary.txt", "mosdepth.global.dist.txt"];
        files.extend(sample.targets.as_ref().map(|_| "mosdepth.region.dist.txt"));
        for file in files {
            assert_eq!(
                sample.ours(file),
                sample.shell(&format!("cat m.{file}")),
                "{}: {file}",
                sample.name
            );
        }
    });
}

#[test]
fn picard_measures_the_same_alignments_and_inserts() {
    if !have(&["samtools", "PicardCommandLine"]) {
        return;
    }
    each(|sample| {
        let programs =
            "PROGRAM=null PROGRAM=CollectAlignmentSummaryMetrics PROGRAM=CollectInsertSizeMetrics";
        sample.picard("CollectMultipleMetrics", &format!("R=$R O=m {programs}"));
        for name in ["alignment_summary_metrics", "insert_size_metrics"] {
            let ours = Metrics::parse(&sample.ours(&format!("{name}.txt")));
            assert_eq!(
                ours,
                sample.metrics(&format!("m.{name}")),
                "{}",
                sample.name
            );
        }
    });
    let pair = &STRANGE.metrics("m.alignment_summary_metrics").rows[2];
    assert_eq!(pair["CATEGORY"], "PAIR");
    assert_ne!(pair["PCT_ADAPTER"], "0", "the sample has adapter dimers");
}

#[test]
fn picard_finds_the_same_duplicates() {
    if !have(&["samtools", "PicardCommandLine"]) {
        return;
    }
    each(|sample| {
        let ours = Metrics::parse(&sample.ours("duplication_metrics.txt"));
        sample.picard("MarkDuplicates", "M=duplicates.txt O=m.bam");
        let theirs = sample.metrics("duplicates.txt");
        assert_eq!(
            (ours.class, ours.rows),
            (theirs.class, theirs.rows),
            "{}",
            sample.name
        );
        // Sorted by coordinate, Picard marks no supplementary lines.
        let marked = |bam: &str| {
            sample.shell(&format!(
                "samtools view -F 0x900 {bam} | cut -f 1-4 | LC_ALL=C sort"
            ))
        };
        // Not assert_eq: nobody wants to read all reads.
        assert!(marked("$B") == marked("m.bam"), "{}", sample.name);
    });
}

#[test]
fn picard_measures_the_same_depth() {
    if !have(&["samtools", "PicardCommandLine"]) {
        return;
    }
    each(|sample| {
        sample.shell("samtools view -H $B > l.interval_list; [ -z \"$T\" ] || awk -v OFS='\\t' '{ print $1, $2 + 1, $3, \"+\", NR }' $T >> l.interval_list");
        let only = if sample.targets.is_some() {
            "INTERVALS=l.interval_list"
        } else {
            ""
        };
        sample.picard(
            "CollectWgsMetrics",
            &format!("R=$R O=wgs.txt COUNT_UNPAIRED=true {only}"),
        );
        let mut theirs = sample.metrics("wgs.txt");
        // Theoretical sensitivity is a simulation that is not done here.
        for name in ["HET_SNP_SENSITIVITY", "HET_SNP_Q"] {
            theirs.rows[0].insert(name.to_owned(), "?".to_owned());
        }
        assert_eq!(
            Metrics::parse(&sample.ours("wgs_metrics.txt")),
            theirs,
            "{}",
            sample.name
        );
    });
}

#[test]
fn the_summary_is_of_the_same_autosomes() {
    if !have(&["samtools", "PicardCommandLine"]) {
        return;
    }
    let sample = &STRANGE;
    sample.shell("samtools view -H $B > l; awk -v OFS='\\t' '$1 ~ /^[0-9]/ { print $1, 1, $2, \"+\", NR }' $R.fai >> l");
    sample.picard(
        "CollectWgsMetrics",
        "R=$R O=autosomes.txt COUNT_UNPAIRED=true INTERVALS=l",
    );
    let theirs = sample.metrics("autosomes.txt");
    let summary: serde_json::Value = serde_json::from_str(&sample.ours("qc.json")).expect("JSON");
    for (ours, name, unit) in [
        ("mean_autosome_coverage", "MEAN_COVERAGE", 1.0),
        ("mad_autosome_coverage", "MAD_COVERAGE", 1.0),
        ("pct_autosomes_15x", "PCT_15X", 100.0),
    ] {
        let ours = summary["wgs_qc_metrics"][ours].as_f64().expect("a number");
        let theirs: f64 = theirs.rows[0][name].parse().expect("a number");
        assert!(
            (ours - unit * theirs).abs() <= 0.005 + 1e-9,
            "{name}: {ours} and {theirs}"
        );
        assert!(theirs > 0.0, "{name}");
    }
}
