//! How well reads align: Picard's `AlignmentSummaryMetrics`.
//!
//! Mismatches come from `NM` less inserted and deleted bases.

use std::ops::AddAssign;

use kumi_formats::bam::{Value, View, flag};
use kumi_seq::cigar::Kind;
use serde::{Deserialize, Serialize};

use crate::adapter::is_adapter;
use crate::histogram::{Histogram, ratio};
use crate::insert_size::orientation;
use crate::picard::{Columns, File, number};

/// Alignments at least this sure are of high quality.
const MAPQ_MIN: u8 = 20;
/// Bases at least this sure are of high quality.
const QUALITY_MIN: u8 = 20;
/// Pairs further apart are chimeras (Picard, `MAX_INSERT_SIZE`).
const INSERT_MAX: u32 = 100_000;
/// A cycle is bad when at least this share of reads has no base there.
const BAD_CYCLE: f64 = 0.8;

/// Counts of one category of reads.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Category {
    total: u64,
    passed: u64,
    bases: u64,
    aligned: u64,
    aligned_bases: u64,
    sure: u64,
    sure_bases: u64,
    sure_q20_bases: u64,
    sure_mismatches: Histogram,
    mismatches: u64,
    indels: u64,
    lengths: Histogram,
    aligned_lengths: Histogram,
    in_pairs: u64,
    improper: u64,
    forward: u64,
    linked: u64,
    chimeras: u64,
    soft_clipped: u64,
    hard_clipped: u64,
    three_prime_clips: u64,
    three_prime_clipped: u64,
    adapters: u64,
    no_calls: Vec<u64>,
}

impl AddAssign<&Self> for Category {
    fn add_assign(&mut self, other: &Self) {
        self.total += other.total;
        self.passed += other.passed;
        self.bases += other.bases;
        self.aligned += other.aligned;
        self.aligned_bases += other.aligned_bases;
        self.sure += other.sure;
        self.sure_bases += other.sure_bases;
        self.sure_q20_bases += other.sure_q20_bases;
        self.sure_mismatches.merge(&other.sure_mismatches);
        self.mismatches += other.mismatches;
        self.indels += other.indels;
        self.lengths.merge(&other.lengths);
        self.aligned_lengths.merge(&other.aligned_lengths);
        self.in_pairs += other.in_pairs;
        self.improper += other.improper;
        self.forward += other.forward;
        self.linked += other.linked;
        self.chimeras += other.chimeras;
        self.soft_clipped += other.soft_clipped;
        self.hard_clipped += other.hard_clipped;
        self.three_prime_clips += other.three_prime_clips;
        self.three_prime_clipped += other.three_prime_clipped;
        self.adapters += other.adapters;
        if self.no_calls.len() < other.no_calls.len() {
            self.no_calls.resize(other.no_calls.len(), 0);
        }
        for (ours, theirs) in self.no_calls.iter_mut().zip(&other.no_calls) {
            *ours += theirs;
        }
    }
}

/// What the CIGAR of a record amounts to.
#[derive(Default)]
struct Shape {
    aligned: u64,
    aligned_q20: u64,
    inserted: u64,
    deleted: u64,
    indels: u64,
    soft: [u64; 2],
    hard: u64,
}

impl Shape {
    fn of(record: View<'_>) -> Self {
        let mut shape = Self::default();
        let (qualities, mut at) = (record.qualities(), 0);
        for op in record.cigar() {
            let length = u64::from(op.len);
            match op.kind {
                Kind::Match | Kind::SequenceMatch | Kind::SequenceMismatch => {
                    shape.aligned += length;
                    let here = qualities.get(at..at + op.len as usize).unwrap_or_default();
                    let sure = here
                        .iter()
                        .filter(|&&quality| (QUALITY_MIN..0xff).contains(&quality));
                    shape.aligned_q20 += sure.count() as u64;
                }
                Kind::Insertion => {
                    shape.inserted += length;
                    shape.indels += 1;
                }
                Kind::Deletion => {
                    shape.deleted += length;
                    shape.indels += 1;
                }
                Kind::SoftClip => shape.soft[usize::from(at > 0)] += length,
                Kind::HardClip => shape.hard += length,
                Kind::Skip | Kind::Padding => {}
            }
            at += if op.kind.consumes_read() {
                op.len as usize
            } else {
                0
            };
        }
        shape
    }
}

impl Category {
    fn observe(&mut self, record: View<'_>) {
        let has = |bits: u16| record.flags() & bits != 0;
        self.total += 1;
        if has(flag::QC_FAIL) {
            return;
        }
        let length = record.read_length() as u64;
        self.passed += 1;
        self.bases += length;
        self.lengths.add(length);
        self.adapters += u64::from(is_adapter(record));
        self.count_no_calls(record);
        if has(flag::UNMAPPED) {
            self.aligned_lengths.add(0);
            return;
        }
        let shape = Shape::of(record);
        let edits = record
            .tag(*b"NM")
            .and_then(Value::as_integer)
            .unwrap_or(0)
            .unsigned_abs();
        let mismatches = edits.saturating_sub(shape.inserted + shape.deleted);
        let soft = shape.soft[0] + shape.soft[1];
        self.aligned += 1;
        self.aligned_bases += shape.aligned;
        self.aligned_lengths.add(length.saturating_sub(soft));
        self.mismatches += mismatches;
        self.indels += shape.indels;
        self.soft_clipped += soft;
        self.hard_clipped += shape.hard;
        self.forward += u64::from(!has(flag::REVERSE));
        let three_prime = shape.soft[usize::from(!has(flag::REVERSE))];
        self.three_prime_clipped += three_prime;
        self.three_prime_clips += u64::from(three_prime > 0);
        if record.mapq() >= MAPQ_MIN {
            self.sure += 1;
            self.sure_bases += shape.aligned;
            self.sure_q20_bases += shape.aligned_q20;
            self.sure_mismatches.add(mismatches);
        }
        if has(flag::PAIRED) {
            self.in_pairs += u64::from(!has(flag::MATE_UNMAPPED));
            self.improper += u64::from(!has(flag::PROPER));
        }
        self.observe_link(record);
    }

    fn count_no_calls(&mut self, record: View<'_>) {
        let length = record.read_length();
        if self.no_calls.len() < length {
            self.no_calls.resize(length, 0);
        }
        let reverse = record.flags() & flag::REVERSE != 0;
        for (at, base) in record.bases().enumerate() {
            if base == b'N' {
                self.no_calls[if reverse { length - 1 - at } else { at }] += 1;
            }
        }
    }

    fn observe_link(&mut self, record: View<'_>) {
        let has = |bits: u16| record.flags() & bits != 0;
        let split = record.tag(*b"SA").is_some();
        let mate_mapq = record.tag(*b"MQ").and_then(Value::as_integer);
        let paired = has(flag::PAIRED) && !has(flag::MATE_UNMAPPED);
        let mate_is_sure = !paired || mate_mapq.is_none_or(|mapq| mapq >= i64::from(MAPQ_MIN));
        if record.mapq() < MAPQ_MIN || !mate_is_sure {
            return;
        }
        let apart = paired
            && (record.ref_id() != record.mate_ref_id()
                || record.template_length().unsigned_abs() > INSERT_MAX
                || orientation(record) != 0);
        self.linked += 1;
        self.chimeras += u64::from(split || apart);
    }

    fn bad_cycles(&self) -> u64 {
        let bad = |count: &&u64| self.total > 0 && ratio(**count, self.total) >= BAD_CYCLE;
        self.no_calls.iter().filter(bad).count() as u64
    }

    fn row(&self, name: &str) -> Vec<String> {
        let count = |count: u64| count.to_string();
        let share = |part, whole| number(ratio(part, whole));
        let sure_mismatches = self.sure_mismatches.sum();
        let mut row = vec![
            name.to_owned(),
            count(self.total),
            count(self.passed),
            share(self.passed, self.total),
            count(0),
            count(self.aligned),
            share(self.aligned, self.passed),
            count(self.aligned_bases),
            count(self.sure),
            count(self.sure_bases),
            count(self.sure_q20_bases),
            number(self.sure_mismatches.median()),
            share(self.mismatches, self.aligned_bases),
            share(sure_mismatches, self.sure_bases),
            share(self.indels, self.aligned_bases),
            number(self.lengths.mean()),
            number(self.lengths.standard_deviation()),
            number(self.lengths.median()),
            number(self.lengths.median_absolute_deviation()),
            count(self.lengths.min().unwrap_or(0)),
            count(self.lengths.max().unwrap_or(0)),
            number(self.aligned_lengths.mean()),
            count(self.in_pairs),
            share(self.in_pairs, self.aligned),
            count(self.improper),
            share(self.improper, self.aligned),
            count(self.bad_cycles()),
            share(self.forward, self.aligned),
            share(self.chimeras, self.linked),
            share(self.adapters, self.passed),
            share(self.soft_clipped, self.bases),
            share(self.hard_clipped, self.bases),
            share(self.three_prime_clipped, self.three_prime_clips),
        ];
        row.extend([const { String::new() }; 3]);
        row
    }
}

/// Alignment counts of unpaired reads, first and last segments.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AlignmentSummary([Category; 3]);

impl AddAssign<&Self> for AlignmentSummary {
    fn add_assign(&mut self, other: &Self) {
        for (ours, theirs) in self.0.iter_mut().zip(&other.0) {
            *ours += theirs;
        }
    }
}

impl AlignmentSummary {
    /// Counts a record; secondary and supplementary ones do not count.
    pub fn observe(&mut self, record: View<'_>) {
        let flags = record.flags();
        if flags & (flag::SECONDARY | flag::SUPPLEMENTARY) != 0 {
            return;
        }
        let category = match (flags & flag::PAIRED != 0, flags & flag::LAST != 0) {
            (false, _) => 0,
            (true, false) => 1,
            (true, true) => 2,
        };
        self.0[category].observe(record);
    }

    /// The file.
    #[must_use]
    pub fn to_text(&self, sample: &str) -> String {
        let [unpaired, first, last] = &self.0;
        let mut pair = first.clone();
        pair += last;
        let mut rows = Vec::new();
        let mut histogram = Vec::new();
        if pair.total > 0 {
            rows.push(first.row("FIRST_OF_PAIR"));
            rows.push(last.row("SECOND_OF_PAIR"));
            rows.push(pair.row("PAIR"));
            histogram.push(("PAIRED_TOTAL_LENGTH_COUNT".to_owned(), pair.lengths.clone()));
            histogram.push((
                "PAIRED_ALIGNED_LENGTH_COUNT".to_owned(),
                pair.aligned_lengths,
            ));
        }
        if unpaired.total > 0 || pair.total == 0 {
            rows.push(unpaired.row("UNPAIRED"));
            histogram.push((
                "UNPAIRED_TOTAL_LENGTH_COUNT".to_owned(),
                unpaired.lengths.clone(),
            ));
            histogram.push((
                "UNPAIRED_ALIGNED_LENGTH_COUNT".to_owned(),
                unpaired.aligned_lengths.clone(),
            ));
        }
        File {
            class: "picard.analysis.AlignmentSummaryMetrics",
            program: "CollectAlignmentSummaryMetrics",
            sample,
            options: "",
            columns: &COLUMNS,
            rows,
            histogram: Some(Columns {
                key: "READ_LENGTH",
                counts: histogram,
                up_to: None,
            }),
        }
        .to_text()
    }
}

const COLUMNS: [&str; 36] = [
    "CATEGORY",
    "TOTAL_READS",
    "PF_READS",
    "PCT_PF_READS",
    "PF_NOISE_READS",
    "PF_READS_ALIGNED",
    "PCT_PF_READS_ALIGNED",
    "PF_ALIGNED_BASES",
    "PF_HQ_ALIGNED_READS",
    "PF_HQ_ALIGNED_BASES",
    "PF_HQ_ALIGNED_Q20_BASES",
    "PF_HQ_MEDIAN_MISMATCHES",
    "PF_MISMATCH_RATE",
    "PF_HQ_ERROR_RATE",
    "PF_INDEL_RATE",
    "MEAN_READ_LENGTH",
    "SD_READ_LENGTH",
    "MEDIAN_READ_LENGTH",
    "MAD_READ_LENGTH",
    "MIN_READ_LENGTH",
    "MAX_READ_LENGTH",
    "MEAN_ALIGNED_READ_LENGTH",
    "READS_ALIGNED_IN_PAIRS",
    "PCT_READS_ALIGNED_IN_PAIRS",
    "PF_READS_IMPROPER_PAIRS",
    "PCT_PF_READS_IMPROPER_PAIRS",
    "BAD_CYCLES",
    "STRAND_BALANCE",
    "PCT_CHIMERAS",
    "PCT_ADAPTER",
    "PCT_SOFTCLIP",
    "PCT_HARDCLIP",
    "AVG_POS_3PRIME_SOFTCLIP_LENGTH",
    "SAMPLE",
    "LIBRARY",
    "READ_GROUP",
];
