//! Genotypes of a cohort at a site.

use crate::allele::Part;
use crate::column::{Cell, Column, Own};
use crate::decide::{Genotype, of_class, of_own};
use crate::equilibrium::Counts;
use crate::frequency::{frequencies, is_informative};
use crate::kind::Class;
use crate::number::{PHRED_MAX, phred};
use crate::params::Params;
use crate::prior::Prior;
use crate::project::{NoCall, Projected, project};
use crate::site::Site;
use crate::track::Track;

/// Carriers whose evidence makes up QUAL: with a fixed number it does not grow with the cohort.
const CARRIERS_MAX: usize = 8;
const CARRIER_PHRED_MAX: f64 = 500.0;
/// Phred that a base of a genome differs from the reference by a substitution, and by anything else.
const PRIOR_SUBSTITUTION: f64 = 30.0;
const PRIOR_OTHER: f64 = 39.0;

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
    pub(crate) column: &'a Column<'a>,
    /// Of samples that blocks of one class cover.
    groups: Vec<Genotype>,
    /// What the others' records say, and their genotypes.
    own: Vec<Projected>,
    alone: Vec<Genotype>,
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
        self.column.cells().map(|cell| self.sample(cell))
    }

    /// A sample that has this.
    pub(crate) fn sample(&self, cell: Cell) -> Sample<'_> {
        match cell {
            Cell::Kind(number) => {
                let kind = self.column.kind(number);
                Sample {
                    genotype: &self.groups[self.column.group(kind)],
                    depth: kind.depth,
                    evidence: Evidence::Block(self.column.class(number)),
                }
            }
            Cell::Own(own) => Sample {
                genotype: &self.alone[own],
                depth: self.own[own].depth,
                evidence: Evidence::Own(&self.own[own]),
            },
        }
    }

    /// A sample of each group of those that blocks of a class cover, its depth not told and its class the one that all
    /// share.
    pub(crate) fn groups(&self) -> impl Iterator<Item = Sample<'_>> {
        let groups = self.column.groups.iter().zip(&self.groups);
        groups.map(|((class, _), genotype)| Sample {
            genotype,
            depth: None,
            evidence: Evidence::Block(class),
        })
    }

    /// Genotypes, and how many samples have each.
    fn genotypes(&self) -> impl Iterator<Item = (&Genotype, u32)> {
        let samples = self.column.groups.iter().map(|(_, samples)| *samples);
        let groups = self.groups.iter().zip(samples);
        groups.chain(self.alone.iter().map(|genotype| (genotype, 1)))
    }

    fn genotypes_mut(&mut self) -> impl Iterator<Item = &mut Genotype> {
        self.groups.iter_mut().chain(&mut self.alone)
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

/// Genotypes every sample. Alleles that nobody turns out to carry are taken out and the rest is done
/// again; `None` when no alternative sequence is left, or when all that is left is more probably none.
pub(crate) fn genotype<'a>(
    mut site: Site,
    (column, own): (&'a Column<'a>, Own),
    tracks: &[&Track],
    common: &Common,
) -> Option<Genotyped<'a>> {
    let again = |site: &Site| -> Vec<Projected> {
        let own = own.samples.iter();
        own.map(|&sample| project(tracks[sample as usize], site))
            .collect()
    };
    site.spanning = column.spanned;
    let mut projected = if site.spanning {
        again(&site)
    } else {
        own.projected
    };
    loop {
        let (mut genotyped, informative) = decide_all(site, column, projected);
        genotyped.count();
        let carried = |copies: &u32| *copies > 0;
        if genotyped.copies[1..].iter().all(carried) {
            genotyped.quality =
                site_quality(&genotyped, common.variation[2 * informative.max(1) - 1]);
            for genotype in genotyped.genotypes_mut() {
                leave_doubtful(genotype, &common.params);
            }
            genotyped.count();
            return (genotyped.quality > 0.0).then_some(genotyped);
        }
        let mut keep: Vec<bool> = genotyped.copies.iter().map(carried).collect();
        keep[0] = true;
        site = genotyped.site.reduced(&keep)?;
        projected = again(&site);
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
    let groups = column.groups.iter();
    let groups = groups.map(|(class, _)| of_class(class, &prior, sequences));
    let alone = own.iter().map(|sample| of_own(sample, &prior, sequences));
    let genotyped = Genotyped {
        quality: 0.0,
        copies: Vec::new(),
        called: 0,
        diploid: Counts::default(),
        column,
        groups: groups.collect(),
        alone: alone.collect(),
        own,
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

/// Phred that nobody carries an alternative sequence, from the best carriers and what is known of genomes; `variation`
/// is how many times as often a base varies among the samples' chromosomes as between two.
fn site_quality(genotyped: &Genotyped<'_>, variation: f64) -> f64 {
    // The best come first.
    let mut carriers = [0.0f64; CARRIERS_MAX];
    for (genotype, samples) in genotyped.genotypes() {
        let carrier = genotype.carrier.min(CARRIER_PHRED_MAX);
        for _ in 0..CARRIERS_MAX.min(samples as usize) {
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
    let prior = if genotyped.site.alternatives.iter().any(substitutes) {
        PRIOR_SUBSTITUTION
    } else {
        PRIOR_OTHER
    };
    (sum - (prior - phred(1.0 / variation)).max(0.0)).min(f64::from(PHRED_MAX))
}
