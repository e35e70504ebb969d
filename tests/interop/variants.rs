//! gVCF and cohort VCF with their indexes, in the hands of bcftools and tabix.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::tools::{have, shell};
use crate::support::trio::{EMBEDDED, PLAIN, SAMPLES, targets};
use crate::support::{kumi, ok, text, unzip};

const CONTIG: &str = "20_9995001_11095000";
/// A stretch with reads and variants, 1-based, the end included.
const REGION: (u64, u64) = (6000, 9000);

/// A script of which no tool has anything to say on standard error, how many lines `bcftools norm` looked at
/// aside.
fn silent(script: &str) -> String {
    let output = ok(Command::new("bash").args(["-o", "pipefail", "-euc", script]));
    let said = text(&output.stderr);
    let mut said = said
        .lines()
        .filter(|line| !line.starts_with("Lines   total/split"));
    assert_eq!(said.next(), None, "{script}");
    text(&output.stdout)
}

/// The published VCFs: of the cohort, of its sites, and of each sample.
fn variants() -> Vec<PathBuf> {
    let gvcfs = SAMPLES.iter().map(|sample| gvcf(sample));
    let cohort = ["/ceu-trio.vcf.gz", "/ceu-trio.sites.vcf.gz"].map(|name| EMBEDDED.file(name));
    cohort.into_iter().chain(gvcfs).collect()
}

fn gvcf(sample: &str) -> PathBuf {
    EMBEDDED.file(&format!("{sample}.g.vcf.gz"))
}

fn quoted(paths: &[PathBuf]) -> String {
    let all: Vec<_> = paths
        .iter()
        .map(|path| format!("'{}'", path.display()))
        .collect();
    all.join(" ")
}

#[test]
fn bcftools_reads_every_vcf_and_moves_nothing() {
    if !have(&["bcftools", "tabix"]) {
        return;
    }
    for path in variants() {
        let script = format!("V='{}'; R='{}'; ", path.display(), PLAIN.path.display());
        let records = silent(&format!("{script} bcftools view -H $V"));
        assert!(records.lines().count() > 50);
        let again = silent(&format!("{script} bcftools view -Ob $V | bcftools view -H"));
        assert_eq!(again, records, "BCF holds the same");
        let normal = silent(&format!(
            "{script} bcftools norm -c e -f $R $V | bcftools view -H"
        ));
        assert_eq!(normal, records, "left-aligned, and REF is the reference's");
        let indexed = silent(&format!("{script} bcftools index -n $V"));
        assert_eq!(indexed.trim(), records.lines().count().to_string());
        let (from, to) = REGION;
        let records = unzip(&path);
        let records = || records.lines().filter(|line| !line.starts_with('#'));
        let found = silent(&format!("{script} tabix $V {CONTIG}:{from}-{to}"));
        let inside: Vec<&str> = records().filter(|line| overlaps(line, REGION)).collect();
        assert!(inside.len() > 10 && inside.len() < records().count());
        assert_eq!(found.lines().collect::<Vec<_>>(), inside);
    }
}

/// True when a record covers a base of the region.
fn overlaps(line: &str, (from, to): (u64, u64)) -> bool {
    let (start, end) = span(line);
    start <= to && end >= from
}

/// First and last base of a record.
fn span(line: &str) -> (u64, u64) {
    let cells: Vec<&str> = line.split('\t').collect();
    let start: u64 = cells[1].parse().expect("a position");
    let end = cells[7]
        .split(';')
        .find_map(|field| field.strip_prefix("END="));
    let end = end.map_or(start + cells[3].len() as u64 - 1, |end| {
        end.parse().expect("a position")
    });
    (start, end)
}

/// SNVs, indels, transitions and transversions: alleles that someone carries where no filter refused.
fn counted_by_bcftools(path: &Path, carried: &str) -> [u64; 4] {
    let stats = silent(&format!(
        "bcftools view -f PASS,. '{}' | bcftools norm -m -any | bcftools view -i '{carried} && ALT!=\"*\" && ALT!=\"<NON_REF>\"' | bcftools stats",
        path.display()
    ));
    let cell = |start: &str, column: usize| -> u64 {
        let line = stats
            .lines()
            .find(|line| line.starts_with(start))
            .expect("a line");
        line.split('\t')
            .nth(column)
            .expect("a column")
            .parse()
            .expect("a number")
    };
    [
        cell("SN\t0\tnumber of SNPs", 3),
        cell("SN\t0\tnumber of indels", 3),
        cell("TSTV\t", 2),
        cell("TSTV\t", 3),
    ]
}

#[test]
fn bcftools_counts_the_variants_that_the_report_counts() {
    if !have(&["bcftools"]) {
        return;
    }
    let reported = |counts: &Value| {
        ["snvs", "indels", "transitions", "transversions"].map(|name| {
            counts[name]
                .as_u64()
                .unwrap_or_else(|| panic!("{name}: {counts}"))
        })
    };
    let cohort = reported(&EMBEDDED.report["release"]["counts"]);
    assert!(cohort.iter().all(|count| *count > 0), "{cohort:?}");
    assert_eq!(
        cohort,
        counted_by_bcftools(&EMBEDDED.file("/ceu-trio.vcf.gz"), "AC>0")
    );
    for (at, sample) in SAMPLES.iter().enumerate() {
        let told = &EMBEDDED.report["samples"][at];
        assert_eq!(told["name"], *sample);
        let theirs = counted_by_bcftools(&gvcf(sample), "GT=\"alt\"");
        assert_eq!(reported(&told["gvcf"]["counts"]), theirs, "{sample}");
    }
}

/// Copies of the reference allele by position, of each record that is no block.
fn reference_copies(lines: &str) -> BTreeMap<String, Vec<usize>> {
    let mut copies: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for line in lines.lines() {
        let (place, genotype) = line.split_once('\t').expect("a tab");
        let zeros = genotype.split(['/', '|']).filter(|allele| *allele == "0");
        copies
            .entry(place.to_owned())
            .or_default()
            .push(zeros.count());
    }
    copies
}

#[test]
fn gvcfs_are_merged_by_bcftools() {
    if !have(&["bcftools"]) {
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let merged = dir.path().join("m.bcf");
    silent(&format!(
        "bcftools merge -g '{}' {} -Ob -o '{}'",
        PLAIN.path.display(),
        quoted(&SAMPLES.map(gvcf)),
        merged.display()
    ));
    for sample in SAMPLES {
        let query = |file: &Path, which: &str| {
            let script = format!(
                "bcftools view -s {sample} '{}' | bcftools query {which} -f '%POS[\\t%GT]\\n'",
                file.display()
            );
            reference_copies(&silent(&script))
        };
        let own = query(&gvcf(sample), "-i 'N_ALT>1'");
        let all = query(&merged, "");
        assert!(own.len() > 50, "{sample}: {}", own.len());
        for (place, copies) in &own {
            let found = all
                .get(place)
                .unwrap_or_else(|| panic!("{sample}: {place} is lost"));
            assert!(
                copies.iter().all(|count| found.contains(count)),
                "{sample}: {place}: {copies:?} {found:?}"
            );
        }
    }
}

#[test]
fn gvcfs_cover_every_base_of_the_targets() {
    if !have(&["bcftools"]) {
        return;
    }
    let bed = std::fs::read_to_string(targets()).expect("read");
    let edges: Vec<u64> = bed
        .split_whitespace()
        .skip(1)
        .map(|edge| edge.parse().expect("a number"))
        .collect();
    for sample in SAMPLES {
        let expanded = silent(&format!(
            "bcftools convert --gvcf2vcf -f '{}' '{}' | bcftools view -H",
            PLAIN.path.display(),
            gvcf(sample).display()
        ));
        let mut next = edges[0] + 1;
        for line in expanded.lines() {
            let start = span(line).0;
            let end = start + line.split('\t').nth(3).expect("REF").len() as u64;
            assert!(start <= next, "{sample}: {next} is in no record");
            next = next.max(end);
        }
        assert!(next > edges[1], "{sample}: the last base is {}", next - 1);
    }
}

#[test]
fn the_child_has_what_her_parents_have() {
    if !have(&["bcftools"]) {
        return;
    }
    let [child, father, mother] = SAMPLES;
    let counted = shell(&format!(
        "bcftools +mendelian '{}' -t {mother},{father},{child} -m c 2>&1",
        EMBEDDED.file("/ceu-trio.vcf.gz").display()
    ));
    let line = counted
        .lines()
        .find(|line| line.ends_with(&format!("{mother},{father},{child}")));
    let line = line.unwrap_or_else(|| panic!("{counted}"));
    let numbers: Vec<u64> = line
        .split('\t')
        .take(3)
        .map(|number| number.parse().expect("a number"))
        .collect();
    let [right, wrong, left_out] = numbers[..] else {
        panic!("{counted}");
    };
    assert!(
        right + wrong >= 75 && wrong <= 1 && left_out <= 1,
        "{counted}"
    );
}

#[test]
fn haploid_genotypes_are_read_as_such() {
    if !have(&["bcftools"]) {
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let at = |name: &str| dir.path().join(name);
    let kernel = |name: &str, inputs: &[PathBuf], output: &Path, more: &[&str]| {
        let mut command = kumi();
        command.args(["kernel", name, "--reference"]);
        command.arg(EMBEDDED.file(".kidx")).args(inputs);
        command
            .arg("--output")
            .arg(output)
            .args(["--regions", &targets()]);
        ok(command.args(more));
    };
    let gvcfs = SAMPLES.map(|sample| {
        let gvcf = at(&format!("{sample}.g.vcf.gz"));
        let cram = EMBEDDED.file(&format!("{sample}.cram"));
        kernel("call", &[cram], &gvcf, &["--ploidy", "1"]);
        gvcf
    });
    let cohort = at("c.vcf.gz");
    kernel("joint", &gvcfs, &cohort, &[]);
    let reference = PLAIN.path.display();
    for path in gvcfs.iter().chain([&cohort]) {
        let path = path.display();
        let records = silent(&format!("bcftools view -H '{path}'"));
        let normal = silent(&format!(
            "bcftools norm -c e -f '{reference}' '{path}' | bcftools view -H"
        ));
        assert_eq!(normal, records);
        let ploidy = silent(&format!("bcftools query -f '[%GT\\n]' '{path}' | sort -u"));
        assert!(
            ploidy.contains('1') && !ploidy.contains(['/', '|']),
            "{ploidy}"
        );
        let checked = silent(&format!(
            "bcftools +check-ploidy '{path}' | grep -v '^#' | cut -f5 | sort -u"
        ));
        assert_eq!(checked.trim(), "1", "{path}");
    }
    silent(&format!(
        "bcftools merge -g '{reference}' {} -Ou -o /dev/null",
        quoted(&gvcfs)
    ));
}
