//! How often this sample's reads gain or lose units of a repeat by error, learned from the reads themselves.
//!
//! In each repeat the reads that reach beyond both of its ends are counted by how its length changed. Losses and gains of
//! units have a rate each, with which a mixture of loci with one and with two alleles explains the counts best, found by
//! expectation and maximisation (Dempster, Laird and Rubin 1977). It is learned as a shift of the default table for a group
//! of repeats, and stays near that where reads are few.

use std::collections::BTreeMap;

use kumi_seq::cigar::Kind;

use crate::read::Read;
use crate::repeats::{self, GapTable, Repeat};
use crate::window::Window;

/// Bases that a read must have on both sides of a repeat.
const FLANK: i64 = 8;
/// Reads that a locus, and a group, must have to count.
const LEAST_AT_LOCUS: u32 = 6;
const LEAST_IN_GROUP: f64 = 200.0;
/// The most that a rate may differ from the table's, phred: more errors, fewer errors.
const SHIFT: (f64, f64) = (-18.0, 24.0);
/// The most that losses differ from gains, log10.
const MOST_SKEW: f64 = 0.7;
/// Bases on both sides of a place in which its repeat is looked for.
const TRACT_REACH: i64 = 64;
/// Errors as the table has them that are added to those seen, so that few say little.
const FEW: f64 = 1.0;
/// The share of the losses, or gains, of a unit that are of one more.
const FURTHER: f64 = 0.1;
/// The most that are lost, or gained, for each read that is right.
const MOST: f64 = 0.6;
/// Loci with two alleles as the table has them that are added to those seen.
const FEW_LOCI: f64 = 3.0;
/// Loci with two alleles are at most so many.
const MOST_TWO: f64 = 0.8;
/// Lengths of a locus that may be alleles.
const ALLELES: usize = 4;
/// Factors to begin with, steps of expectation and maximisation, and a change that is none.
const STARTS: [f64; 3] = [1.0, 0.2, 4.0];
const STEPS: usize = 30;
const NO_CHANGE: f64 = 0.01;
/// Groups of repeats with a rate of their own: period, fewest and most units.
pub(crate) const GROUPS: [(u8, u8, u8); 10] = [
    (1, 7, 8),
    (1, 9, 10),
    (1, 11, 13),
    (1, 14, 17),
    (1, 18, 20),
    (1, 21, 24),
    (1, 25, 255),
    (2, 5, 7),
    (2, 8, 11),
    (2, 12, 255),
];

/// Reads at one repeat by the change of its length.
#[derive(Clone, Debug, PartialEq)]
struct Locus {
    /// Reads that lose a unit, and as many that gain one, for each that is right, by the default table.
    rate: f64,
    /// Probability that it has two alleles.
    prior: f64,
    /// Change in units, reads; the most frequent first.
    counts: Vec<(i64, f64)>,
}

impl Locus {
    /// Of the number of reads by change of length in bases; changes of a part of a unit are of another kind.
    fn new(bases: u32, repeat: &Repeat, changes: &BTreeMap<i64, u32>) -> Self {
        let period = i64::from(repeat.period);
        let whole = changes.iter().filter(|(change, _)| *change % period == 0);
        let mut counts: Vec<(i64, f64)> = whole
            .map(|(change, &reads)| (change / period, f64::from(reads)))
            .collect();
        counts.sort_by(|a, b| {
            b.1.total_cmp(&a.1)
                .then(a.0.abs().cmp(&b.0.abs()))
                .then(a.0.cmp(&b.0))
        });
        Self {
            rate: repeats::stutter_rate(f64::from(repeat.gap_open), bases, repeat.period),
            prior: repeats::prior_of(usize::from(repeat.period), usize::from(repeat.units)),
            counts,
        }
    }

    fn reads(&self) -> f64 {
        self.counts.iter().map(|count| count.1).sum()
    }
}

/// What reads show of repeats.
#[derive(Debug, Default)]
pub(crate) struct Stutter {
    loci: [Vec<Locus>; GROUPS.len()],
}

impl Stutter {
    /// Counts the reads, gaps left-aligned, at the repeats that begin in `cell`.
    pub(crate) fn count(&mut self, reads: &[Read], window: &Window, cell: (i64, i64)) {
        let tracts = tracts(window, cell);
        let mut changes: Vec<BTreeMap<i64, u32>> = vec![BTreeMap::new(); tracts.len()];
        for read in reads {
            let first = tracts.partition_point(|(start, ..)| *start < read.start + FLANK);
            for (&(from, to, _), changes) in tracts[first..].iter().zip(&mut changes[first..]) {
                if from + FLANK >= read.end {
                    break;
                }
                if let Some(change) = change(read, from, to) {
                    *changes.entry(change).or_default() += 1;
                }
            }
        }
        for ((from, to, repeat), changes) in tracts.iter().zip(&changes) {
            let all: u32 = changes.values().sum();
            if let (Some(group), true) = (group(repeat), all >= LEAST_AT_LOCUS) {
                let locus = Locus::new((to - from) as u32, repeat, changes);
                self.loci[group].push(locus);
            }
        }
    }

    /// The table of gap penalties that the counts speak for, and how losses and gains differ.
    pub(crate) fn tables(&self) -> (GapTable, Skew) {
        let shifts = self.loci.each_ref().map(|loci| shift(loci));
        let skew = Skew(shifts.map(|shift| shift.skew));
        (
            GapTable::shifted(&GROUPS, &shifts.map(|shift| shift.gap)),
            skew,
        )
    }
}

/// By how much losses of a unit are more frequent than gains, log10, in each group of repeats.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Skew([f64; GROUPS.len()]);

impl Skew {
    /// That of the repeat of the reference at a base; 0 outside repeats.
    pub(crate) fn at(&self, reference: &Window, at: i64) -> f64 {
        let start = (at - TRACT_REACH).max(reference.start);
        let end = (at + TRACT_REACH).min(reference.end());
        let found = repeats::find(reference.slice(start, end), &GapTable::default());
        let repeat = usize::try_from(at - start)
            .ok()
            .and_then(|at| found.get(at));
        repeat.and_then(group).map_or(0.0, |group| self.0[group])
    }
}

/// The repeats of a group that lie in `from..to`: first base, one past the last.
fn tracts(window: &Window, (from, to): (i64, i64)) -> Vec<(i64, i64, Repeat)> {
    let found = repeats::find(&window.bases, &GapTable::default());
    let mut tracts = Vec::new();
    for same in found.chunk_by(|a, b| a == b) {
        let repeat = same[0];
        let (start, end) = (
            window.start + i64::from(repeat.start),
            window.start + i64::from(repeat.end),
        );
        if start >= from && start < to && group(&repeat).is_some() {
            tracts.push((start, end, repeat));
        }
    }
    tracts
}

fn group(repeat: &Repeat) -> Option<usize> {
    GROUPS.iter().position(|&(period, from, to)| {
        repeat.period == period && (from..=to).contains(&repeat.units)
    })
}

/// Bases by which a read changes the length of `from..to`, when it is aligned well beyond both ends.
fn change(read: &Read, from: i64, to: i64) -> Option<i64> {
    let (low, high) = (from - FLANK, to + FLANK);
    if read.start > low || read.end < high {
        return None;
    }
    let (mut at, mut change) = (read.start, 0);
    for op in &read.ops {
        let len = i64::from(op.len);
        match op.kind {
            Kind::Insertion if (from..=to).contains(&at) => change += len,
            Kind::Insertion if (low..=high).contains(&at) => return None,
            Kind::Deletion if at >= from && at + len <= to => change -= len,
            Kind::Deletion | Kind::Skip if at < high && at + len > low => return None,
            _ => {}
        }
        if op.kind.consumes_reference() {
            at += len;
        }
    }
    Some(change)
}

/// How a group of repeats differs from the table.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Shift {
    /// Of the gap penalty, phred, by the more frequent of losses and gains: the pair-HMM knows one rate, and the more
    /// frequent ones must not look like an allele.
    gap: i32,
    /// See [`Skew`].
    skew: f64,
}

/// The shift that explains the loci best; none when they have too few reads.
fn shift(loci: &[Locus]) -> Shift {
    if loci.iter().map(Locus::reads).sum::<f64>() < LEAST_IN_GROUP {
        return Shift::default();
    }
    let fits = STARTS.map(|start| fit(loci, start));
    // Of equal ones the first.
    let best = fits.into_iter().rev().max_by(|a, b| a.0.total_cmp(&b.0));
    let [lost, gained] = best.map_or([1.0; 2], |best| best.1.factors);
    let gap = (-10.0 * lost.max(gained).log10()).clamp(SHIFT.0, SHIFT.1);
    Shift {
        gap: gap.round() as i32,
        skew: (lost / gained).log10().clamp(-MOST_SKEW, MOST_SKEW),
    }
}

/// Log likelihood and model that expectation and maximisation come to from a start.
fn fit(loci: &[Locus], start: f64) -> (f64, Model) {
    let prior: f64 = loci.iter().map(|locus| locus.prior).sum();
    let (mut model, mut likelihood) = (Model::new(start), f64::NEG_INFINITY);
    for _ in 0..STEPS {
        let mut seen = Seen::default();
        likelihood = loci.iter().map(|locus| model.add(locus, &mut seen)).sum();
        let next = Model {
            factors: seen
                .errors
                .map(|errors| (errors + FEW) / (seen.usual + FEW)),
            two: (seen.two + FEW_LOCI) / (prior + FEW_LOCI),
        };
        let same = |a: f64, b: f64| (a / b).ln().abs() < NO_CHANGE;
        let factors = next.factors.iter().zip(model.factors);
        let settled = factors.fold(same(next.two, model.two), |all, (&a, b)| all && same(a, b));
        model = next;
        if settled {
            break;
        }
    }
    (likelihood, model)
}

/// How reads come about: losses, gains, and loci with two alleles, each for one that the tables let expect.
#[derive(Clone, Copy, Debug)]
struct Model {
    factors: [f64; 2],
    two: f64,
}

/// What is to be expected of the loci that were looked at.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// Losses and gains.
    errors: [f64; 2],
    /// Losses, or gains, with the rate of the table and as many reads that are right.
    usual: f64,
    /// Loci with two alleles.
    two: f64,
}

impl Model {
    fn new(factor: f64) -> Self {
        Self {
            factors: [factor; 2],
            two: 1.0,
        }
    }

    /// Losses and gains for each read that is right.
    fn odds(&self, rate: f64) -> [f64; 2] {
        self.factors.map(|factor| (factor * rate).min(MOST))
    }

    /// Probability that a read of an allele shows `change` units more than it has.
    fn read(&self, rate: f64, change: i64) -> f64 {
        let [loss, gain] = self.odds(rate);
        let odds = match change {
            0 => return 1.0 / (1.0 + loss + gain),
            ..0 => loss,
            1.. => gain,
        };
        let further = FURTHER.powi(change.unsigned_abs().min(20) as i32 - 1);
        odds * (1.0 - FURTHER) * further / (1.0 + loss + gain)
    }

    /// Adds what a locus lets expect, over the genotypes of its most frequent lengths. Gives its log likelihood.
    fn add(&self, locus: &Locus, seen: &mut Seen) -> f64 {
        seen.usual += locus.rate * locus.reads() * self.read(locus.rate, 0);
        let alleles = locus.counts.len().min(ALLELES);
        let pairs = (alleles * (alleles - 1) / 2).max(1) as f64;
        let two = (self.two * locus.prior).min(MOST_TWO);
        let mut genotypes: Vec<(f64, Seen)> = Vec::with_capacity(ALLELES * ALLELES);
        for a in 0..alleles {
            for b in a..alleles {
                let share = if a == b {
                    (1.0 - two) / alleles as f64
                } else {
                    two / pairs
                };
                let (likelihood, seen) = self.genotype(locus, [a, b]);
                genotypes.push((share.ln() + likelihood, seen));
            }
        }
        let best = genotypes.iter().map(|genotype| genotype.0);
        let best = best.fold(f64::NEG_INFINITY, f64::max);
        let all: f64 = genotypes
            .iter()
            .map(|genotype| (genotype.0 - best).exp())
            .sum();
        for (weight, expected) in genotypes {
            let weight = (weight - best).exp() / all;
            for (sum, errors) in seen.errors.iter_mut().zip(expected.errors) {
                *sum += weight * errors;
            }
            seen.two += weight * expected.two;
        }
        best + all.ln()
    }

    /// Log likelihood of a locus's reads when it has these alleles, and what is to be expected then.
    fn genotype(&self, locus: &Locus, alleles: [usize; 2]) -> (f64, Seen) {
        let lengths = alleles.map(|allele| locus.counts[allele].0);
        let mut seen = Seen {
            two: f64::from(u8::from(alleles[0] != alleles[1])),
            ..Seen::default()
        };
        let mut sum = 0.0;
        for &(length, reads) in &locus.counts {
            let by = lengths.map(|allele| self.read(locus.rate, length - allele));
            let both = by[0] + by[1];
            sum += reads * (both / 2.0).ln();
            for (allele, likelihood) in lengths.into_iter().zip(by) {
                if length != allele {
                    seen.errors[usize::from(length > allele)] += reads * likelihood / both;
                }
            }
        }
        (sum, seen)
    }
}

#[cfg(test)]
mod tests;
