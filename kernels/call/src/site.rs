//! Variant sites: the alleles that haplotypes have at a place, and the genotype fragments give them.

use std::collections::BTreeSet;

use crate::event::Event;
use crate::genotype::{self, Class};
use crate::haplotype::Haplotype;
use crate::likelihood::Fragment;
use crate::phase::{self, Phase};
use crate::priors::Priors;
use crate::region::Region;
use crate::repeats;
use crate::spanning::Deletion;
use crate::window::Window;

/// An allele stays when the best genotype with it is at least 5 % as likely as the best of all.
const MAX_ALLELE_PL: u16 = 13;
/// More alternative alleles than this are not reported; the most likely are.
const MAX_ALLELES: usize = 6;
/// A fragment counts for an allele that it prefers by this much, log10 (as in GATK).
const INFORMATIVE: f64 = 0.2;

/// A called site, and the number of its allele that each haplotype has, if it has one of them.
#[derive(Clone, Debug)]
pub(crate) struct Called {
    pub site: Site,
    pub alleles_of: Vec<Option<usize>>,
}

/// A called site.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Site {
    /// First base of REF, 0-based.
    pub start: i64,
    /// One past the last base of REF.
    pub end: i64,
    /// REF, then the others; `*` for a deletion called before. `<NON_REF>` is not listed.
    pub alleles: Vec<Vec<u8>>,
    /// Alleles of the best genotype.
    pub genotype: Vec<usize>,
    /// Phred probability that it is another one, with what is known beforehand.
    pub gq: u16,
    /// Of every genotype of the alleles and `<NON_REF>`.
    pub pl: Vec<u16>,
    /// Fragments by allele, `<NON_REF>` included.
    pub depths: Vec<u32>,
    /// Fragments.
    pub depth: u32,
    /// Reference forward and reverse, other forward and reverse.
    pub strands: [u32; 4],
    /// Median distance of an alternative allele from the nearer end of its reads; `None` when none is clearly preferred.
    pub from_end: Option<u32>,
    /// Phred probability that there is no variant.
    pub quality: f64,
    /// The filters that it fails, but for its quality.
    pub filters: Vec<&'static str>,
    /// Reads were left out here because the pile was too deep.
    pub thinned: bool,
    /// Its region could not be assembled: only what reads show in their CIGARs was tried.
    pub unassembled: bool,
    /// Where it stands in a phase set, if in one.
    pub phase: Option<Phase>,
}

impl Site {
    /// True when one of its alleles is longer or shorter than REF; `*` is none of its own.
    pub(crate) fn changes_length(&self) -> bool {
        let (reference, others) = self.alleles.split_at(1);
        let differs = |allele: &Vec<u8>| allele != b"*" && allele.len() != reference[0].len();
        others.iter().any(differs)
    }

    /// The deletions of its genotype that begin here.
    pub(crate) fn deletions(&self) -> impl Iterator<Item = Deletion> + '_ {
        let here = |&&allele: &&usize| allele > 0 && self.alleles[allele] != b"*";
        self.genotype.iter().filter(here).map(|&allele| Deletion {
            locus: self.start,
            end: self.end - self.alleles[allele].len() as i64 + 1,
        })
    }
}

/// An alternative allele at a locus: the bases that replace REF up to `end`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Allele {
    Reference,
    Other {
        end: i64,
        bases: Vec<u8>,
        indel: bool,
    },
    /// Deleted by an event that begins before.
    Spanned,
}

/// Calls the sites that begin in the region; `reaching` are deletions that were called before and end in or behind it.
pub(crate) fn call(
    region: &Region,
    reaching: &[Deletion],
    haplotypes: &[Haplotype],
    fragments: &[Fragment],
    reference: &Window,
    ploidy: u8,
    priors: &Priors,
) -> Vec<Site> {
    let loci: BTreeSet<i64> = haplotypes
        .iter()
        .flat_map(|haplotype| haplotype.events.iter().map(Event::vcf_start))
        .filter(|&locus| locus >= region.start.max(0) && locus < region.end)
        .collect();
    let mut sites: Vec<Called> = Vec::new();
    let mut deletions = reaching.to_vec();
    for locus in loci {
        let Some(called) = call_locus(
            locus, haplotypes, fragments, reference, &deletions, ploidy, priors,
        ) else {
            continue;
        };
        deletions.extend(called.site.deletions());
        sites.push(called);
    }
    phase::sites(&mut sites, fragments);
    sites.into_iter().map(|called| called.site).collect()
}

fn call_locus(
    locus: i64,
    haplotypes: &[Haplotype],
    fragments: &[Fragment],
    reference: &Window,
    deletions: &[Deletion],
    ploidy: u8,
    priors: &Priors,
) -> Option<Called> {
    let of: Vec<Option<Allele>> = haplotypes
        .iter()
        .map(|h| allele(h, locus, reference, deletions))
        .collect();
    let found: BTreeSet<&Allele> = of
        .iter()
        .flatten()
        .filter(|&a| *a != Allele::Reference)
        .collect();
    let mut alleles: Vec<Allele> = vec![Allele::Reference];
    alleles.extend(found.into_iter().cloned());
    let indel = alleles
        .iter()
        .any(|a| matches!(a, Allele::Other { indel: true, .. }));
    let covering: Vec<&Fragment> = fragments
        .iter()
        .filter(|fragment| fragment.covers(locus, locus + 1 + i64::from(indel)))
        .collect();
    let skew = if indel {
        priors.skew.at(reference, locus + 1)
    } else {
        0.0
    };
    let by_allele = |alleles: &[Allele]| -> Vec<Vec<f64>> {
        let rows = covering.iter().map(|fragment| {
            let mut row = best_by_allele(fragment, &of, alleles);
            unequal(&mut row, alleles, locus, skew);
            row
        });
        rows.collect()
    };
    let class = |allele: &Allele| class(allele, locus, reference, priors);
    prune(&mut alleles, &by_allele, &class, ploidy);
    if !alleles.iter().any(|a| matches!(a, Allele::Other { .. })) {
        return None;
    }
    let rows = by_allele(&alleles);
    let number = |allele: &Allele| alleles.iter().position(|other| other == allele);
    Some(Called {
        alleles_of: of
            .iter()
            .map(|allele| allele.as_ref().and_then(number))
            .collect(),
        site: summarise(locus, &alleles, rows, &covering, reference, ploidy, priors),
    })
}

/// The allele of a haplotype at a locus; `None` when a deletion that was not called hides it.
fn allele(
    haplotype: &Haplotype,
    locus: i64,
    reference: &Window,
    deletions: &[Deletion],
) -> Option<Allele> {
    let mut here = None;
    for event in &haplotype.events {
        if event.vcf_start() == locus {
            let (end, bases, indel) =
                here.get_or_insert((locus + 1, vec![reference.at(locus)], false));
            if event.is_indel() {
                bases.extend_from_slice(&event.ins);
                *end = event.end().max(*end);
                *indel = true;
            } else {
                bases[0] = event.ins[0];
            }
        } else if event.is_indel() && event.vcf_start() < locus && locus < event.end() {
            let deletion = Deletion {
                locus: event.vcf_start(),
                end: event.end(),
            };
            return deletions.contains(&deletion).then_some(Allele::Spanned);
        }
    }
    Some(
        here.map_or(Allele::Reference, |(end, bases, indel)| Allele::Other {
            end,
            bases,
            indel,
        }),
    )
}

/// The likelihood of a fragment by allele: that of the best haplotype with it.
fn best_by_allele(fragment: &Fragment, of: &[Option<Allele>], alleles: &[Allele]) -> Vec<f64> {
    let lowest = fragment
        .likelihoods
        .iter()
        .copied()
        .fold(f64::INFINITY, f64::min);
    let mut best = vec![f64::NEG_INFINITY; alleles.len()];
    for (allele, &likelihood) in of.iter().zip(&fragment.likelihoods) {
        let Some(number) = allele
            .as_ref()
            .and_then(|a| alleles.iter().position(|b| a == b))
        else {
            continue;
        };
        best[number] = best[number].max(likelihood);
    }
    best.iter_mut().for_each(|l| *l = l.max(lowest));
    best
}

/// Losses and gains of a repeat's units are alike to the pair-HMM, both as frequent as the more frequent ones are. A fragment
/// that prefers one length is less likely of another from which it would come by the rarer ones; losses are 10^`skew` times
/// as frequent as gains.
fn unequal(row: &mut [f64], alleles: &[Allele], locus: i64, skew: f64) {
    let Some(own) = preferred(row).filter(|_| skew != 0.0) else {
        return;
    };
    let length = |allele: &Allele| match allele {
        Allele::Reference => Some(0),
        Allele::Other { end, bases, .. } => Some(bases.len() as i64 - (end - locus)),
        Allele::Spanned => None,
    };
    let Some(own) = length(&alleles[own]) else {
        return;
    };
    for (likelihood, allele) in row.iter_mut().zip(alleles) {
        let gained = length(allele).map_or(0, |length| own - length);
        if (gained > 0 && skew > 0.0) || (gained < 0 && skew < 0.0) {
            *likelihood -= skew.abs();
        }
    }
}

/// Drops alleles, those that no fragment prefers and then the least likely first, until all that are left are
/// plausible: a single one whatever is known beforehand (other samples may have it), of several each with it.
fn prune(
    alleles: &mut Vec<Allele>,
    by_allele: &impl Fn(&[Allele]) -> Vec<Vec<f64>>,
    class: &impl Fn(&Allele) -> Class,
    ploidy: u8,
) {
    loop {
        let rows = by_allele(alleles);
        let mut likelihoods = genotype::likelihoods(&rows, alleles.len(), ploidy);
        if alleles.len() > 2 {
            let classes: Vec<Class> = alleles.iter().map(class).collect();
            genotype::weigh(&mut likelihoods, &classes, ploidy);
        }
        let pl = genotype::pl(&likelihoods);
        let genotypes = genotype::all(alleles.len(), ploidy);
        let best_with = |allele: usize| {
            genotypes
                .iter()
                .zip(&pl)
                .filter(|(g, _)| g.contains(&allele))
                .map(|(_, &pl)| pl)
                .min()
        };
        let shown: Vec<bool> = (0..alleles.len())
            .map(|allele| rows.iter().any(|row| preferred(row) == Some(allele)))
            .collect();
        let worst = (1..alleles.len()).max_by_key(|&a| (!shown[a], best_with(a), a));
        match worst {
            Some(allele)
                if !shown[allele]
                    || best_with(allele) > Some(MAX_ALLELE_PL)
                    || alleles.len() > MAX_ALLELES + 1 =>
            {
                alleles.remove(allele);
            }
            _ => return,
        }
    }
}

fn summarise(
    locus: i64,
    alleles: &[Allele],
    mut rows: Vec<Vec<f64>>,
    covering: &[&Fragment],
    reference: &Window,
    ploidy: u8,
    priors: &Priors,
) -> Site {
    let ends = alleles.iter().map(|a| {
        if let Allele::Other { end, .. } = a {
            *end
        } else {
            locus + 1
        }
    });
    let end = ends.max().unwrap_or(locus + 1);
    let texts = alleles.iter().map(|allele| match allele {
        Allele::Reference => reference.slice(locus, end).to_vec(),
        Allele::Other {
            end: own, bases, ..
        } => [bases.as_slice(), reference.slice(*own, end)].concat(),
        Allele::Spanned => b"*".to_vec(),
    });
    let classes: Vec<Class> = alleles
        .iter()
        .map(|allele| class(allele, locus, reference, priors))
        .collect();
    let (mut depths, mut strands) = (vec![0; alleles.len() + 1], [0; 4]);
    let mut from_end = Vec::new();
    for (row, fragment) in rows.iter().zip(covering) {
        if let Some(allele) = preferred(row) {
            depths[allele] += 1;
            strands[2 * usize::from(allele > 0) + usize::from(fragment.reverse)] += 1;
            from_end.extend((allele > 0).then(|| fragment.distance_to_end(locus) as u32));
        }
    }
    from_end.sort_unstable();
    let known = genotype::likelihoods(&rows, alleles.len(), ploidy);
    let quality = genotype::quality(&known, &classes, ploidy);
    for row in &mut rows {
        let other = any_other(row);
        row.push(other);
    }
    let pl = genotype::pl(&genotype::likelihoods(&rows, alleles.len() + 1, ploidy));
    let (genotype, gq) = genotype::best(&known, &classes, ploidy);
    Site {
        start: locus,
        end,
        alleles: texts.collect(),
        genotype,
        gq,
        pl,
        depths,
        depth: covering.len() as u32,
        strands,
        from_end: from_end.get(from_end.len() / 2).copied(),
        quality,
        filters: Vec::new(),
        thinned: false,
        unassembled: false,
        phase: None,
    }
}

/// How likely an allele is before any read is seen.
fn class(allele: &Allele, locus: i64, reference: &Window, priors: &Priors) -> Class {
    match allele {
        Allele::Reference | Allele::Spanned => Class::Known,
        Allele::Other {
            indel: false,
            bases,
            ..
        } => Class::New(priors.substitution(reference.at(locus), bases[0]).log10()),
        Allele::Other { end, bases, .. } => {
            let deleted = reference.slice(locus + 1, *end);
            let repeat = match (deleted, &bases[1..]) {
                (deleted, []) => repeats::prior(reference, locus + 1, deleted),
                ([], inserted) => repeats::prior(reference, locus + 1, inserted),
                _ => None,
            };
            let repeat = repeat.map_or(0.0, |phred| 10f64.powf(-f64::from(phred) / 10.0));
            Class::New(priors.indel.max(repeat).log10())
        }
    }
}

/// The allele a fragment clearly prefers.
fn preferred(row: &[f64]) -> Option<usize> {
    let best = (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b]).then(b.cmp(&a)))?;
    let next = (0..row.len())
        .filter(|&a| a != best)
        .map(|a| row[a])
        .fold(f64::NEG_INFINITY, f64::max);
    (row[best] - next >= INFORMATIVE).then_some(best)
}

/// The likelihood of an allele that is none of the listed: the median of those below the best, as in GATK.
fn any_other(row: &[f64]) -> f64 {
    let best = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut below: Vec<f64> = row.iter().copied().filter(|&l| l < best).collect();
    if below.is_empty() {
        return best;
    }
    below.sort_by(f64::total_cmp);
    let middle = below.len() / 2;
    if below.len().is_multiple_of(2) {
        (below[middle - 1] + below[middle]) / 2.0
    } else {
        below[middle]
    }
}

#[cfg(test)]
mod tests {
    use super::{Allele, unequal};

    #[test]
    fn what_would_have_to_be_gained_is_less_likely_where_losses_are_usual() {
        let other = |end, bases: &[u8]| Allele::Other {
            end,
            bases: bases.to_vec(),
            indel: true,
        };
        let alleles = [
            Allele::Reference,
            other(12, b"C"),
            other(11, b"CA"),
            Allele::Spanned,
        ];
        let row = [-1.0, -1.5, -1.6, -2.0];
        let with = |mut row: [f64; 4], skew| {
            unequal(&mut row, &alleles, 10, skew);
            row
        };
        assert_eq!(with(row, 0.25), [-1.0, -1.75, -1.6, -2.0]);
        assert_eq!(with(row, -0.25), [-1.0, -1.5, -1.85, -2.0]);
        assert_eq!(with(row, 0.0), row);
        let undecided = [-1.0, -1.1, -1.6, -2.0];
        assert_eq!(with(undecided, 0.25), undecided);
        let spanned = [-1.0, -1.5, -1.6, -0.5];
        assert_eq!(with(spanned, 0.25), spanned);
    }
}
