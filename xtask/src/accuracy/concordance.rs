//! How far two sets of genotypes agree.

use std::collections::BTreeMap;

use anyhow::ensure;

use crate::accuracy::genotypes::{Record, primitives};

/// Genotypes of two sets.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Agreement {
    /// Genotypes of the other set.
    pub cells: usize,
    /// Of these, the ones that were called.
    pub called: usize,
    /// Of these, the same.
    pub same: usize,
}

impl Agreement {
    fn add(&mut self, same: Option<bool>) {
        self.cells += 1;
        self.called += usize::from(same.is_some());
        self.same += usize::from(same == Some(true));
    }

    /// Share of called genotypes that are the same.
    pub(super) fn of_called(&self) -> f64 {
        self.same as f64 / self.called as f64
    }

    /// Share of all genotypes that were called and are the same.
    pub(super) fn of_all(&self) -> f64 {
        self.same as f64 / self.cells as f64
    }
}

/// How far two sets of genotypes of biallelic sites agree.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Concordance {
    pub sites: usize,
    /// Everywhere: a site that was not called is the reference in every sample.
    pub all: Agreement,
    /// Of these, where either set says that a sample is not the reference.
    pub variable: Agreement,
    /// At sites that were called.
    pub shared: Agreement,
    /// Of these, where either set says that a sample is not the reference.
    pub shared_variable: Agreement,
}

/// Compares calls with other genotypes site by site.
pub(super) fn concordance(
    right: &[Record],
    calls: &[Record],
    offset: u64,
) -> anyhow::Result<Concordance> {
    let mut by_position: BTreeMap<u64, Vec<&Record>> = BTreeMap::new();
    for call in calls {
        by_position
            .entry(call.position + offset)
            .or_default()
            .push(call);
    }
    let mut concordance = Concordance {
        sites: right.len(),
        ..Concordance::default()
    };
    for site in right {
        ensure!(site.alleles.len() == 2, "two alleles at {}", site.position);
        let here = by_position
            .get(&site.position)
            .map_or(&[][..], Vec::as_slice);
        for (sample, genotype) in site.genotypes.iter().enumerate() {
            let Some(genotype) = genotype else { continue };
            let expected = genotype.iter().filter(|&&allele| allele == 1).count();
            let found = dosage(here, &site.alleles, sample);
            let same = found.called.then_some(found.copies == expected);
            let variable = expected > 0 || found.copies > 0;
            let kinds = [
                (&mut concordance.all, true),
                (&mut concordance.variable, variable),
                (&mut concordance.shared, found.listed),
                (&mut concordance.shared_variable, found.listed && variable),
            ];
            for (agreement, _) in kinds.into_iter().filter(|(_, counts)| *counts) {
                agreement.add(same);
            }
        }
    }
    Ok(concordance)
}

/// What calls say of a substitution in a sample.
struct Dosage {
    /// Some record lists it.
    listed: bool,
    /// The sample has a genotype in all of these.
    called: bool,
    /// How often it has it; 0 when it is not called.
    copies: usize,
}

/// How often a sample has this substitution, of the records at its position.
fn dosage(records: &[&Record], alleles: &[String], sample: usize) -> Dosage {
    let wanted = primitives(0, &alleles[0], &alleles[1]);
    let mut dosage = Dosage {
        listed: false,
        called: true,
        copies: 0,
    };
    for record in records {
        let is_wanted = |allele: usize| {
            allele > 0
                && primitives(0, &record.alleles[0], &record.alleles[allele]).is_superset(&wanted)
        };
        if (1..record.alleles.len()).any(is_wanted) {
            dosage.listed = true;
            let Some(genotype) = &record.genotypes[sample] else {
                return Dosage {
                    called: false,
                    copies: 0,
                    ..dosage
                };
            };
            dosage.copies += genotype.iter().filter(|&&allele| is_wanted(allele)).count();
        }
    }
    dosage
}

#[cfg(test)]
mod tests {
    use super::{Agreement, concordance};
    use crate::accuracy::genotypes::record;

    #[test]
    fn concordance_counts_what_was_not_called() {
        let read = |lines: &[&str]| -> Vec<_> {
            lines
                .iter()
                .map(|line| record(line, &[0, 1]).expect("a record"))
                .collect()
        };
        let right = read(&[
            "110\tA\tC\t0|1\t0|0",
            "120\tA\tG\t0|0\t1|1",
            "130\tT\tG\t0|1\t0|0",
        ]);
        let calls = read(&["10\tAT\tCT,A\t0/1\t0/2", "20\tA\tG\t./.\t1/1"]);
        let found = concordance(&right, &calls, 100).expect("compared");
        assert_eq!(found.sites, 3);
        let counts = |a: Agreement| (a.cells, a.called, a.same);
        assert_eq!(counts(found.all), (6, 5, 4));
        assert_eq!(counts(found.variable), (3, 3, 2));
        assert_eq!(counts(found.shared), (4, 3, 3));
        assert_eq!(counts(found.shared_variable), (2, 2, 2));
    }
}
