//! Genotypes as `bcftools query` prints them: inheritance, allele fractions.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;

use crate::accuracy::tools::shell;

/// One record: alleles with the reference first, and each sample's genotype as numbers of alleles.
#[derive(Debug)]
pub(super) struct Record {
    pub position: u64,
    pub alleles: Vec<String>,
    pub genotypes: Vec<Option<Vec<usize>>>,
}

/// The records of a VCF that no filter rejects, with these samples in this order.
pub(super) fn records(vcf: &Path, samples: &[&str]) -> anyhow::Result<Vec<Record>> {
    let names = shell("bcftools query -l \"$1\"", &[vcf])?;
    let column = |sample: &&str| {
        let at = names.lines().position(|name| name == *sample);
        at.with_context(|| format!("{}: no sample {sample}", vcf.display()))
    };
    let columns: Vec<usize> = samples.iter().map(column).collect::<anyhow::Result<_>>()?;
    let text = shell(
        "bcftools query -i 'FILTER=\"PASS\" || FILTER=\".\"' -f '%POS\\t%REF\\t%ALT[\\t%GT]\\n' \"$1\"",
        &[vcf],
    )?;
    text.lines().map(|line| record(line, &columns)).collect()
}

pub(super) fn record(line: &str, columns: &[usize]) -> anyhow::Result<Record> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [position, reference, others, genotypes @ ..] = fields.as_slice() else {
        anyhow::bail!("not a record: {line}");
    };
    let alleles = std::iter::once(*reference).chain(others.split(','));
    Ok(Record {
        position: position.parse()?,
        alleles: alleles.map(str::to_owned).collect(),
        genotypes: columns
            .iter()
            .map(|&column| genotype(genotypes[column]))
            .collect(),
    })
}

/// `0/1`, `1|1`, `1`; none when any allele is not called.
fn genotype(text: &str) -> Option<Vec<usize>> {
    let mut alleles: Vec<usize> = text
        .split(['/', '|'])
        .map(|allele| allele.parse().ok())
        .collect::<Option<_>>()?;
    alleles.sort_unstable();
    Some(alleles)
}

/// Variable sites of a trio (child, father, mother), and those that cannot have been inherited.
pub(super) fn inheritance(records: &[Record]) -> (usize, usize) {
    let variable = |record: &&Record| {
        record
            .genotypes
            .iter()
            .flatten()
            .flatten()
            .any(|&allele| allele > 0)
    };
    let sites = records.iter().filter(variable).count();
    let broken = records
        .iter()
        .filter(|record| match record.genotypes.as_slice() {
            [Some(child), Some(father), Some(mother)] if child.len() == 2 => {
                let from = |one: usize, other: usize| {
                    father.contains(&child[one]) && mother.contains(&child[other])
                };
                !from(0, 1) && !from(1, 0)
            }
            _ => false,
        });
    (sites, broken.count())
}

/// A change of the reference: position, what stands there, what replaces it.
pub(super) type Change = (u64, String, String);

/// An allele as the changes it is made of: single substitutions, or one insertion or deletion with the base before it.
pub(super) fn primitives(position: u64, reference: &str, allele: &str) -> BTreeSet<Change> {
    let (mut r, mut a) = (reference.as_bytes(), allele.as_bytes());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if r.len() == a.len() {
        let bases = (position..).zip(r.iter().zip(a));
        let differ = bases.filter(|(_, (r, a))| r != a);
        return differ
            .map(|(at, (r, a))| (at, text(&[*r]), text(&[*a])))
            .collect();
    }
    while r.len() > 1 && a.len() > 1 && r.last() == a.last() {
        (r, a) = (&r[..r.len() - 1], &a[..a.len() - 1]);
    }
    let mut position = position;
    while r.len() > 1 && a.len() > 1 && r[0] == a[0] {
        (r, a) = (&r[1..], &a[1..]);
        position += 1;
    }
    BTreeSet::from([(position, text(r), text(a))])
}

/// What the reads of a haploid sample mostly say: the changes of called alleles with more than half of them, by
/// the `AD` of the first sample or, where another caller gives it, `AF`.
pub(super) fn majority(vcf: &Path, fractions: Fractions) -> anyhow::Result<BTreeSet<Change>> {
    let field = match fractions {
        Fractions::Depths => "AD",
        Fractions::Stated => "AF",
    };
    let script = format!(
        "bcftools view -f PASS,. \"$1\" -Ou | bcftools query -f '%POS\\t%REF\\t%ALT\\t[%{field}]\\n'"
    );
    let mut changes = BTreeSet::new();
    for line in shell(&script, &[vcf])?.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [position, reference, alleles, numbers] = fields[..] else {
            continue;
        };
        let numbers: Vec<f64> = numbers
            .split(',')
            .map(|number| number.parse().unwrap_or(0.0))
            .collect();
        let (numbers, all) = match fractions {
            Fractions::Depths => (&numbers[1..], numbers.iter().sum::<f64>()),
            Fractions::Stated => (&numbers[..], 1.0),
        };
        for (allele, number) in alleles.split(',').zip(numbers) {
            if *number > 0.5 * all && !allele.starts_with(['<', '*', '.']) {
                changes.extend(primitives(position.parse()?, reference, allele));
            }
        }
    }
    Ok(changes)
}

/// Where the fraction of reads with an allele stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fractions {
    /// Counted reads, the reference's first.
    Depths,
    /// Fractions, one for each allele that is not the reference.
    Stated,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{inheritance, primitives, record};

    #[test]
    fn what_is_not_inherited_is_seen() {
        let records: Vec<_> = [
            "10\tA\tC\t0/1\t0/0\t1/1",
            "20\tA\tC\t0/1\t0/0\t0|0",
            "30\tA\tC,G\t1/2\t0/2\t0/1",
            "40\tA\tC\t1/1\t0/1\t0/0",
            "50\tA\tC\t1/1\t./.\t0/0",
            "60\tA\tC\t0/0\t0/0\t0/0",
        ]
        .iter()
        .map(|line| record(line, &[0, 1, 2]).expect("a record"))
        .collect();
        assert_eq!(inheritance(&records), (5, 2));
    }

    #[test]
    fn alleles_fall_into_their_parts() {
        let one = |p, r: &str, a: &str| BTreeSet::from([(p, r.to_owned(), a.to_owned())]);
        assert_eq!(primitives(5, "ACG", "ATG"), one(6, "C", "T"));
        assert_eq!(primitives(5, "ACCT", "ACT"), one(5, "AC", "A"));
        assert_eq!(primitives(5, "GA", "GAA"), one(5, "G", "GA"));
        assert_eq!(primitives(5, "AC", "GT").len(), 2);
    }
}
