//! Every format, read by the tool it is for: all say the same of one cohort.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use kumi_formats::reference::{InMemory, ReferenceSource};
use kumi_formats::vcf::{EncodedWriter, Record, Writer};
use kumi_joint::output::{Called, bcf, plink, vcf};
use kumi_joint::{Keys, Params, header, joint_with, local_header, sites_header};
use kumi_seq::contig::Contig;

use crate::cohort;

const SAMPLES: usize = 40;
const BASES: usize = 3_000;

/// What a program says on standard output; `None`, loudly, when it is not installed.
pub(crate) fn tool(program: &str, arguments: &[&str]) -> Option<String> {
    match Command::new(program).args(arguments).output() {
        Ok(output) => {
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{program} {arguments:?}: {errors}");
            assert!(
                !errors.contains("[W::") && !errors.contains("[E::"),
                "{errors}"
            );
            Some(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        Err(error) => {
            let required = std::env::var("KUMI_TEST_TOOLS").as_deref() == Ok("required");
            assert!(!required, "{program} cannot be run: {error}");
            eprintln!("SKIPPED: {program} cannot be run: {error}");
            None
        }
    }
}

fn base(at: usize) -> char {
    char::from(b"ACGT"[(at * at / 3 + at) % 4])
}

fn other(at: usize, nth: usize) -> char {
    let others = "ACGT".chars().filter(|other| *other != base(at));
    others.cycle().nth(nth).expect("three others")
}

/// A sample's gVCF: SNVs, some with two alternatives, deletions, weak calls, haploid samples, bases without reads.
fn lines(sample: usize) -> String {
    let haploid = sample % 8 == 7;
    let mut text = String::new();
    let mut at = 0;
    let block = |from: usize, to: usize, depth: usize, text: &mut String| {
        let quality = 3 * depth;
        let (gt, pl) = if haploid {
            ("0", format!("0,{quality}"))
        } else {
            ("0/0", format!("0,{quality},{}", 12 * quality))
        };
        if from < to {
            let _ = writeln!(
                text,
                "c {} {} <NON_REF> . END={to} GT:DP:GQ:MIN_DP:PL {gt}:{depth}:{quality}:{depth}:{pl}",
                from + 1,
                base(from)
            );
        }
    };
    for site in (40..BASES - 40).step_by(30) {
        // The common ones in half of the samples, most in few.
        let carriers = if site % 7 == 0 { 2 } else { 5 + site % 17 };
        if !(sample + site / 30).is_multiple_of(carriers) {
            continue;
        }
        let split = at + (site - at) / 2;
        block(at, split, 20 + sample % 5, &mut text);
        block(split, site, if sample % 9 == 3 { 0 } else { 31 }, &mut text);
        let deletes = site % 5 == 0;
        let reference: String = (site..site + if deletes { 4 } else { 1 })
            .map(base)
            .collect();
        let alternative = if deletes {
            reference[..1].to_owned()
        } else {
            other(site, sample % 2).to_string()
        };
        let (gt, ad, pl) = match (haploid, (sample + site) % 4) {
            (true, _) => ("1", "0,20,0", "600,0,600"),
            (false, 0) => ("1/1", "0,30,0", "900,90,0,900,90,900"),
            (false, 1) => ("0/1", "27,3,0", "20,0,600,101,609,710"),
            _ => ("0/1", "15,14,0", "400,0,420,445,462,907"),
        };
        let _ = writeln!(
            text,
            "c {} {reference} {alternative},<NON_REF> . . GT:AD:DP:GQ:PL {gt}:{ad}:29:50:{pl}",
            site + 1
        );
        at = site + reference.len();
    }
    block(at, BASES, 33, &mut text);
    text
}

struct Cohort {
    folder: tempfile::TempDir,
    reference: InMemory,
    gvcfs: Vec<PathBuf>,
    samples: Vec<String>,
}

impl Cohort {
    fn new() -> Self {
        Self::of(SAMPLES)
    }

    fn of(samples: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let bases: Vec<u8> = (0..BASES).map(|at| base(at) as u8).collect();
        let contig = Contig::describe("c", &bases);
        let reference = InMemory::new(vec![(contig, bases)]).expect("one contig");
        let samples: Vec<String> = (0..samples).map(|sample| format!("s{sample:03}")).collect();
        let gvcfs = samples.iter().enumerate();
        let gvcfs = gvcfs.map(|(number, name)| {
            let text = cohort::gvcf(&reference, name, &lines(number));
            cohort::plain(folder.path(), name, &text)
        });
        Self {
            gvcfs: gvcfs.collect(),
            folder,
            reference,
            samples,
        }
    }

    fn made<T: Send>(&self, make: impl Fn(&Called<'_>) -> T + Sync) -> Vec<T> {
        let (mut all, whole) = (Vec::new(), self.reference.contigs().whole());
        let sink = |mut made: Vec<T>| {
            all.append(&mut made);
            Ok::<(), std::io::Error>(())
        };
        let params = Params::default();
        joint_with(&self.gvcfs, &self.reference, &whole, &params, make, sink).expect("genotyped");
        all
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str, header: &str, records: &[Record]) -> String {
        let path = self.path(name);
        let file = std::fs::File::create(&path).expect("created");
        let mut writer = Writer::new(file, header, self.reference.contigs()).expect("header");
        records
            .iter()
            .for_each(|record| writer.write(record).expect("written"));
        let (_, index) = writer.finish().expect("finished");
        std::fs::write(path.with_extension("gz.tbi"), index).expect("written");
        path.to_str().expect("a plain path").to_owned()
    }

    fn whole(&self) -> String {
        let records = self.made(|called| vcf::record(called, &Params::default()));
        let header = header(self.reference.contigs(), "r", &self.samples, "0");
        self.text("whole.vcf.gz", &header, &records)
    }
}

fn query(path: &str, format: &str) -> Option<String> {
    tool("bcftools", &["query", "-f", format, path])
}

#[test]
fn local_alleles_tell_the_genotypes_of_the_whole() {
    let cohort = Cohort::new();
    let keys = Keys::default();
    let records = cohort.made(|called| bcf::record(called, &keys, &Params::default()));
    let contigs = cohort.reference.contigs();
    let path = cohort.path("local.bcf");
    let header = local_header(contigs, "r", &cohort.samples, "0");
    let file = std::fs::File::create(&path).expect("created");
    let mut writer = EncodedWriter::new(file, &header, contigs).expect("header");
    records
        .iter()
        .for_each(|record| writer.write(record).expect("written"));
    let (_, index) = writer.finish().expect("finished");
    std::fs::write(path.with_extension("bcf.csi"), index).expect("written");
    let (local, whole) = (path.to_str().expect("a plain path"), cohort.whole());
    for format in ["%POS %REF %ALT %FILTER %AC %AN %NS[ %GT]\n", "%POS %QUAL\n"] {
        let same = query(local, format);
        assert_eq!(same, query(&whole, format));
        assert!(same.is_none_or(|text| text.lines().count() > 80));
    }
    let Some(cells) = query(local, "[%POS %SAMPLE %GT %LAA %LAD %LPL %NC\n]") else {
        return;
    };
    let doubtful = cells
        .lines()
        .filter(|line| line.contains(" 27,3 20,0,120 ."));
    assert!(
        doubtful.count() > 20,
        "who is in doubt tells reads and likelihoods"
    );
    assert!(!cells.contains(" 15,14 "), "who is not does not");
    assert!(
        cells.contains("./. . . . D\n"),
        "no read is told by a letter"
    );
    let region = tool("bcftools", &["view", "-H", local, "c:1000-1100"]);
    assert!(region.is_none_or(|text| (1..12).contains(&text.lines().count())));
}

#[test]
fn sites_tell_what_the_whole_tells_of_them() {
    let cohort = Cohort::new();
    let records = cohort.made(|called| vcf::sites_only(called, &Params::default()));
    let header = sites_header(cohort.reference.contigs(), "r", "0");
    let path = cohort.text("sites.vcf.gz", &header, &records);
    let format = "%CHROM %POS %REF %ALT %QUAL %FILTER %INFO\n";
    assert_eq!(query(&path, format), query(&cohort.whole(), format));
    let samples = tool("bcftools", &["query", "-l", &path]);
    assert!(samples.is_none_or(|text| text.is_empty()));
}

#[test]
fn plink_counts_the_alleles_that_are_counted_here() {
    // With 256 samples a sample's number takes two bytes; with 600 a list has more than one group of 64.
    for (samples, least) in [(SAMPLES, 3), (256, 20), (600, 64)] {
        let cohort = Cohort::of(samples);
        let Some(counted) = counted_by_plink(&cohort) else {
            return;
        };
        assert_eq!(counted.len(), samples);
        let expected = counted_here(&cohort);
        let variants = counted[0].len();
        assert_eq!(variants, expected.len(), "no further variants");
        assert!(variants > 90);
        let mut listed = 0;
        for (variant, expected) in expected.iter().enumerate() {
            let counted: Vec<&String> = counted.iter().map(|sample| &sample[variant]).collect();
            assert!(counted.iter().copied().eq(expected), "{samples} {variant}");
            let others = counted.iter().filter(|copies| **copies != "2").count();
            listed += usize::from((least + 1..=samples / 8).contains(&others));
        }
        assert!(listed > 0, "a long list is read");
    }
}

/// By sample, copies of the reference allele of each variant, as plink2 counts them; `None` without plink2.
fn counted_by_plink(cohort: &Cohort) -> Option<Vec<Vec<String>>> {
    let made = cohort.made(|called| plink::variants(called, &Params::default()));
    let mut pgen = plink::Pgen::new(cohort.samples.len(), Vec::new());
    let mut pvar = plink::pvar_header(cohort.reference.contigs()).into_bytes();
    for variant in made.iter().flatten() {
        pgen.push(variant).expect("written");
        pvar.extend_from_slice(&variant.line);
    }
    let (mut bytes, (header, records)) = (Vec::new(), pgen.finish());
    header.write(&mut bytes).expect("written");
    bytes.extend(records);
    let prefix = cohort.path("p");
    std::fs::write(prefix.with_extension("pgen"), bytes).expect("written");
    std::fs::write(prefix.with_extension("pvar"), pvar).expect("written");
    let psam = plink::psam(&cohort.samples);
    std::fs::write(prefix.with_extension("psam"), psam).expect("written");
    let prefix = prefix.to_str().expect("a plain path");
    let run = |what: &[&str]| {
        let files = [
            "--pfile",
            prefix,
            "--allow-extra-chr",
            "--out",
            prefix,
            "--silent",
        ];
        tool("plink2", &[&files, what].concat())
    };
    run(&["--validate"])?;
    run(&["--export", "A"])?;
    let raw = std::fs::read_to_string(Path::new(prefix).with_extension("raw")).expect("a table");
    let samples = raw.lines().skip(1);
    let counts = |line: &str| line.split_whitespace().skip(6).map(str::to_owned).collect();
    Some(samples.map(counts).collect())
}

/// By variant, copies of all but its own allele of each sample.
fn counted_here(cohort: &Cohort) -> Vec<Vec<String>> {
    let records = cohort.made(|called| vcf::record(called, &Params::default()));
    let text = cohort::lines(&records);
    let mut variants = Vec::new();
    for line in text.lines() {
        let columns: Vec<&str> = line.split('\t').collect();
        for (number, alternative) in columns[4].split(',').enumerate() {
            if alternative == "*" {
                continue;
            }
            let own = (number + 1).to_string();
            let copies = |cell: &&str| {
                let called: Vec<&str> = cell.split(':').next().unwrap_or("").split('/').collect();
                let copies = called.iter().filter(|allele| **allele == own).count();
                match called.as_slice() {
                    [".", ..] => "NA".to_owned(),
                    [_] => (2 - 2 * copies).to_string(),
                    _ => (2 - copies).to_string(),
                }
            };
            variants.push(columns[9..].iter().map(copies).collect());
        }
    }
    variants
}
