//! The variants of a simulated individual.
//!
//! One SNV in a thousand bases and one indel in 7,500. 45 % of the indels change the length of a homopolymer or a
//! short tandem repeat (43 to 48 % of human indels lie in the 4 % of the genome that are such hot spots: Montgomery et
//! al. 2013, Genome Research 23:749); of the others three in five gain or lose a copy of what stands beside them
//! (slippage explains three quarters of all indels, ibid.), the rest are deletions and insertions of any sequence.
//! What the paper does not say is ours: two homopolymers for each other repeat, sizes, multi-allelic sites, clusters.

use crate::bench_call::tracts::Tract;
use crate::random::Random;

const SNV_RATE: f64 = 1e-3;
const INDEL_RATE: f64 = 1.0 / 7_500.0;
/// Groups of two to five variants within 30 bases, per base; part of the rates above.
const CLUSTER_RATE: f64 = 1.5e-5;
const CLUSTER_SPAN: usize = 30;
const IN_TRACT: f64 = 0.45;
const HOMOPOLYMER: f64 = 2.0 / 3.0;
const COPY: f64 = 0.6;
/// Share of repeats with a change in which both haplotypes change, differently.
const TWO_CHANGES: f64 = 0.08;
/// Share of SNVs at which the haplotypes have two other bases.
const TWO_BASES: f64 = 0.002;
const HOMOZYGOUS: f64 = 1.0 / 3.0;
const LONGEST: usize = 50;
/// Longer repeats do not fit a read with its surroundings.
const LONGEST_TRACT: usize = 80;

/// A place where haplotypes differ from the reference, as VCF writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Variant {
    /// First base of REF, 0-based.
    pub start: usize,
    /// REF.
    pub reference: Vec<u8>,
    /// One or two alternatives.
    pub alleles: Vec<Vec<u8>>,
    /// The allele of each haplotype, 0 is the reference.
    pub genotype: [usize; 2],
}

impl Variant {
    /// One past the last base of REF.
    pub(super) fn end(&self) -> usize {
        self.start + self.reference.len()
    }
}

/// What becomes of a stretch of the reference: bases `start..end` are replaced.
struct Change {
    start: usize,
    end: usize,
    bases: Vec<u8>,
}

/// The variants of `from..to` of a contig, sorted and apart.
pub(super) fn plan(
    bases: &[u8],
    tracts: &[Tract],
    (from, to): (usize, usize),
    random: &mut Random,
) -> Vec<Variant> {
    let length = (to - from) as f64;
    let count = |rate: f64| (rate * length).round() as usize;
    let inside: Vec<Tract> = tracts
        .iter()
        .filter(|t| t.start > from && t.end < to && t.end - t.start <= LONGEST_TRACT)
        .copied()
        .collect();
    let chosen = Chooser::new(&inside);
    let mut groups: Vec<Vec<Variant>> = Vec::new();
    // A cluster has three variants on average, three of four of them SNVs.
    for _ in 0..count(SNV_RATE - 2.6 * CLUSTER_RATE) {
        let at = from + random.below(to - from);
        groups.push(vec![snv(bases, at, random)]);
    }
    for _ in 0..count(INDEL_RATE - 0.9 * CLUSTER_RATE) {
        groups.push(
            indel(bases, &chosen, (from, to), random)
                .into_iter()
                .collect(),
        );
    }
    for _ in 0..count(CLUSTER_RATE) {
        let at = from + random.below(to - from - CLUSTER_SPAN);
        groups.push(cluster(bases, at, random));
    }
    groups.retain(|group| group.iter().all(|variant| fits(variant, bases, (from, to))));
    groups.retain(|group| !group.is_empty());
    groups.sort_by_key(|group| group[0].start);
    let mut kept: Vec<Variant> = Vec::new();
    for group in groups {
        if kept.last().is_none_or(|last| last.end() < group[0].start) {
            kept.extend(group);
        }
    }
    kept
}

fn fits(variant: &Variant, bases: &[u8], (from, to): (usize, usize)) -> bool {
    variant.start > from
        && variant.end() < to
        && !bases[variant.start..variant.end()].contains(&b'N')
}

/// Haplotypes of a new allele.
fn genotype(random: &mut Random) -> [usize; 2] {
    if random.chance(HOMOZYGOUS) {
        [1, 1]
    } else if random.chance(0.5) {
        [0, 1]
    } else {
        [1, 0]
    }
}

fn snv(bases: &[u8], at: usize, random: &mut Random) -> Variant {
    let old = bases[at];
    // Two transitions for each transversion.
    let transition = b"GTAC"[b"ACGT".iter().position(|&b| b == old).unwrap_or(0)];
    let new = if random.chance(0.5) {
        transition
    } else {
        random.other_base(old)
    };
    let mut alleles = vec![vec![new]];
    let mut genotype = genotype(random);
    if random.chance(TWO_BASES) {
        let mut second = random.other_base(old);
        while second == new {
            second = random.other_base(old);
        }
        alleles.push(vec![second]);
        genotype = [1, 2];
    }
    Variant {
        start: at,
        reference: vec![old],
        alleles,
        genotype,
    }
}

/// Repeats to choose from, longer ones more often.
struct Chooser<'a> {
    /// Homopolymers and others, each with the sum of the weights up to it.
    kinds: [Vec<(f64, &'a Tract)>; 2],
}

impl<'a> Chooser<'a> {
    fn new(tracts: &'a [Tract]) -> Self {
        let mut kinds = [Vec::new(), Vec::new()];
        for tract in tracts {
            let kind: &mut Vec<(f64, &Tract)> = &mut kinds[usize::from(tract.period > 1)];
            let before = kind.last().map_or(0.0, |last| last.0);
            // Mutation rates rise steeply with the number of units.
            let weight = (tract.units() as f64).powi(3);
            kind.push((before + weight, tract));
        }
        Self { kinds }
    }

    fn choose(&self, random: &mut Random) -> Option<Tract> {
        let kind = &self.kinds[usize::from(!random.chance(HOMOPOLYMER))];
        let at = random.unit() * kind.last()?.0;
        let number = kind.partition_point(|(sum, _)| *sum <= at);
        kind.get(number).map(|(_, tract)| **tract)
    }
}

fn indel(
    bases: &[u8],
    tracts: &Chooser<'_>,
    (from, to): (usize, usize),
    random: &mut Random,
) -> Option<Variant> {
    if random.chance(IN_TRACT) {
        let tract = tracts.choose(random)?;
        let first = slip(bases, &tract, random)?;
        if random.chance(TWO_CHANGES) {
            let second = slip(bases, &tract, random)?;
            if (second.end - second.start, &second.bases) != (first.end - first.start, &first.bases)
            {
                return Some(variant(bases, &[first, second], [1, 2]));
            }
        }
        return Some(variant(bases, &[first], genotype(random)));
    }
    let at = from + 1 + random.below(to - from - 2 * LONGEST);
    let change = anywhere(bases, at, size(random), random);
    Some(variant(bases, &[change], genotype(random)))
}

/// A repeat gains or loses units: most often one (the stepwise mutation model).
fn slip(bases: &[u8], tract: &Tract, random: &mut Random) -> Option<Change> {
    let (units, start) = (random.geometric(0.3), tract.start);
    let changed = units * tract.period;
    if changed > LONGEST {
        return None;
    }
    if random.chance(0.5) {
        return Some(Change {
            start,
            end: start,
            bases: bases[start..start + tract.period].repeat(units),
        });
    }
    (units + 2 <= tract.units()).then(|| Change {
        start,
        end: start + changed,
        bases: Vec::new(),
    })
}

/// From 1 to 50, short ones far more often.
fn size(random: &mut Random) -> usize {
    if random.chance(0.78) {
        return random.geometric(0.5).min(5);
    }
    // What is longer has a tail that falls as the power of -1.7.
    let (low, high): (f64, f64) = (6.0, LONGEST as f64 + 1.0);
    let share = random.unit();
    let power = low.powf(-0.7) + share * (high.powf(-0.7) - low.powf(-0.7));
    (power.powf(-1.0 / 0.7) as usize).clamp(6, LONGEST)
}

/// A deletion or an insertion of so many bases at a place.
fn anywhere(bases: &[u8], at: usize, size: usize, random: &mut Random) -> Change {
    let copy = random.chance(COPY);
    if random.chance(if copy { 0.5 } else { 0.7 }) {
        return Change {
            start: at,
            end: at + size,
            bases: Vec::new(),
        };
    }
    let inserted = if copy {
        bases[at..at + size].to_vec()
    } else {
        (0..size).map(|_| b"ACGT"[random.below(4)]).collect()
    };
    Change {
        start: at,
        end: at,
        bases: inserted,
    }
}

/// Two to five variants, most often on one haplotype.
fn cluster(bases: &[u8], at: usize, random: &mut Random) -> Vec<Variant> {
    let number = 2 + random.geometric(0.4).min(4) - 1;
    let whose = genotype(random);
    let mut variants: Vec<Variant> = Vec::new();
    let mut next = at;
    for _ in 0..number.min(5) {
        let mut one = if random.chance(0.75) {
            snv(bases, next, random)
        } else {
            let size = random.geometric(0.5).min(5);
            let change = anywhere(bases, next, size, random);
            variant(bases, &[change], whose)
        };
        if one.alleles.len() == 1 {
            one.genotype = if random.chance(0.75) {
                whose
            } else {
                genotype(random)
            };
        }
        let end = one.end();
        let apart = variants.last().is_none_or(|last| last.end() < one.start);
        if apart && end <= at + CLUSTER_SPAN {
            variants.push(one);
        }
        next = next.max(end) + random.geometric(0.75);
    }
    if variants.len() < 2 {
        return Vec::new();
    }
    variants
}

/// As VCF writes it: left-aligned, with the base before when nothing else is left of an allele.
fn variant(bases: &[u8], changes: &[Change], genotype: [usize; 2]) -> Variant {
    let start = changes.iter().map(|c| c.start).min().unwrap_or(0);
    let end = changes.iter().map(|c| c.end).max().unwrap_or(0);
    let texts = changes.iter().map(|change| {
        let after = &bases[change.end..end];
        [&bases[start..change.start], &change.bases, after].concat()
    });
    let mut alleles: Vec<Vec<u8>> = [bases[start..end].to_vec()]
        .into_iter()
        .chain(texts)
        .collect();
    let mut start = start;
    // Tan, Abecasis and Kang 2015, Bioinformatics 31:2202.
    loop {
        let last = alleles[0].last().copied();
        if last.is_some() && alleles.iter().all(|a| a.last().copied() == last) {
            alleles.iter_mut().for_each(|a| a.truncate(a.len() - 1));
        } else if start > 0 && alleles.iter().any(Vec::is_empty) {
            start -= 1;
            alleles.iter_mut().for_each(|a| a.insert(0, bases[start]));
        } else {
            break;
        }
    }
    while alleles.iter().all(|a| a.len() > 1 && a[0] == alleles[0][0]) {
        alleles.iter_mut().for_each(|a| *a = a.split_off(1));
        start += 1;
    }
    let reference = alleles.remove(0);
    Variant {
        start,
        reference,
        alleles,
        genotype,
    }
}

/// The sequence of a haplotype over `from..to`.
pub(super) fn haplotype(
    bases: &[u8],
    variants: &[Variant],
    which: usize,
    (from, to): (usize, usize),
) -> Vec<u8> {
    let mut sequence = Vec::with_capacity(to - from + 1_000);
    let mut at = from;
    for variant in variants {
        if let Some(allele) = variant.genotype[which].checked_sub(1) {
            sequence.extend_from_slice(&bases[at..variant.start]);
            sequence.extend_from_slice(&variant.alleles[allele]);
            at = variant.end();
        }
    }
    sequence.extend_from_slice(&bases[at..to]);
    sequence
}

#[cfg(test)]
mod tests;
