//! What the reported qualities of bases are worth, learned from the reads themselves.
//!
//! Where all reads but one show the reference, that one's base is an error. Errors are counted by read group, reported
//! quality, first or second read and cycle; a quality is then replaced by the one that its count speaks for, within
//! bounds, and near what was reported where reads are few.

use kumi_formats::bam::{Value, View};
use kumi_formats::header::Header;
use kumi_seq::base;
use kumi_seq::cigar::Kind;

use crate::read::Read;
use crate::window::Window;

/// Reported qualities that are told apart.
const LEVELS: usize = 64;
/// Lower ones mark what is no base.
const LOWEST: usize = 3;
/// Cycles of a bin, and bins: later cycles belong to the last.
const CYCLES: usize = 25;
const BINS: usize = 12;
/// More read groups are not told apart.
const MAX_GROUPS: usize = 64;
/// A quality changes by no more, phred: down, up.
const DOWN: i32 = 6;
const UP: i32 = 3;
/// Errors as expected that are added to those seen, so that few say little.
const FEW: f64 = 10.0;
/// Depth from which a place counts.
const LEAST: u16 = 8;
/// From this quality on two reads with the same other base are a variant, not errors ...
const GOOD: u8 = 15;
/// ... as is more than this share of reads with other bases, one in so many.
const ONE_IN: u16 = 7;
/// Bases of a cell, and of all, that are enough.
const ENOUGH_IN_CELL: usize = 2_000_000;
const ENOUGH: u64 = 12_000_000;

/// Where a base stands in its read, as far as its quality depends on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Number of the read group.
    pub group: u8,
    /// Of the second read of a pair.
    pub second: bool,
    /// Cycle of the read's first base on the forward strand.
    pub cycle: u32,
}

/// Qualities by what was reported; as reported before anything is learned.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Qualities {
    groups: Vec<Vec<u8>>,
    table: Vec<[u8; LEVELS]>,
}

impl Qualities {
    /// As reported, for the read groups of a file.
    pub(crate) fn reported(header: &Header) -> Self {
        let groups = header.read_groups();
        Self {
            groups: groups
                .into_iter()
                .map(|group| group.id.into_bytes())
                .collect(),
            table: Vec::new(),
        }
    }

    /// The number of a record's read group; 0 when there is one only, or too many.
    pub(crate) fn group(&self, view: &View<'_>) -> u8 {
        if !(2..=MAX_GROUPS).contains(&self.groups.len()) {
            return 0;
        }
        let Some(Value::String(name)) = view.tag(*b"RG") else {
            return 0;
        };
        let number = self.groups.iter().position(|group| group == name);
        number.unwrap_or(0) as u8
    }

    /// Puts what they are worth in the place of a read's reported qualities.
    pub(crate) fn apply(&self, quals: &mut [u8], origin: Origin, reverse: bool) {
        if self.table.is_empty() {
            return;
        }
        for (index, qual) in quals.iter_mut().enumerate() {
            let row = row(origin, cycle(origin, reverse, index));
            if let Some(level) = self.table[row].get(usize::from(*qual)) {
                *qual = *level;
            }
        }
    }
}

fn cycle(origin: Origin, reverse: bool, index: usize) -> usize {
    let first = origin.cycle as usize;
    if reverse {
        first.saturating_sub(index)
    } else {
        first + index
    }
}

fn row(origin: Origin, cycle: usize) -> usize {
    let read = 2 * usize::from(origin.group) + usize::from(origin.second);
    read * BINS + (cycle / CYCLES).min(BINS - 1)
}

/// Bases and errors of a reported quality.
type Counts = [[u64; 2]; LEVELS];

/// What reads show of their errors, by group, read and cycle.
#[derive(Debug, Default)]
pub(crate) struct Errors {
    rows: Vec<Counts>,
    bases: u64,
}

impl Errors {
    /// Counts the reads, which have no learned qualities yet, over the first bases of `from..to`.
    pub(crate) fn count(&mut self, reads: &[Read], window: &Window, (from, to): (i64, i64)) {
        if self.bases >= ENOUGH {
            return;
        }
        let mut sum = 0;
        let end = reads.iter().find(|read| {
            sum += read.bases.len();
            sum > ENOUGH_IN_CELL
        });
        let to = end.map_or(to, |read| read.start.clamp(from, to));
        let plain: Vec<&Read> = reads.iter().filter(|read| is_plain(read)).collect();
        let quiet = quiet(&plain, window, (from, to));
        for read in plain {
            for (position, index) in read.aligned() {
                let quiet = (from..to).contains(&position) && quiet[(position - from) as usize];
                let level = usize::from(read.quals[index]);
                if !quiet || level >= LEVELS || read.bases[index] == b'N' {
                    continue;
                }
                let row = row(read.origin, cycle(read.origin, read.reverse, index));
                if row >= self.rows.len() {
                    self.rows.resize(row + 1, [[0; 2]; LEVELS]);
                }
                let counts = &mut self.rows[row][level];
                counts[0] += 1;
                counts[1] += u64::from(read.bases[index] != window.at(position));
                self.bases += 1;
            }
        }
    }

    /// The qualities that the counts speak for.
    pub(crate) fn qualities(&self, reported: Qualities) -> Qualities {
        let rows = 2 * BINS * reported.groups.len().clamp(1, MAX_GROUPS);
        let mut table = Vec::with_capacity(rows);
        let empty = [[0; 2]; LEVELS];
        let counts = |row: usize| self.rows.get(row).unwrap_or(&empty);
        for group in 0..rows / (2 * BINS) {
            let of_group = group * 2 * BINS..(group + 1) * 2 * BINS;
            let means: [f64; LEVELS] = std::array::from_fn(|level| {
                let all = of_group.clone().map(|row| counts(row)[level]);
                let all = all.fold([0; 2], |sum, [bases, wrong]| {
                    [sum[0] + bases, sum[1] + wrong]
                });
                rate(all, 10f64.powf(-(level as f64) / 10.0))
            });
            table.extend(of_group.map(|row| {
                std::array::from_fn(|level| worth(level, rate(counts(row)[level], means[level])))
            }));
        }
        Qualities { table, ..reported }
    }
}

/// Errors by base, with some as expected.
fn rate([bases, wrong]: [u64; 2], expected: f64) -> f64 {
    (wrong as f64 + FEW) / (bases as f64 + FEW / expected)
}

/// The quality of bases of a reported one that are wrong at this rate.
fn worth(level: usize, rate: f64) -> u8 {
    let reported = level as i32;
    if level < LOWEST {
        return level as u8;
    }
    let learned = (-10.0 * rate.log10()).round() as i32;
    learned
        .clamp(reported - DOWN, reported + UP)
        .max(LOWEST as i32) as u8
}

/// True for a read without gaps: beside them bases differ by the alignment.
fn is_plain(read: &Read) -> bool {
    let gap = |kind| !matches!(kind, Kind::Match | Kind::SoftClip);
    !read.ops.iter().any(|op| gap(op.kind))
}

/// Which bases of `from..to` have reads enough and nothing that may be a variant.
fn quiet(reads: &[&Read], window: &Window, (from, to): (i64, i64)) -> Vec<bool> {
    let length = (to - from).max(0) as usize;
    // All, those with another base, good ones by base.
    let mut seen = vec![([0u16; 2], [0u16; 4]); length];
    for read in reads {
        for (position, index) in read.aligned() {
            if !(from..to).contains(&position) {
                continue;
            }
            let ([all, others], good) = &mut seen[(position - from) as usize];
            *all = all.saturating_add(1);
            let code = usize::from(base::code(read.bases[index]));
            if read.bases[index] != window.at(position) && code < 4 {
                *others = others.saturating_add(1);
                good[code] += u16::from(read.quals[index] >= GOOD && good[code] < u16::MAX);
            }
        }
    }
    let places = (from..).zip(seen).map(|(position, ([all, others], good))| {
        window.at(position) != b'N'
            && all >= LEAST
            && others <= all / ONE_IN
            && good.iter().all(|&reads| reads < 2)
    });
    places.collect()
}

#[cfg(test)]
mod tests {
    use kumi_seq::cigar;

    use super::{Errors, LEVELS, Origin, Qualities, worth};
    use crate::read::Read;
    use crate::window::Window;

    const LENGTH: usize = 20_000;

    fn window() -> Window {
        Window {
            start: 0,
            bases: b"ACGT".repeat(LENGTH / 4),
        }
    }

    /// Ten reads of 50 bases at each place; those that begin at a multiple of `every` have an error at this index.
    fn reads(every: usize, index: usize) -> Vec<Read> {
        let bases = window().bases;
        let read = |start: usize, copy: usize| {
            let mut bases = bases[start..start + 50].to_vec();
            if start.is_multiple_of(every) && copy == 0 {
                bases[index] = if bases[index] == b'A' { b'G' } else { b'A' };
            }
            Read {
                start: start as i64,
                end: start as i64 + 50,
                ops: cigar::parse("50M").expect("valid CIGAR"),
                bases,
                quals: vec![30; 50],
                origin: Origin {
                    second: copy % 2 == 1,
                    ..Origin::default()
                },
                ..Read::default()
            }
        };
        (0..LENGTH - 50)
            .step_by(10)
            .flat_map(|start| (0..10).map(move |copy| read(start, copy)))
            .collect()
    }

    fn learned(reads: &[Read]) -> Qualities {
        let mut errors = Errors::default();
        errors.count(reads, &window(), (0, LENGTH as i64));
        errors.qualities(Qualities::default())
    }

    fn at(qualities: &Qualities, second: bool, index: usize) -> u8 {
        let mut quals = vec![30; 50];
        let origin = Origin {
            second,
            ..Origin::default()
        };
        qualities.apply(&mut quals, origin, false);
        quals[index]
    }

    #[test]
    fn errors_of_a_cycle_lower_its_qualities() {
        // 998 errors in 250,000 bases of the first half of first reads: Q24.
        let qualities = learned(&reads(20, 7));
        assert_eq!(at(&qualities, false, 3), 24);
        assert!(at(&qualities, false, 30) > 30);
        assert!(at(&qualities, true, 3) > 30);
        let none = learned(&reads(LENGTH, 0));
        assert_eq!(at(&none, false, 3), 33, "at most three more");
    }

    #[test]
    fn variants_are_no_errors() {
        let mut reads = reads(LENGTH, 0);
        for read in &mut reads {
            for (position, index) in read.aligned().collect::<Vec<_>>() {
                if position % 20 == 0 && read.origin.second {
                    read.bases[index] = b'G';
                }
            }
        }
        assert_eq!(at(&learned(&reads), true, 3), 33);
    }

    #[test]
    fn few_reads_change_nothing_and_bounds_hold() {
        // 20,000 bases, one of them wrong: 11 in 30,000, which is phred 34; 1,000 are changed by less.
        let few = learned(&reads(LENGTH, 0)[..20]);
        assert_eq!(at(&few, false, 3), 30);
        assert_eq!(worth(30, 0.5), 24);
        assert_eq!(worth(30, 1e-9), 33);
        assert_eq!(worth(2, 1e-9), 2);
        assert_eq!(worth(5, 0.9), 3);
        let mut quals = vec![LEVELS as u8, 93];
        learned(&reads(20, 7)).apply(&mut quals, Origin::default(), false);
        assert_eq!(quals, [64, 93]);
    }
}
