//! Which variants are found and which calls are wrong, by class.
//!
//! aardvark compares haplotypes and labels each record of the truth and of the calls; what class a record belongs to
//! is worked out here, in the same way for both.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::path::Path;
use std::process::Command;

use anyhow::Context;

use crate::accuracy::tools::{aardvark, ok, shell};
use crate::bench_call::data::Data;
use crate::bench_call::tracts;

/// Variants with another one this close are clustered.
const NEAR: usize = 30;

/// A kind of variant; one may be of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Snv,
    Indel,
    Indel1To5,
    Indel6To20,
    Indel21To50,
    Homopolymer,
    TandemRepeat,
    Clustered,
    MultiAllelic,
}

/// Classes in the order of the table.
pub(super) const CLASSES: [(Class, &str); 9] = [
    (Class::Snv, "SNV"),
    (Class::Indel, "indel"),
    (Class::Indel1To5, "indel 1-5"),
    (Class::Indel6To20, "indel 6-20"),
    (Class::Indel21To50, "indel 21-50"),
    (Class::Homopolymer, "indel in homopolymer"),
    (Class::TandemRepeat, "indel in STR"),
    (Class::Clustered, "clustered"),
    (Class::MultiAllelic, "multi-allelic"),
];

/// How one class was called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub found: usize,
    pub missed: usize,
    pub right: usize,
    pub wrong: usize,
}

impl Counts {
    pub(super) fn truth(&self) -> usize {
        self.found + self.missed
    }

    pub(super) fn f1(&self) -> f64 {
        let share = |of: usize, rest: usize| of as f64 / (of + rest).max(1) as f64;
        let (recall, precision) = (
            share(self.found, self.missed),
            share(self.right, self.wrong),
        );
        2.0 * recall * precision / (recall + precision).max(1e-9)
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.found += other.found;
        self.missed += other.missed;
        self.right += other.right;
        self.wrong += other.wrong;
    }
}

/// A record that aardvark has labelled.
#[derive(Clone, Debug)]
pub(super) struct Labelled {
    pub contig: String,
    /// First base of REF, 0-based.
    pub start: usize,
    end: usize,
    /// Bases by which the alleles of the genotype differ from REF in length, at most.
    size: usize,
    multi: bool,
    pub good: bool,
}

/// Counts by class, and the labelled calls.
#[derive(Debug, Default)]
pub(super) struct Score {
    pub classes: BTreeMap<Class, Counts>,
    pub calls: Vec<Labelled>,
}

/// Compares `calls` with the truth; aardvark's files go to `folder`.
pub(super) fn compare(
    root: &Path,
    data: &Data,
    calls: &Path,
    folder: &Path,
) -> anyhow::Result<Score> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    ok(Command::new(aardvark(root)?)
        .arg("compare")
        .arg("-r")
        .arg(&data.fasta)
        .arg("-t")
        .arg(&data.truth)
        .arg("-q")
        .arg(calls)
        .arg("-b")
        .arg(&data.scored)
        .arg("-o")
        .arg(folder))?;
    let truth = labelled(&folder.join("truth.vcf.gz"))?;
    let calls = labelled(&folder.join("query.vcf.gz"))?;
    let mut classes: BTreeMap<Class, Counts> = BTreeMap::new();
    for (records, is_truth) in [(&truth, true), (&calls, false)] {
        for record in records {
            let counts = match (is_truth, record.good) {
                (true, true) => Counts {
                    found: 1,
                    ..Counts::default()
                },
                (true, false) => Counts {
                    missed: 1,
                    ..Counts::default()
                },
                (false, true) => Counts {
                    right: 1,
                    ..Counts::default()
                },
                (false, false) => Counts {
                    wrong: 1,
                    ..Counts::default()
                },
            };
            for class in classes_of(record, &truth, data) {
                *classes.entry(class).or_default() += counts;
            }
        }
    }
    Ok(Score { classes, calls })
}

fn labelled(vcf: &Path) -> anyhow::Result<Vec<Labelled>> {
    let script = "bcftools query -f '%CHROM\\t%POS\\t%REF\\t%ALT[\\t%GT\\t%BD]\\n' \"$1\"";
    let text = shell(script, &[vcf])?;
    let mut records = Vec::new();
    for line in text.lines() {
        records.push(record(line).with_context(|| format!("unexpected: {line}"))?);
    }
    // aardvark writes a record for each of two alternatives.
    let same = |a: &Labelled, b: &Labelled| a.contig == b.contig && a.start == b.start;
    for group in records.chunk_by_mut(same) {
        let multi = group.len() > 1;
        group.iter_mut().for_each(|record| record.multi |= multi);
    }
    Ok(records)
}

fn record(line: &str) -> Option<Labelled> {
    let [contig, position, reference, alternatives, genotype, label] =
        line.split('\t').collect::<Vec<_>>().try_into().ok()?;
    let start = position.parse::<usize>().ok()?.checked_sub(1)?;
    let alleles: Vec<&str> = [reference]
        .into_iter()
        .chain(alternatives.split(','))
        .collect();
    let mut called: Vec<&str> = Vec::new();
    for number in genotype.split(['/', '|']) {
        let allele = number
            .parse::<usize>()
            .ok()
            .and_then(|n| alleles.get(n))
            .copied();
        called.extend(allele.filter(|allele| *allele != reference && *allele != "*"));
    }
    called.sort_unstable();
    called.dedup();
    Some(Labelled {
        contig: contig.to_owned(),
        start,
        end: start + reference.len(),
        size: called
            .iter()
            .map(|a| a.len().abs_diff(reference.len()))
            .max()
            .unwrap_or(0),
        multi: called.len() > 1,
        good: label == "TP",
    })
}

/// The classes of a record; clusters and places of two alternatives are those of the truth.
fn classes_of(record: &Labelled, truth: &[Labelled], data: &Data) -> Vec<Class> {
    let mut classes = vec![match record.size {
        0 => Class::Snv,
        _ => Class::Indel,
    }];
    classes.extend(match record.size {
        1..=5 => Some(Class::Indel1To5),
        6..=20 => Some(Class::Indel6To20),
        21..=50 => Some(Class::Indel21To50),
        _ => None,
    });
    let contig = data
        .contigs
        .iter()
        .position(|contig| contig.name == record.contig);
    let tract = contig.and_then(|contig| tracts::at(&data.tracts[contig], record.start));
    if let Some(tract) = tract.filter(|_| record.size > 0) {
        classes.push(match tract.period {
            1 => Class::Homopolymer,
            _ => Class::TandemRepeat,
        });
    }
    let near: Vec<&Labelled> = truth
        .iter()
        .filter(|other| other.contig == record.contig)
        .filter(|other| other.start < record.end + NEAR && record.start < other.end + NEAR)
        .collect();
    classes.extend(
        (near.iter().any(|other| other.start != near[0].start)).then_some(Class::Clustered),
    );
    let multi = near
        .iter()
        .any(|other| other.multi && other.start <= record.end && record.start <= other.end);
    classes.extend((record.multi || multi).then_some(Class::MultiAllelic));
    classes
}

#[cfg(test)]
mod tests {
    use super::{Counts, record};

    #[test]
    fn sizes_are_those_of_the_alleles_that_are_called() {
        let two = record("c\t11\tGCA\tG,GCACACA\t1|2\tTP").expect("a record");
        assert_eq!(
            (two.start, two.end, two.size, two.multi, two.good),
            (10, 13, 4, true, true)
        );
        let one = record("c\t11\tGCA\tG,TCA\t2/0\tFP").expect("a record");
        assert_eq!((one.size, one.multi, one.good), (0, false, false));
        assert!(record("c\tx\tG\tC\t0/1\tTP").is_none());
    }

    #[test]
    fn f1_is_the_harmonic_mean() {
        let counts = Counts {
            found: 90,
            missed: 10,
            right: 90,
            wrong: 30,
        };
        assert!((counts.f1() - 2.0 * 0.9 * 0.75 / 1.65).abs() < 1e-9);
    }
}
