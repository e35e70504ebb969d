//! Genotypes of a cohort at a site.

use crate::allele::Part;
use crate::evidence::diploid;
use crate::frequency::{Prior, frequencies, is_informative};
use crate::number::{PHRED_MAX, phred};
use crate::params::Params;
use crate::project::{NoCall, Projected, project};
use crate::site::{Site, is_spanned};
use crate::track::Track;

/// Carriers whose evidence makes up QUAL: with a fixed number it does not grow with the cohort.
const CARRIERS_MAX: usize = 8;
const CARRIER_PHRED_MAX: f64 = 500.0;
/// Phred that a base of a genome differs from the reference by a substitution, and by anything else.
const PRIOR_SUBSTITUTION: f64 = 30.0;
const PRIOR_OTHER: f64 = 39.0;

/// A sample's genotype.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Genotype {
    /// The alleles, sorted; one of a haploid sample; none when it is not called.
    pub(crate) alleles: Vec<usize>,
    /// Phred that it is wrong, 0 to 99.
    pub(crate) quality: u8,
    /// Phred that the sample carries no sequence other than the reference.
    carrier: f64,
}

/// A site with everybody's genotype.
#[derive(Debug)]
pub(crate) struct Genotyped {
    pub(crate) site: Site,
    pub(crate) samples: Vec<Projected>,
    pub(crate) genotypes: Vec<Genotype>,
    /// Copies of every allele in called genotypes, REF first.
    pub(crate) copies: Vec<u32>,
    pub(crate) quality: f64,
}

/// Genotypes every sample. Alleles that nobody turns out to carry are taken out and the rest is done
/// again; `None` when no alternative sequence is left, or when all that is left is more probably none.
pub(crate) fn genotype(mut site: Site, tracks: &[&Track], params: &Params) -> Option<Genotyped> {
    let quality = params.allele_quality_min;
    site.spanning = tracks
        .iter()
        .any(|track| is_spanned(track, site.start, quality));
    loop {
        let mut samples: Vec<Projected> =
            tracks.iter().map(|track| project(track, &site)).collect();
        let frequencies = frequencies(&samples, site.alleles());
        let informative = samples.iter().filter(|s| is_informative(s)).count();
        let prior = Prior::tempered(&frequencies, informative);
        let mut genotypes: Vec<Genotype> = samples
            .iter()
            .map(|sample| decide(sample, &prior, &site))
            .collect();
        let copies = copies(&genotypes, &site);
        if copies[1..].iter().all(|copies| *copies > 0) {
            let quality = site_quality(&genotypes, &site, informative);
            for (genotype, sample) in genotypes.iter_mut().zip(&mut samples) {
                leave_doubtful(genotype, sample, params);
            }
            return (quality > 0.0).then_some(Genotyped {
                quality,
                copies: self::copies(&genotypes, &site),
                site,
                samples,
                genotypes,
            });
        }
        let mut keep: Vec<bool> = copies.iter().map(|copies| *copies > 0).collect();
        keep[0] = true;
        site = site.reduced(&keep)?;
    }
}

/// Copies of every allele in genotypes.
fn copies(genotypes: &[Genotype], site: &Site) -> Vec<u32> {
    let mut copies = vec![0u32; site.alleles()];
    for allele in genotypes.iter().flat_map(|genotype| &genotype.alleles) {
        copies[*allele] += 1;
    }
    copies
}

/// Does not call a genotype that is too doubtful. It has spoken for its alleles before: that somebody carries one can
/// be certain where how many copies is not.
fn leave_doubtful(genotype: &mut Genotype, sample: &mut Projected, params: &Params) {
    if sample.no_call.is_none() && genotype.quality < params.genotype_quality_min {
        genotype.alleles.clear();
        sample.no_call = Some(NoCall::LowQuality);
    }
}

/// The likeliest genotype by likelihood and prior.
fn decide(sample: &Projected, prior: &Prior, site: &Site) -> Genotype {
    let mut genotype = Genotype {
        alleles: Vec::new(),
        quality: 0,
        carrier: 0.0,
    };
    if sample.no_call.is_some() {
        return genotype;
    }
    let is_sequence = |allele: usize| allele > 0 && allele <= site.alternatives.len();
    let homozygous = likeliest(sample).is_some_and(|(a, b)| a == b && a > 0);
    let (mut total, mut best, mut others, mut plain) = (0.0, -1.0, 0.0, 0.0);
    prior.genotypes(sample, |a, b, weight| {
        total += weight;
        if !is_sequence(a) && !is_sequence(b) {
            plain += weight;
        }
        // Two copies of evidence never become none, however rare the allele.
        if weight > best && !(homozygous && b == 0) {
            others += f64::max(best, 0.0);
            best = weight;
            genotype.alleles = if sample.ploidy == 1 {
                vec![a]
            } else {
                vec![a, b]
            };
        } else {
            others += weight;
        }
    });
    genotype.quality = phred(others / total).round().min(99.0) as u8;
    if genotype.alleles.iter().any(|allele| is_sequence(*allele)) {
        genotype.carrier = phred(plain / total);
    }
    genotype
}

/// The genotype of PL 0; none when it is not the only one.
fn likeliest(sample: &Projected) -> Option<(usize, usize)> {
    let pl = &sample.likelihoods;
    let mut found = None;
    let alleles = if sample.ploidy == 1 {
        return pl.iter().position(|pl| *pl == 0).map(|a| (a, a));
    } else {
        (0..).take_while(|b| diploid(*b, *b) < pl.len())
    };
    for b in alleles {
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

/// Phred that nobody carries an alternative sequence, from the best carriers and what is known of genomes.
fn site_quality(genotypes: &[Genotype], site: &Site, samples: usize) -> f64 {
    let mut carriers: Vec<f64> = genotypes
        .iter()
        .map(|genotype| genotype.carrier.min(CARRIER_PHRED_MAX))
        .collect();
    carriers.sort_unstable_by(|a, b| b.total_cmp(a));
    let sum: f64 = carriers.iter().take(CARRIERS_MAX).sum();
    let substitutes = |part: &Part| part.reference.len() == part.alternative.len();
    let prior = if site.alternatives.iter().any(substitutes) {
        PRIOR_SUBSTITUTION
    } else {
        PRIOR_OTHER
    };
    // Watterson: among n chromosomes a base varies 1 + 1/2 + ... + 1/(n - 1) times as often as between two.
    let more: f64 = (1..2 * samples.max(1)).map(|n| 1.0 / n as f64).sum();
    (sum - (prior - phred(1.0 / more)).max(0.0)).min(f64::from(PHRED_MAX))
}
