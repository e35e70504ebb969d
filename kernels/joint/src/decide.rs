//! The genotype of one sample.

use crate::evidence::diploid;
use crate::kind::Class;
use crate::number::{likelihood, phred, quality};
use crate::prior::Prior;
use crate::project::NoCall;
use crate::voice::Voice;

/// A sample's genotype.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Genotype {
    pair: [u16; 2],
    pub(crate) copies: u8,
    /// Phred that it is wrong, 0 to 99.
    pub(crate) quality: u8,
    pub(crate) no_call: Option<NoCall>,
    /// Phred that the sample carries no sequence other than the reference.
    pub(crate) carrier: f64,
}

impl Genotype {
    /// The alleles, sorted; one of a haploid sample; none when it is not called.
    pub(crate) fn alleles(&self) -> &[u16] {
        &self.pair[..usize::from(self.copies)]
    }

    fn missing(no_call: Option<NoCall>) -> Self {
        Self {
            pair: [0; 2],
            copies: 0,
            quality: 0,
            no_call,
            carrier: 0.0,
        }
    }
}

/// The likeliest genotype of samples with records of their own, at a site with so many alternative sequences.
pub(crate) fn of_voice(voice: &Voice, prior: &Prior, sequences: usize) -> Genotype {
    if voice.no_call.is_some() {
        return Genotype::missing(voice.no_call);
    }
    let levels = voice.levels.as_slice();
    let homozygous = likeliest(voice.ploidy, levels).is_some_and(|(a, b)| a == b && a > 0);
    let likelihoods = levels.iter().map(|level| likelihood(*level));
    decide(voice.ploidy, likelihoods, homozygous, prior, sequences)
}

/// As [`of_voice`], of those that blocks of a class cover.
pub(crate) fn of_class(class: &Class, prior: &Prior, sequences: usize) -> Genotype {
    let (None, Some(pl)) = (class.no_call, class.likelihoods) else {
        return Genotype::missing(class.no_call);
    };
    let alleles = prior.alleles(class.ploidy);
    let homozygous = match pl {
        [none, 0, _] if class.ploidy == 1 => none > 0,
        [none, one, 0] if class.ploidy == 2 => none > 0 && one > 0 && alleles.len() == 3,
        _ => false,
    };
    let likelihoods = class_likelihoods(class.ploidy, pl, alleles);
    decide(class.ploidy, likelihoods, homozygous, prior, sequences)
}

/// Of every genotype the likelihood that a block tells.
fn class_likelihoods(ploidy: u8, pl: [u32; 3], alleles: &[[u16; 2]]) -> impl Iterator<Item = f64> {
    let likelihoods = pl.map(likelihood);
    let copies = move |[a, b]: &[u16; 2]| {
        if ploidy == 1 {
            usize::from(*a > 0)
        } else {
            usize::from(*a > 0) + usize::from(*b > 0)
        }
    };
    alleles.iter().map(move |pair| likelihoods[copies(pair)])
}

impl Genotype {
    /// The genotype of samples that blocks of `class` cover, which was called by the levels of the class: with its
    /// quality by all that the class says.
    pub(crate) fn requalified(mut self, class: &Class, prior: &Prior) -> Self {
        let (true, Some(pl)) = (self.copies > 0, class.likelihoods) else {
            return self;
        };
        let alleles = prior.alleles(class.ploidy);
        let likelihoods = class_likelihoods(class.ploidy, pl, alleles);
        let (mut total, mut others) = (0.0, 0.0);
        for (pair, (prior, likelihood)) in alleles
            .iter()
            .zip(prior.of(class.ploidy).iter().zip(likelihoods))
        {
            let weight = likelihood * prior;
            total += weight;
            if *pair != self.pair {
                others += weight;
            }
        }
        self.quality = quality(others / total);
        self
    }
}

/// The likeliest genotype by the likelihoods of all and by what is known before. `homozygous`: whether the likelihoods
/// alone favour one with two copies of an alternative allele.
#[inline(always)]
fn decide(
    ploidy: u8,
    likelihoods: impl Iterator<Item = f64>,
    homozygous: bool,
    prior: &Prior,
    sequences: usize,
) -> Genotype {
    let is_sequence = |allele: u16| allele > 0 && usize::from(allele) <= sequences;
    let (mut total, mut best, mut others, mut plain) = (0.0, -1.0, 0.0, 0.0);
    let mut called = [0, 0];
    let priors = prior.of(ploidy).iter().zip(likelihoods);
    for ([a, b], (prior, likelihood)) in prior.alleles(ploidy).iter().zip(priors) {
        let weight = likelihood * prior;
        total += weight;
        if !is_sequence(*a) && !is_sequence(*b) {
            plain += weight;
        }
        // Two copies of evidence never become none, however rare the allele.
        if weight > best && !(homozygous && *b == 0) {
            others += f64::max(best, 0.0);
            best = weight;
            called = [*a, *b];
        } else {
            others += weight;
        }
    }
    let carries = is_sequence(called[0]) || is_sequence(called[1]);
    Genotype {
        pair: called,
        copies: ploidy,
        quality: quality(others / total),
        no_call: None,
        carrier: if carries { phred(plain / total) } else { 0.0 },
    }
}

/// The genotype of PL 0; none when it is not the only one.
fn likeliest(ploidy: u8, pl: &[u32]) -> Option<(usize, usize)> {
    if ploidy == 1 {
        return pl.iter().position(|pl| *pl == 0).map(|a| (a, a));
    }
    let mut found = None;
    for b in (0..).take_while(|b| diploid(*b, *b) < pl.len()) {
        for a in 0..=b {
            if pl[diploid(a, b)] == 0 {
                if found.is_some() {
                    return None;
                }
                found = Some((a, b));
            }
        }
    }
    found
}
