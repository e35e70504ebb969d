//! Allele frequencies from genotype likelihoods, and genotypes from both.

use crate::column::Class;
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
    pub(crate) fn genotypes(
        &self,
        ploidy: u8,
        pl: &[u32],
        mut each: impl FnMut(usize, usize, f64),
    ) {
        for b in 0..self.weights.len() {
            if ploidy == 1 {
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

/// Samples that know nothing of single alternative alleles.
struct Group {
    ploidy: u8,
    samples: f64,
    likelihoods: [f64; 3],
}

impl Group {
    fn of((class, samples): &(Class, u32)) -> Option<Self> {
        let likelihoods = class.likelihoods?;
        class.is_informative().then(|| Self {
            ploidy: class.ploidy,
            samples: f64::from(*samples),
            likelihoods: likelihoods.map(likelihood),
        })
    }

    /// Expected copies of REF and of all others, which have these frequencies.
    fn copies(&self, reference: f64, others: f64) -> (f64, f64) {
        let [none, one, two] = self.likelihoods;
        if self.ploidy == 1 {
            let (none, one) = (none * reference, one * others);
            let share = self.samples / (none + one);
            return (none * share, one * share);
        }
        let none = none * reference * reference;
        let one = one * 2.0 * reference * others;
        let two = two * others * others;
        let share = self.samples / (none + one + two);
        ((2.0 * none + one) * share, (one + 2.0 * two) * share)
    }
}

/// The frequencies of `alleles` that make the likelihoods of all samples most probable under Hardy-Weinberg
/// proportions, with half a copy of every allele added. Sums run over the classes, then over the samples
/// with records of their own, in their order.
pub(crate) fn frequencies(classes: &[(Class, u32)], own: &[Projected], alleles: usize) -> Vec<f64> {
    let groups: Vec<Group> = classes.iter().filter_map(Group::of).collect();
    let mut frequencies = vec![1.0 / alleles as f64; alleles];
    for _ in 0..STEPS_MAX {
        let copies = expected(&groups, own, &frequencies);
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

/// Expected copies of every allele.
fn expected(groups: &[Group], own: &[Projected], frequencies: &[f64]) -> Vec<f64> {
    let mut copies = vec![PSEUDO_COPIES; frequencies.len()];
    let others: f64 = frequencies[1..].iter().sum();
    let (mut of_reference, mut of_others) = (0.0, 0.0);
    for group in groups {
        let (reference, others) = group.copies(frequencies[0], others);
        of_reference += reference;
        of_others += others;
    }
    copies[0] += of_reference;
    for (copies, frequency) in copies.iter_mut().zip(frequencies).skip(1) {
        *copies += of_others * frequency / others;
    }
    let prior = Prior::new(frequencies);
    let mut mine = vec![0.0; frequencies.len()];
    for sample in own.iter().filter(|sample| is_informative(sample)) {
        mine.fill(0.0);
        let mut total = 0.0;
        prior.genotypes(sample.ploidy, &sample.likelihoods, |a, b, weight| {
            total += weight;
            mine[a] += weight;
            if sample.ploidy == 2 {
                mine[b] += weight;
            }
        });
        for (copies, mine) in copies.iter_mut().zip(&mine) {
            *copies += mine / total;
        }
    }
    copies
}
