//! Allele frequencies from genotype likelihoods.

use crate::kind::Class;
use crate::number::likelihood;
use crate::prior::Prior;
use crate::voice::Voice;

/// Steps of expectation and maximisation; they end earlier when nothing moves any more.
const STEPS_MAX: usize = 50;
const STEP_ENOUGH: f64 = 1e-6;
/// Copies of every allele added to those of the cohort, so that none is ruled out.
const PSEUDO_COPIES: f64 = 0.5;

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

/// The likelihoods of samples with records of their own that have something to say.
struct Voices {
    /// Ploidy and number of samples.
    of: Vec<(u8, f64)>,
    likelihoods: Vec<f64>,
}

impl Voices {
    fn new(own: &[(Voice, u32)]) -> Self {
        let mut voices = Self {
            of: Vec::with_capacity(own.len()),
            likelihoods: Vec::with_capacity(3 * own.len()),
        };
        for (voice, samples) in own.iter().filter(|(voice, _)| voice.is_informative()) {
            voices.of.push((voice.ploidy, f64::from(*samples)));
            let likelihoods = voice.levels.iter().map(|level| likelihood(*level));
            voices.likelihoods.extend(likelihoods);
        }
        voices
    }

    /// Adds the copies of every allele that the samples are expected to have.
    fn add(&self, prior: &Prior, copies: &mut [f64], mine: &mut [f64]) {
        let mut rest = self.likelihoods.as_slice();
        for (ploidy, samples) in &self.of {
            let priors = prior.of(*ploidy);
            let (likelihoods, more) = rest.split_at(priors.len());
            rest = more;
            // Nearly all are diploid at a site of two alleles.
            if let (&[none, one, two], &[p_none, p_one, p_two]) = (likelihoods, priors)
                && copies.len() == 2
            {
                let (none, one, two) = (none * p_none, one * p_one, two * p_two);
                let share = samples / (none + one + two);
                copies[0] += (none + none + one) * share;
                copies[1] += (one + two + two) * share;
                continue;
            }
            mine.fill(0.0);
            let mut total = 0.0;
            for (pair, (likelihood, prior)) in prior
                .alleles(*ploidy)
                .iter()
                .zip(likelihoods.iter().zip(priors))
            {
                let weight = likelihood * prior;
                total += weight;
                mine[usize::from(pair[0])] += weight;
                if *ploidy == 2 {
                    mine[usize::from(pair[1])] += weight;
                }
            }
            let share = samples / total;
            for (copies, mine) in copies.iter_mut().zip(&*mine) {
                *copies += mine * share;
            }
        }
    }
}

/// The frequencies of `alleles` that make the likelihoods of all samples most probable under Hardy-Weinberg
/// proportions, with half a copy of every allele added. Sums run over the classes, then over the voices, in their
/// order.
pub(crate) fn frequencies(
    classes: &[(Class, u32)],
    own: &[(Voice, u32)],
    alleles: usize,
) -> Vec<f64> {
    let groups: Vec<Group> = classes.iter().filter_map(Group::of).collect();
    let voices = Voices::new(own);
    let mut frequencies = vec![1.0 / alleles as f64; alleles];
    let (mut copies, mut mine) = (vec![0.0; alleles], vec![0.0; alleles]);
    let mut prior = Prior::new(alleles);
    for _ in 0..STEPS_MAX {
        copies.fill(PSEUDO_COPIES);
        add_groups(&groups, &frequencies, &mut copies);
        prior.set(&frequencies, 2.0);
        voices.add(&prior, &mut copies, &mut mine);
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

/// Adds the copies of every allele that those without records of their own are expected to have.
fn add_groups(groups: &[Group], frequencies: &[f64], copies: &mut [f64]) {
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
}
