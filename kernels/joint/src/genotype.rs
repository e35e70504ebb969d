//! Genotypes of a cohort at a site.

use crate::allele::Part;
use crate::column::{Cell, Class, Column, Own};
use crate::equilibrium::Counts;
use crate::evidence::diploid;
use crate::frequency::{Prior, frequencies, is_informative};
use crate::number::{PHRED_MAX, phred, quality};
use crate::params::Params;
use crate::project::{NoCall, Projected, project};
use crate::site::Site;
use crate::track::Track;

/// Carriers whose evidence makes up QUAL: with a fixed number it does not grow with the cohort.
const CARRIERS_MAX: usize = 8;
const CARRIER_PHRED_MAX: f64 = 500.0;
/// Phred that a base of a genome differs from the reference by a substitution, and by anything else.
const PRIOR_SUBSTITUTION: f64 = 30.0;
const PRIOR_OTHER: f64 = 39.0;

/// A sample's genotype.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Genotype {
    pair: [u16; 2],
    copies: u8,
    /// Phred that it is wrong, 0 to 99.
    pub(crate) quality: u8,
    pub(crate) no_call: Option<NoCall>,
    /// Phred that the sample carries no sequence other than the reference.
    carrier: f64,
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

/// A site with everybody's genotype.
pub(crate) struct Genotyped<'a> {
    pub(crate) site: Site,
    pub(crate) quality: f64,
    /// Copies of every allele in called genotypes, REF first.
    pub(crate) copies: Vec<u32>,
    /// Samples with a called genotype.
    pub(crate) called: u32,
    /// Diploid genotypes.
    pub(crate) diploid: Counts,
    column: &'a Column<'a>,
    groups: Vec<Group>,
    own: Vec<(Projected, Genotype)>,
}

/// Samples that blocks of one class cover.
struct Group {
    class: Class,
    samples: u32,
    genotype: Genotype,
}

/// What is known of a sample at a site.
pub(crate) struct Sample<'a> {
    pub(crate) genotype: &'a Genotype,
    pub(crate) depth: Option<u32>,
    pub(crate) evidence: Evidence<'a>,
}

/// Where a sample's likelihoods come from.
pub(crate) enum Evidence<'a> {
    /// A reference block, or no record at all.
    Block(&'a Class),
    /// Its own records of the site.
    Own(&'a Projected),
}

impl Sample<'_> {
    pub(crate) fn ploidy(&self) -> u8 {
        match self.evidence {
            Evidence::Block(class) => class.ploidy,
            Evidence::Own(own) => own.ploidy,
        }
    }

    /// Whether the sample's records of the site contradict each other.
    pub(crate) fn conflict(&self) -> bool {
        matches!(self.evidence, Evidence::Own(own) if own.conflict)
    }
}

impl Genotyped<'_> {
    /// All samples, in order.
    pub(crate) fn samples(&self) -> impl Iterator<Item = Sample<'_>> {
        self.column.cells().map(|cell| match cell {
            Cell::Kind(kind) => {
                let group = &self.groups[self.column.group(kind)];
                Sample {
                    genotype: &group.genotype,
                    depth: self.column.depth(kind),
                    evidence: Evidence::Block(&group.class),
                }
            }
            Cell::Own(own) => {
                let (projected, genotype) = &self.own[own];
                Sample {
                    genotype,
                    depth: projected.depth,
                    evidence: Evidence::Own(projected),
                }
            }
        })
    }

    /// Genotypes, and how many samples have each.
    fn genotypes(&self) -> impl Iterator<Item = (&Genotype, u32)> {
        let groups = self.groups.iter();
        let groups = groups.map(|group| (&group.genotype, group.samples));
        groups.chain(self.own.iter().map(|(_, genotype)| (genotype, 1)))
    }

    fn genotypes_mut(&mut self) -> impl Iterator<Item = &mut Genotype> {
        let groups = self.groups.iter_mut().map(|group| &mut group.genotype);
        groups.chain(self.own.iter_mut().map(|(_, genotype)| genotype))
    }

    /// Counts what is called.
    fn count(&mut self) {
        let mut copies = vec![0u32; self.site.alleles()];
        let (mut called, mut diploid) = (0, Counts::default());
        for (genotype, samples) in self.genotypes() {
            for allele in genotype.alleles() {
                copies[usize::from(*allele)] += samples;
            }
            called += u32::from(genotype.copies > 0) * samples;
            diploid.add(genotype.alleles(), samples);
        }
        (self.copies, self.called, self.diploid) = (copies, called, diploid);
    }
}

/// Genotypes every sample. Alleles that nobody turns out to carry are taken out and the rest is done
/// again; `None` when no alternative sequence is left, or when all that is left is more probably none.
pub(crate) fn genotype<'a>(
    mut site: Site,
    (column, own): (&'a Column<'a>, Own),
    tracks: &[&Track],
    params: &Params,
) -> Option<Genotyped<'a>> {
    let samples: Vec<u32> = own.iter().map(|(sample, _)| *sample).collect();
    let again = |site: &Site| -> Vec<Projected> {
        let own = samples.iter();
        own.map(|&sample| project(tracks[sample as usize], site))
            .collect()
    };
    site.spanning = column.spanned;
    let mut own = if site.spanning {
        again(&site)
    } else {
        own.into_iter().map(|(_, projected)| projected).collect()
    };
    loop {
        let (mut genotyped, informative) = decide_all(site, column, own);
        genotyped.count();
        let carried = |copies: &u32| *copies > 0;
        if genotyped.copies[1..].iter().all(carried) {
            genotyped.quality = site_quality(&genotyped, informative);
            for genotype in genotyped.genotypes_mut() {
                leave_doubtful(genotype, params);
            }
            genotyped.count();
            return (genotyped.quality > 0.0).then_some(genotyped);
        }
        let mut keep: Vec<bool> = genotyped.copies.iter().map(carried).collect();
        keep[0] = true;
        site = genotyped.site.reduced(&keep)?;
        own = again(&site);
    }
}

/// The likeliest genotypes, and how many samples say something about frequencies.
fn decide_all<'a>(
    site: Site,
    column: &'a Column<'a>,
    own: Vec<Projected>,
) -> (Genotyped<'a>, usize) {
    let frequencies = frequencies(&column.groups, &own, site.alleles());
    let in_groups = column.groups.iter();
    let in_groups = in_groups.filter(|(class, _)| class.is_informative());
    let informative = in_groups
        .map(|(_, samples)| *samples as usize)
        .sum::<usize>()
        + own.iter().filter(|sample| is_informative(sample)).count();
    let prior = Prior::tempered(&frequencies, informative);
    let sequences = site.alternatives.len();
    let group = |&(class, samples): &(Class, u32)| {
        let pl = class.expanded(site.alleles());
        let genotype = decide((class.ploidy, &pl), class.no_call, &prior, sequences);
        Group {
            class,
            samples,
            genotype,
        }
    };
    let groups = column.groups.iter().map(group).collect();
    let alone = |sample: Projected| {
        let evidence = (sample.ploidy, sample.likelihoods.as_slice());
        let genotype = decide(evidence, sample.no_call, &prior, sequences);
        (sample, genotype)
    };
    let genotyped = Genotyped {
        quality: 0.0,
        copies: Vec::new(),
        called: 0,
        diploid: Counts::default(),
        column,
        groups,
        own: own.into_iter().map(alone).collect(),
        site,
    };
    (genotyped, informative)
}

/// Does not call a genotype that is too doubtful. It has spoken for its alleles before: that somebody carries one can
/// be certain where how many copies is not.
fn leave_doubtful(genotype: &mut Genotype, params: &Params) {
    if genotype.no_call.is_none() && genotype.quality < params.genotype_quality_min {
        genotype.copies = 0;
        genotype.no_call = Some(NoCall::LowQuality);
    }
}

/// The likeliest genotype by likelihood (PL of a sample of some ploidy) and prior, at a site with so many
/// alternative sequences.
fn decide(
    (ploidy, pl): (u8, &[u32]),
    no_call: Option<NoCall>,
    prior: &Prior,
    sequences: usize,
) -> Genotype {
    let mut genotype = Genotype::missing(no_call);
    if no_call.is_some() {
        return genotype;
    }
    let is_sequence = |allele: usize| allele > 0 && allele <= sequences;
    let homozygous = likeliest(ploidy, pl).is_some_and(|(a, b)| a == b && a > 0);
    let (mut total, mut best, mut others, mut plain) = (0.0, -1.0, 0.0, 0.0);
    let mut called = (0, 0);
    prior.genotypes(ploidy, pl, |a, b, weight| {
        total += weight;
        if !is_sequence(a) && !is_sequence(b) {
            plain += weight;
        }
        // Two copies of evidence never become none, however rare the allele.
        if weight > best && !(homozygous && b == 0) {
            others += f64::max(best, 0.0);
            best = weight;
            called = (a, b);
        } else {
            others += weight;
        }
    });
    genotype.pair = [called.0 as u16, called.1 as u16];
    genotype.copies = ploidy;
    genotype.quality = quality(others / total);
    if is_sequence(called.0) || is_sequence(called.1) {
        genotype.carrier = phred(plain / total);
    }
    genotype
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

/// Phred that nobody carries an alternative sequence, from the best carriers and what is known of genomes.
fn site_quality(genotyped: &Genotyped<'_>, samples: usize) -> f64 {
    let mut carriers: Vec<f64> = genotyped
        .genotypes()
        .filter(|(genotype, _)| genotype.carrier > 0.0)
        .flat_map(|(genotype, samples)| {
            let carrier = genotype.carrier.min(CARRIER_PHRED_MAX);
            std::iter::repeat_n(carrier, CARRIERS_MAX.min(samples as usize))
        })
        .collect();
    carriers.sort_unstable_by(|a, b| b.total_cmp(a));
    let sum: f64 = carriers.iter().take(CARRIERS_MAX).sum();
    let substitutes = |part: &Part| part.reference.len() == part.alternative.len();
    let prior = if genotyped.site.alternatives.iter().any(substitutes) {
        PRIOR_SUBSTITUTION
    } else {
        PRIOR_OTHER
    };
    // Watterson: among n chromosomes a base varies 1 + 1/2 + ... + 1/(n - 1) times as often as between two.
    let more: f64 = (1..2 * samples.max(1)).map(|n| 1.0 / n as f64).sum();
    (sum - (prior - phred(1.0 / more)).max(0.0)).min(f64::from(PHRED_MAX))
}
