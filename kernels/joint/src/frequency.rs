//! Allele frequencies from genotype likelihoods, and genotypes from both.

use crate::evidence::diploid;
use crate::number::{exp, likelihood, ln};
use crate::project::Projected;

/// Steps of expectation and maximisation; they end earlier when nothing moves any more.
const STEPS_MAX: usize = 50;
const STEP_ENOUGH: f64 = 1e-6;
/// Copies of every allele added to those of the cohort, so that none is ruled out.
const PSEUDO_COPIES: f64 = 0.5;
/// Samples at which the cohort's frequencies weigh half of what they would in an endless one.
const HALF_WEIGHT_SAMPLES: f64 = 3.0;

/// Genotype weights of a sample: likelihood times prior, not normalised.
pub(crate) struct Prior {
    /// Of every allele, the frequency to the power of the weight.
    weights: Vec<f64>,
    /// 2 to the power of the weight: a heterozygote can come about in two ways.
    two: f64,
}

impl Prior {
    /// Frequencies as they are.
    fn new(frequencies: &[f64]) -> Self {
        Self {
            weights: frequencies.to_vec(),
            two: 2.0,
        }
    }

    /// Frequencies trusted as much as the number of samples they come from allows.
    pub(crate) fn tempered(frequencies: &[f64], samples: usize) -> Self {
        let samples = samples as f64;
        let weight = samples / (samples + HALF_WEIGHT_SAMPLES);
        let power = |x: f64| exp(weight * ln(x));
        Self {
            weights: frequencies.iter().map(|f| power(*f)).collect(),
            two: power(2.0),
        }
    }

    /// Calls `each` with the alleles and the weight of every genotype, in the order of PL.
    pub(crate) fn genotypes(&self, sample: &Projected, mut each: impl FnMut(usize, usize, f64)) {
        let pl = &sample.likelihoods;
        for b in 0..self.weights.len() {
            if sample.ploidy == 1 {
                each(b, b, likelihood(pl[b]) * self.weights[b]);
                continue;
            }
            for a in 0..=b {
                let ways = if a == b { 1.0 } else { self.two };
                let prior = ways * self.weights[a] * self.weights[b];
                each(a, b, likelihood(pl[diploid(a, b)]) * prior);
            }
        }
    }
}

/// True when a sample has something to say about frequencies.
pub(crate) fn is_informative(sample: &Projected) -> bool {
    sample.likelihoods.iter().any(|pl| *pl > 0)
}

/// The frequencies of `alleles` that make the samples' likelihoods most probable under Hardy-Weinberg
/// proportions, with half a copy of every allele added. Sums run in the order of the samples.
pub(crate) fn frequencies(samples: &[Projected], alleles: usize) -> Vec<f64> {
    let mut frequencies = vec![1.0 / alleles as f64; alleles];
    for _ in 0..STEPS_MAX {
        let prior = Prior::new(&frequencies);
        let mut copies = vec![PSEUDO_COPIES; alleles];
        let mut own = vec![0.0; alleles];
        for sample in samples.iter().filter(|sample| is_informative(sample)) {
            own.fill(0.0);
            let mut total = 0.0;
            prior.genotypes(sample, |a, b, weight| {
                total += weight;
                own[a] += weight;
                if sample.ploidy == 2 {
                    own[b] += weight;
                }
            });
            for (copies, own) in copies.iter_mut().zip(&own) {
                *copies += own / total;
            }
        }
        let total: f64 = copies.iter().sum();
        let mut moved = 0.0f64;
        for (frequency, copies) in frequencies.iter_mut().zip(&copies) {
            let next = copies / total;
            moved = moved.max((next - *frequency).abs());
            *frequency = next;
        }
        if moved < STEP_ENOUGH {
            break;
        }
    }
    frequencies
}
