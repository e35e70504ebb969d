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
/// Errors as the table has them that are added to those seen, so that few say little.
const FEW: f64 = 5.0;
/// The share of the losses, or gains, of a unit that are of one more.
const FURTHER: f64 = 0.1;
/// The most that are lost, or gained, in one direction.
const MOST: f64 = 0.35;
/// Share of loci with two alleles to begin with, and lengths of a locus that may be alleles.
const TWO_ALLELES: f64 = 0.1;
const ALLELES: usize = 4;
/// Steps of expectation and maximisation.
const STEPS: usize = 40;
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
    /// Losses, and as many gains, of a unit in a read by the default table.
    rate: f64,
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

    /// The table of gap penalties that the counts speak for.
    pub(crate) fn table(&self) -> GapTable {
        let shifts = self.loci.each_ref().map(|loci| shift(loci));
        GapTable::shifted(&GROUPS, &shifts)
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

/// The shift of the table, phred, that explains the loci best; 0 when they have too few reads. The pair-HMM knows one
/// rate, so it is that of the more frequent of losses and gains, which must not look like an allele.
fn shift(loci: &[Locus]) -> i32 {
    if loci.iter().map(Locus::reads).sum::<f64>() < LEAST_IN_GROUP {
        return 0;
    }
    let expected: f64 = loci.iter().map(|locus| locus.rate * locus.reads()).sum();
    let mut model = Model {
        factors: [1.0; 2],
        two: TWO_ALLELES,
    };
    for _ in 0..STEPS {
        let mut seen = Seen::default();
        for locus in loci {
            model.add(locus, &mut seen);
        }
        model = Model {
            factors: seen.errors.map(|errors| (errors + FEW) / (expected + FEW)),
            two: (seen.two + 1.0) / (loci.len() as f64 + 1.0 / TWO_ALLELES),
        };
    }
    let more = model.factors[0].max(model.factors[1]);
    (-10.0 * more.log10()).clamp(SHIFT.0, SHIFT.1).round() as i32
}

/// How reads come about: losses and gains by the rate of the table, and the share of loci with two alleles.
#[derive(Clone, Copy, Debug)]
struct Model {
    factors: [f64; 2],
    two: f64,
}

/// What is to be expected of the loci that were looked at: losses and gains, loci with two alleles.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    errors: [f64; 2],
    two: f64,
}

impl Model {
    /// Probability that a read of an allele shows `change` units more than it has.
    fn read(&self, rate: f64, change: i64) -> f64 {
        let [loss, gain] = self.factors.map(|factor| (factor * rate).min(MOST));
        let of = match change {
            0 => return 1.0 - loss - gain,
            ..0 => loss,
            1.. => gain,
        };
        of * (1.0 - FURTHER) * FURTHER.powi(change.unsigned_abs().min(20) as i32 - 1)
    }

    /// Adds what a locus lets expect, over the genotypes of its most frequent lengths.
    fn add(&self, locus: &Locus, seen: &mut Seen) {
        let alleles = locus.counts.len().min(ALLELES);
        let pairs = (alleles * (alleles - 1) / 2).max(1) as f64;
        let mut genotypes: Vec<(f64, Seen)> = Vec::with_capacity(ALLELES * ALLELES);
        for a in 0..alleles {
            for b in a..alleles {
                let share = if a == b {
                    (1.0 - self.two) / alleles as f64
                } else {
                    self.two / pairs
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
