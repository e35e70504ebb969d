//! How often this sample's reads gain or lose units of a repeat by error, learned from the reads themselves.
//!
//! In each repeat the reads that reach beyond both of its ends are counted by how its length changed; the error rate is
//! that with which a mixture of loci with one and with two alleles explains the counts best. It is learned as a shift of
//! the default table for a group of repeats, and stays near that where reads are few.

use std::collections::BTreeMap;

use kumi_seq::cigar::Kind;

use crate::read::Read;
use crate::repeats::{self, GapTable, Repeat};
use crate::window::Window;

/// Bases that a read must have on both sides of a repeat.
const FLANK: i64 = 8;
/// Reads that a locus, and a group, must have to count.
const LEAST_AT_LOCUS: u32 = 6;
const LEAST_IN_GROUP: u32 = 200;
/// Shifts that are tried, phred, and how far from 0 one is to be expected.
const SHIFTS: std::ops::RangeInclusive<i32> = -8..=24;
const USUAL_SHIFT: f64 = 10.0;
/// Reads that are added to both sides, so that few say little.
const FEW: f64 = 20.0;
/// Shares of loci with two alleles that are tried.
const TWO_ALLELES: [f64; 6] = [0.001, 0.01, 0.03, 0.1, 0.2, 0.4];
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

/// Reads at one repeat by the change of its length; how long it is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Locus {
    bases: u32,
    gap_open: u8,
    /// Reads with the most frequent length, the next one, any other.
    reads: [u32; 3],
    /// Reads in which it is shorter than with the most frequent length.
    shorter: u32,
}

impl Locus {
    /// Of the number of reads by change of length.
    fn new(bases: u32, gap_open: u8, changes: &BTreeMap<i64, u32>) -> Self {
        let mut counts: Vec<(u32, i64)> = changes.iter().map(|(&c, &reads)| (reads, c)).collect();
        counts.sort_unstable_by(|a, b| b.cmp(a));
        let all: u32 = changes.values().sum();
        let (first, usual) = counts.first().copied().unwrap_or_default();
        let second = counts.get(1).map_or(0, |&(reads, _)| reads);
        Self {
            bases,
            gap_open,
            reads: [first, second, all - first - second],
            shorter: changes.range(..usual).map(|(_, reads)| reads).sum(),
        }
    }
}

/// What reads show of repeats.
#[derive(Debug, Default)]
pub(crate) struct Slips {
    loci: [Vec<Locus>; GROUPS.len()],
}

impl Slips {
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
                let locus = Locus::new((to - from) as u32, repeat.gap_open, changes);
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

/// The shift of the table, phred, that explains the loci best; 0 when they have too few reads.
fn shift(loci: &[Locus]) -> i32 {
    let reads: u32 = loci.iter().flat_map(|locus| locus.reads).sum();
    if reads < LEAST_IN_GROUP {
        return 0;
    }
    let fit = |shift: i32| {
        let unusual = f64::from(shift) / USUAL_SHIFT;
        let best = TWO_ALLELES.map(|two| {
            loci.iter()
                .map(|locus| likelihood(locus, shift, two))
                .sum::<f64>()
        });
        best.into_iter().fold(f64::NEG_INFINITY, f64::max) - unusual * unusual / 2.0
    };
    let fits = SHIFTS.map(|shift| (shift, fit(shift)));
    // Of equal ones the one nearest to the table.
    let best = fits.max_by(|(a, x), (b, y)| x.total_cmp(y).then(b.abs().cmp(&a.abs())));
    best.map_or(0, |(shift, _)| shift) - one_sided(loci)
}

/// Phred by which the more frequent of loss and gain is more frequent than half of both: the model knows one rate, and
/// the more frequent one must not look like an allele.
fn one_sided(loci: &[Locus]) -> i32 {
    let (mut shorter, mut longer) = (FEW, FEW);
    // With two alleles each would be the most frequent one as often.
    let clear = |locus: &&Locus| locus.reads[0] > 2 * (locus.reads[1] + locus.reads[2]);
    for locus in loci.iter().filter(clear) {
        shorter += f64::from(locus.shorter);
        longer += f64::from(locus.reads[1] + locus.reads[2] - locus.shorter);
    }
    let share = shorter.max(longer) / (shorter + longer);
    (10.0 * (2.0 * share).log10()).round() as i32
}

/// Log likelihood of a locus's reads, a share `two` of all loci having two alleles.
fn likelihood(locus: &Locus, shift: i32, two: f64) -> f64 {
    let error = repeats::slip_rate(f64::from(locus.gap_open) + f64::from(shift), locus.bases);
    let (right, wrong) = ((1.0 - error).ln(), error.ln());
    let [first, second, other] = locus.reads.map(f64::from);
    let one_allele = (1.0 - two).ln() + first * right + (second + other) * wrong;
    let two_alleles = two.ln() + (first + second) * (right - 2f64.ln()) + other * wrong;
    let (high, low) = if one_allele > two_alleles {
        (one_allele, two_alleles)
    } else {
        (two_alleles, one_allele)
    };
    high + (low - high).exp().ln_1p()
}

#[cfg(test)]
mod tests;
