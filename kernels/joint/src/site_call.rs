//! Which alleles a cohort has at a site, and which genotypes: decided from how many samples say what.

use crate::allele::Part;
use crate::decide::{Genotype, of_class, of_voice};
use crate::equilibrium::Counts;
use crate::frequency::frequencies;
use crate::kind::Class;
use crate::number::{PHRED_MAX, phred};
use crate::params::Params;
use crate::prior::Prior;
use crate::project::NoCall;
use crate::site::Site;
use crate::voice::Voice;

/// Carriers whose evidence makes up QUAL: with a fixed number it does not grow with the cohort.
const CARRIERS_MAX: usize = 8;
/// Phred that a base of a genome differs from the reference by a substitution, and by anything else.
const PRIOR_SUBSTITUTION: f64 = 30.0;
const PRIOR_OTHER: f64 = 39.0;
/// Samples from which an inbreeding coefficient means something.
const INBREEDING_SAMPLES_MIN: u32 = 10;

/// A site of the cohort.
#[derive(Clone, Debug)]
pub(crate) struct Decided {
    pub(crate) site: Site,
    pub(crate) quality: f64,
    /// Copies of every allele in called genotypes, REF first.
    pub(crate) copies: Vec<u32>,
    /// Samples with a called genotype.
    pub(crate) called: u32,
    /// Diploid genotypes.
    pub(crate) diploid: Counts,
}

impl Decided {
    /// Phred of so many heterozygotes or more; `None` without diploid samples.
    pub(crate) fn excess_het(&self) -> Option<f64> {
        (self.diploid.samples() > 0).then(|| self.diploid.excess_het())
    }

    /// 1 - observed / expected heterozygotes; `None` where it means nothing.
    pub(crate) fn inbreeding(&self) -> Option<f64> {
        if self.diploid.samples() < INBREEDING_SAMPLES_MIN {
            return None;
        }
        self.diploid.inbreeding()
    }
}

/// What samples with records of their own say of a site, in order, with how many say it; and what else came of asking.
pub(crate) struct Heard<T> {
    pub(crate) voices: Vec<(Voice, u32)>,
    pub(crate) aside: T,
}

/// A site with the genotypes of those who say the same.
pub(crate) struct SiteCall<T> {
    pub(crate) decided: Decided,
    pub(crate) prior: Prior,
    pub(crate) of_classes: Vec<Genotype>,
    pub(crate) of_voices: Vec<Genotype>,
    /// Of those that were heard last.
    pub(crate) aside: T,
}

/// What all sites of a cohort have in common.
pub(crate) struct Common {
    pub(crate) params: Params,
    /// By number of chromosomes less one: how many times as often a base varies among them as between two, that is
    /// 1 + 1/2 + ... + 1/(n - 1) (Watterson 1975).
    variation: Vec<f64>,
}

impl Common {
    /// Of so many samples.
    pub(crate) fn new(params: Params, samples: usize) -> Self {
        let mut sum = 0.0;
        let mut variation = vec![0.0];
        for n in 1..2 * samples.max(1) {
            sum += 1.0 / n as f64;
            variation.push(sum);
        }
        Self { params, variation }
    }
}

/// Decides a site. `classes` are those of samples that blocks cover, in order, and how many are of each; `hear` asks the
/// others about a site. Alleles that nobody turns out to carry are taken out and the rest is done again; `None` when no
/// alternative sequence is left, or when all that is left is more probably none.
pub(crate) fn call_site<T>(
    mut site: Site,
    classes: &[(Class, u32)],
    mut hear: impl FnMut(&Site) -> Heard<T>,
    common: &Common,
) -> Option<SiteCall<T>> {
    loop {
        let heard = hear(&site);
        let voices = &heard.voices;
        let frequencies = frequencies(classes, voices, site.alleles());
        let informative = informative(classes, voices);
        let prior = Prior::tempered(&frequencies, informative);
        let sequences = site.alternatives.len();
        let of_class = |(class, _): &(Class, u32)| of_class(class, &prior, sequences);
        let mut of_classes: Vec<Genotype> = classes.iter().map(of_class).collect();
        let of_voice = |(voice, _): &(Voice, u32)| of_voice(voice, &prior, sequences);
        let mut of_voices: Vec<Genotype> = voices.iter().map(of_voice).collect();
        let samples = classes.iter().map(|(_, samples)| *samples);
        let samples = samples.chain(voices.iter().map(|(_, samples)| *samples));
        let samples: Vec<u32> = samples.collect();
        let called = counted(site.clone(), of_classes.iter().chain(&of_voices), &samples);
        if called.copies[1..].iter().all(|copies| *copies > 0) {
            let genotypes = of_classes.iter().chain(&of_voices);
            let variation = common.variation[2 * informative.max(1) - 1];
            let quality = site_quality(&site, genotypes.zip(&samples), variation);
            for genotype in of_classes.iter_mut().chain(&mut of_voices) {
                leave_doubtful(genotype, &common.params);
            }
            let genotypes = of_classes.iter().chain(&of_voices);
            let decided = Decided {
                quality,
                ..counted(site, genotypes, &samples)
            };
            return (quality > 0.0).then_some(SiteCall {
                decided,
                prior,
                of_classes,
                of_voices,
                aside: heard.aside,
            });
        }
        let mut keep: Vec<bool> = called.copies.iter().map(|copies| *copies > 0).collect();
        keep[0] = true;
        site = site.reduced(&keep)?;
    }
}

/// How many samples say something about frequencies.
fn informative(classes: &[(Class, u32)], voices: &[(Voice, u32)]) -> usize {
    let classes = classes.iter();
    let classes = classes.filter(|(class, _)| class.is_informative());
    let voices = voices.iter().filter(|(voice, _)| voice.is_informative());
    let samples = classes.map(|(_, samples)| *samples);
    let samples = samples.chain(voices.map(|(_, samples)| *samples));
    samples.map(|samples| samples as usize).sum()
}

/// Counts what is called; the site's quality is not known yet.
fn counted<'a>(
    site: Site,
    genotypes: impl Iterator<Item = &'a Genotype>,
    samples: &[u32],
) -> Decided {
    let mut copies = vec![0u32; site.alleles()];
    let (mut called, mut diploid) = (0, Counts::default());
    for (genotype, samples) in genotypes.zip(samples) {
        for allele in genotype.alleles() {
            copies[usize::from(*allele)] += samples;
        }
        called += u32::from(genotype.copies > 0) * samples;
        diploid.add(genotype.alleles(), *samples);
    }
    Decided {
        site,
        quality: 0.0,
        copies,
        called,
        diploid,
    }
}

/// Does not call a genotype that is too doubtful. It has spoken for its alleles before: that somebody carries one can
/// be certain where how many copies is not.
fn leave_doubtful(genotype: &mut Genotype, params: &Params) {
    if genotype.no_call.is_none() && genotype.quality < params.genotype_quality_min {
        genotype.copies = 0;
        genotype.no_call = Some(NoCall::LowQuality);
    }
}

/// Phred that nobody carries an alternative sequence, from the best carriers and what is known of genomes; `variation`
/// is how many times as often a base varies among the samples' chromosomes as between two.
fn site_quality<'a>(
    site: &Site,
    genotypes: impl Iterator<Item = (&'a Genotype, &'a u32)>,
    variation: f64,
) -> f64 {
    // The best come first.
    let mut carriers = [0.0f64; CARRIERS_MAX];
    for (genotype, samples) in genotypes {
        let carrier = genotype.carrier;
        for _ in 0..CARRIERS_MAX.min(*samples as usize) {
            if carrier <= carriers[CARRIERS_MAX - 1] {
                break;
            }
            let place = carriers.partition_point(|better| *better >= carrier);
            carriers[place..].rotate_right(1);
            carriers[place] = carrier;
        }
    }
    let sum: f64 = carriers.iter().sum();
    let substitutes = |part: &Part| part.reference.len() == part.alternative.len();
    let prior = if site.alternatives.iter().any(substitutes) {
        PRIOR_SUBSTITUTION
    } else {
        PRIOR_OTHER
    };
    (sum - (prior - phred(1.0 / variation)).max(0.0)).min(f64::from(PHRED_MAX))
}
