//! How probable genotypes are before a sample's own evidence.

use crate::number::{exp, ln};

/// Samples at which the cohort's frequencies weigh half of what they would in an endless one.
const HALF_WEIGHT_SAMPLES: f64 = 3.0;

/// What every genotype of a site weighs; not normalised. Genotypes are in the order of PL.
pub(crate) struct Prior {
    /// The alleles of diploid genotypes.
    pairs: Vec<[u16; 2]>,
    /// Those of haploid ones, twice.
    singles: Vec<[u16; 2]>,
    diploid: Vec<f64>,
    haploid: Vec<f64>,
}

impl Prior {
    /// Of a site of so many alleles; all weigh nothing.
    pub(crate) fn new(alleles: usize) -> Self {
        let alleles = 0..alleles as u16;
        let pairs = alleles
            .clone()
            .flat_map(|b| (0..=b).map(move |a| [a, b]))
            .collect::<Vec<_>>();
        Self {
            diploid: vec![0.0; pairs.len()],
            haploid: vec![0.0; alleles.len()],
            singles: alleles.map(|a| [a, a]).collect(),
            pairs,
        }
    }

    /// Frequencies trusted as much as the number of samples they come from allows: their powers, and that of the two
    /// ways in which a heterozygote can come about.
    pub(crate) fn tempered(frequencies: &[f64], samples: usize) -> Self {
        let samples = samples as f64;
        let weight = samples / (samples + HALF_WEIGHT_SAMPLES);
        let power = |x: f64| exp(weight * ln(x));
        let powers: Vec<f64> = frequencies.iter().map(|f| power(*f)).collect();
        let mut prior = Self::new(frequencies.len());
        prior.set(&powers, power(2.0));
        prior
    }

    /// Weighs genotypes by the weights of alleles, heterozygotes times `two`.
    pub(crate) fn set(&mut self, weights: &[f64], two: f64) {
        for (prior, [a, b]) in self.diploid.iter_mut().zip(&self.pairs) {
            let ways = if a == b { 1.0 } else { two };
            *prior = ways * weights[usize::from(*a)] * weights[usize::from(*b)];
        }
        self.haploid.copy_from_slice(weights);
    }

    /// What the genotypes of a ploidy weigh.
    pub(crate) fn of(&self, ploidy: u8) -> &[f64] {
        if ploidy == 1 {
            &self.haploid
        } else {
            &self.diploid
        }
    }

    /// The alleles of the genotypes of a ploidy; of haploid ones twice the same.
    pub(crate) fn alleles(&self, ploidy: u8) -> &[[u16; 2]] {
        if ploidy == 1 {
            &self.singles
        } else {
            &self.pairs
        }
    }
}
