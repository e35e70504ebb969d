//! The histograms of `samtools stats`: qualities by cycle, read lengths, lengths of indels.

use std::fmt::Write as _;
use std::ops::AddAssign;

use kumi_formats::bam::{View, flag};
use kumi_seq::cigar::Kind;
use serde::{Deserialize, Serialize};

use crate::histogram::Histogram;

/// Qualities that are told apart; better ones count as the last.
const QUALITIES: usize = 94;

/// Counts of one half of the reads: unpaired ones and first segments, or last segments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Half {
    lengths: Histogram,
    /// Bases by cycle and quality.
    #[serde(with = "cycles")]
    qualities: Vec<[u64; QUALITIES]>,
}

/// Cycles as lists of numbers.
mod cycles {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::QUALITIES;

    pub(super) fn serialize<S: Serializer>(
        cycles: &[[u64; QUALITIES]],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(cycles.iter().map(<[u64; QUALITIES]>::as_slice))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<[u64; QUALITIES]>, D::Error> {
        let cycles = Vec::<Vec<u64>>::deserialize(from)?.into_iter();
        let cycle = |cycle: Vec<u64>| {
            let length = cycle.len();
            cycle
                .try_into()
                .map_err(|_| D::Error::invalid_length(length, &"a count for each quality"))
        };
        cycles.map(cycle).collect()
    }
}

/// Histograms over a sample's reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Distributions {
    halves: [Half; 2],
    insertions: Histogram,
    deletions: Histogram,
}

impl AddAssign<&Self> for Distributions {
    fn add_assign(&mut self, other: &Self) {
        for (ours, theirs) in self.halves.iter_mut().zip(&other.halves) {
            ours.lengths.merge(&theirs.lengths);
            if ours.qualities.len() < theirs.qualities.len() {
                let cycles = theirs.qualities.len();
                ours.qualities.resize(cycles, [0; QUALITIES]);
            }
            for (ours, theirs) in ours.qualities.iter_mut().zip(&theirs.qualities) {
                ours.iter_mut().zip(theirs).for_each(|(a, b)| *a += b);
            }
        }
        self.insertions.merge(&other.insertions);
        self.deletions.merge(&other.deletions);
    }
}

impl Distributions {
    /// Counts a read, by its primary record.
    pub(crate) fn observe_read(&mut self, record: View<'_>) {
        let has = |bits: u16| record.flags() & bits != 0;
        let half = &mut self.halves[usize::from(has(flag::PAIRED) && has(flag::LAST))];
        half.lengths.add(record.read_length() as u64);
        let qualities = record.qualities();
        if qualities.first() == Some(&0xff) {
            return;
        }
        if half.qualities.len() < qualities.len() {
            half.qualities.resize(qualities.len(), [0; QUALITIES]);
        }
        let count = |cycle: &mut [u64; QUALITIES], quality: u8| {
            cycle[usize::from(quality).min(QUALITIES - 1)] += 1;
        };
        let cycles = half.qualities.iter_mut();
        if has(flag::REVERSE) {
            cycles
                .zip(qualities.iter().rev())
                .for_each(|(cycle, &quality)| count(cycle, quality));
        } else {
            cycles
                .zip(qualities)
                .for_each(|(cycle, &quality)| count(cycle, quality));
        }
    }

    /// Counts the indels of an alignment.
    pub(crate) fn observe_alignment(&mut self, record: View<'_>) {
        for op in record.cigar() {
            match op.kind {
                Kind::Insertion => self.insertions.add(u64::from(op.len)),
                Kind::Deletion => self.deletions.add(u64::from(op.len)),
                _ => {}
            }
        }
    }

    /// The sections, except that of insert sizes.
    pub(crate) fn write(&self, text: &mut String) {
        for (name, half) in ["FFQ", "LFQ"].iter().zip(&self.halves) {
            text.push_str("# Qualities of reads by cycle, from 0. Columns correspond to qualities and rows to cycles. First column is the cycle number.\n");
            self.write_qualities(text, name, half);
        }
        let mut all = self.halves[0].lengths.clone();
        all.merge(&self.halves[1].lengths);
        let [first, last] = &self.halves;
        for (name, lengths) in [
            ("RL", &all),
            ("FRL", &first.lengths),
            ("LRL", &last.lengths),
        ] {
            text.push_str("# Read lengths: length, count\n");
            for (length, count) in lengths.iter() {
                let _ = writeln!(text, "{name}\t{length}\t{count}");
            }
        }
        text.push_str("# Indel distribution: length, number of insertions, number of deletions\n");
        let mut lengths = self.insertions.clone();
        lengths.merge(&self.deletions);
        for (length, _) in lengths.iter() {
            let (inserted, deleted) = (self.insertions.get(length), self.deletions.get(length));
            let _ = writeln!(text, "ID\t{length}\t{inserted}\t{deleted}");
        }
    }

    /// A row for each cycle. As samtools, one column more than the best quality needs.
    fn write_qualities(&self, text: &mut String, name: &str, half: &Half) {
        let cycles = || self.halves.iter().flat_map(|half| &half.qualities);
        let best = (0..QUALITIES)
            .rev()
            .find(|&at| cycles().any(|cycle| cycle[at] > 0));
        let columns = best.map_or(0, |best| (best + 2).min(QUALITIES));
        for (number, cycle) in (1..).zip(&half.qualities) {
            let _ = write!(text, "{name}\t{number}");
            for count in &cycle[..columns] {
                let _ = write!(text, "\t{count}");
            }
            text.push('\n');
        }
    }
}
