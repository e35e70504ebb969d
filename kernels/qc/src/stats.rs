//! The summary numbers and the main histograms of `samtools stats`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::AddAssign;

use kumi_formats::bam::{Value, View, flag};
use kumi_seq::cigar::Kind;
use serde::{Deserialize, Serialize};

use crate::distributions::Distributions;
use crate::histogram::{Histogram, ratio};

/// Insert sizes beyond are counted as this (`samtools stats -i`).
const INSERT_MAX: u64 = 7999;
/// The share of pairs, shortest first, that mean and deviation of the insert size are taken of
/// (`samtools stats -m`).
const MAIN_BULK: f64 = 0.99;

/// Counts of primary records, first and last segments apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Segment {
    reads: u64,
    bases: u64,
    longest: u64,
}

/// What `samtools stats` sums up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stats {
    segments: [Segment; 2],
    mapped: u64,
    mapped_and_paired: u64,
    proper: u64,
    paired: u64,
    duplicates: u64,
    mapq_zero: u64,
    qc_failed: u64,
    secondary: u64,
    supplementary: u64,
    bases_mapped: u64,
    bases_in_cigar: u64,
    bases_duplicated: u64,
    /// Bases of quality 30 and more in reads that passed the platform's checks.
    pub bases_q30: u64,
    mismatches: u64,
    quality_sum: u64,
    /// Records of pairs by insert size: facing each other, turned away, the same way. Each pair comes twice.
    inserts: BTreeMap<u64, [u64; 3]>,
    elsewhere: u64,
    distributions: Distributions,
}

impl AddAssign<&Self> for Stats {
    fn add_assign(&mut self, other: &Self) {
        for (ours, theirs) in self.segments.iter_mut().zip(&other.segments) {
            ours.reads += theirs.reads;
            ours.bases += theirs.bases;
            ours.longest = ours.longest.max(theirs.longest);
        }
        self.mapped += other.mapped;
        self.mapped_and_paired += other.mapped_and_paired;
        self.proper += other.proper;
        self.paired += other.paired;
        self.duplicates += other.duplicates;
        self.mapq_zero += other.mapq_zero;
        self.qc_failed += other.qc_failed;
        self.secondary += other.secondary;
        self.supplementary += other.supplementary;
        self.bases_mapped += other.bases_mapped;
        self.bases_in_cigar += other.bases_in_cigar;
        self.bases_duplicated += other.bases_duplicated;
        self.bases_q30 += other.bases_q30;
        self.mismatches += other.mismatches;
        self.quality_sum += other.quality_sum;
        for (&size, theirs) in &other.inserts {
            let ours = self.inserts.entry(size).or_default();
            ours.iter_mut().zip(theirs).for_each(|(a, b)| *a += b);
        }
        self.elsewhere += other.elsewhere;
        self.distributions += &other.distributions;
    }
}

impl Stats {
    /// Counts a record.
    pub fn observe(&mut self, record: View<'_>) {
        let flags = record.flags();
        let has = |bits: u16| flags & bits != 0;
        if has(flag::SECONDARY) {
            self.secondary += 1;
            return;
        }
        let length = record.read_length() as u64;
        if has(flag::DUPLICATE) {
            self.duplicates += 1;
            self.bases_duplicated += length;
        }
        if !has(flag::UNMAPPED) {
            self.observe_alignment(record);
        }
        if has(flag::SUPPLEMENTARY) {
            self.supplementary += 1;
            return;
        }
        self.observe_read(record);
        self.paired += u64::from(has(flag::PAIRED));
        self.qc_failed += u64::from(has(flag::QC_FAIL));
        if has(flag::UNMAPPED) {
            return;
        }
        self.mapped += 1;
        self.mapq_zero += u64::from(record.mapq() == 0);
        self.bases_mapped += length;
        if has(flag::PAIRED) {
            self.proper += u64::from(has(flag::PROPER));
            if !has(flag::MATE_UNMAPPED) {
                self.mapped_and_paired += 1;
                self.observe_pair(record);
            }
        }
    }

    /// What counts of supplementary records too.
    fn observe_alignment(&mut self, record: View<'_>) {
        self.distributions.observe_alignment(record);
        let in_cigar = |kind: Kind| kind.is_aligned() || kind == Kind::Insertion;
        let cigar = record.cigar().filter(|op| in_cigar(op.kind));
        self.bases_in_cigar += cigar.map(|op| u64::from(op.len)).sum::<u64>();
        let edits = record.tag(*b"NM").and_then(Value::as_integer);
        self.mismatches += edits
            .and_then(|edits| u64::try_from(edits).ok())
            .unwrap_or(0);
    }

    fn observe_read(&mut self, record: View<'_>) {
        self.distributions.observe_read(record);
        let has = |bits: u16| record.flags() & bits != 0;
        let length = record.read_length() as u64;
        let segment = &mut self.segments[usize::from(has(flag::PAIRED) && has(flag::LAST))];
        segment.reads += 1;
        segment.bases += length;
        segment.longest = segment.longest.max(length);
        let qualities = record.qualities();
        if qualities.first() != Some(&0xff) {
            self.quality_sum += qualities
                .iter()
                .map(|&quality| u64::from(quality))
                .sum::<u64>();
            if !has(flag::QC_FAIL) {
                self.bases_q30 += qualities.iter().filter(|&&quality| quality >= 30).count() as u64;
            }
        }
    }

    /// Bases of primary records.
    #[must_use]
    pub fn bases(&self) -> u64 {
        self.segments[0].bases + self.segments[1].bases
    }

    fn observe_pair(&mut self, record: View<'_>) {
        let has = |bits: u16| record.flags() & bits != 0;
        if record.ref_id() != record.mate_ref_id() {
            self.elsewhere += 1;
            return;
        }
        // As samtools asks: of two reads at one place, the first segment is the left one.
        let to_mate = i64::from(record.mate_pos()) - i64::from(record.pos());
        let is_left = to_mate > 0 || (to_mate == 0 && has(flag::FIRST));
        let way = if has(flag::REVERSE) == has(flag::MATE_REVERSE) {
            2
        } else {
            usize::from(is_left == has(flag::REVERSE))
        };
        let size = u64::from(record.template_length().unsigned_abs());
        self.inserts.entry(size.min(INSERT_MAX)).or_default()[way] += 1;
    }

    /// Pairs by insert size and orientation. samtools halves the records of every size, rounding down.
    fn pairs(&self) -> impl Iterator<Item = (u64, [u64; 3])> {
        let halves =
            |(&size, records): (&u64, &[u64; 3])| (size, records.map(|records| records / 2));
        self.inserts.iter().map(halves)
    }

    /// Insert sizes of the shortest 99 % of pairs.
    fn main_bulk(&self) -> Histogram {
        let total: u64 = self
            .pairs()
            .map(|(_, pairs)| pairs.iter().sum::<u64>())
            .sum();
        let (mut bulk, mut seen) = (Histogram::default(), 0);
        for (size, pairs) in self.pairs() {
            let count: u64 = pairs.iter().sum();
            bulk.add_many(size, count);
            seen += count;
            if ratio(seen, total) > MAIN_BULK {
                break;
            }
        }
        bulk
    }

    /// Pairs by insert size, a row for each size of the main bulk.
    fn write_inserts(&self, text: &mut String) {
        text.push_str(
            "# Insert sizes: size, pairs total, inward oriented, outward oriented, other\n",
        );
        let Some(last) = self.main_bulk().max() else {
            return;
        };
        let pairs: BTreeMap<u64, [u64; 3]> = self.pairs().collect();
        for size in 0..=last {
            let [inward, outward, other] = pairs.get(&size).copied().unwrap_or_default();
            let all = inward + outward + other;
            let _ = writeln!(text, "IS\t{size}\t{all}\t{inward}\t{outward}\t{other}");
        }
    }

    /// Mean and deviation of the insert size of the main bulk.
    fn insert_size(&self) -> (f64, f64) {
        let bulk = self.main_bulk();
        let (mean, count) = (bulk.mean(), bulk.count() as f64);
        let squares = |(size, times): (u64, u64)| (size as f64 - mean).powi(2) * times as f64;
        let sum: f64 = bulk.iter().filter(|&(size, _)| size > 0).map(squares).sum();
        let deviation = if count > 0.0 {
            (sum / count).sqrt()
        } else {
            0.0
        };
        (mean, deviation)
    }

    /// Sections of `samtools stats` (SN, FFQ, LFQ, RL, FRL, LRL, ID, IS) under the heading by which MultiQC knows
    /// the file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = "# This file was produced by samtools stats compatible code in kumi\n\
             # Summary Numbers. Use `grep ^SN | cut -f 2-` to extract this part.\n"
            .to_owned();
        for (what, value, comment) in self.summary_numbers() {
            let _ = write!(text, "SN\t{what}:\t{value}");
            if !comment.is_empty() {
                let _ = write!(text, "\t# {comment}");
            }
            text.push('\n');
        }
        self.distributions.write(&mut text);
        self.write_inserts(&mut text);
        text
    }

    /// Name, value and comment of each line of the section SN.
    fn summary_numbers(&self) -> Vec<(&'static str, String, &'static str)> {
        let [first, last] = self.segments;
        let reads = first.reads + last.reads;
        let bases = first.bases + last.bases;
        let (insert_mean, insert_deviation) = self.insert_size();
        let mean = |part: u64, whole: u64| format!("{:.0}", ratio(part, whole));
        let pairs = |way: usize| {
            self.pairs()
                .map(|(_, pairs)| pairs[way])
                .sum::<u64>()
                .to_string()
        };
        let proper = format!("{:.1}", 100.0 * ratio(self.proper, reads));
        vec![
            (
                "raw total sequences",
                reads.to_string(),
                "excluding supplementary and secondary reads",
            ),
            ("filtered sequences", 0.to_string(), ""),
            ("sequences", reads.to_string(), ""),
            ("is sorted", 1.to_string(), ""),
            ("1st fragments", first.reads.to_string(), ""),
            ("last fragments", last.reads.to_string(), ""),
            ("reads mapped", self.mapped.to_string(), ""),
            (
                "reads mapped and paired",
                self.mapped_and_paired.to_string(),
                "paired-end technology bit set + both mates mapped",
            ),
            ("reads unmapped", (reads - self.mapped).to_string(), ""),
            (
                "reads properly paired",
                self.proper.to_string(),
                "proper-pair bit set",
            ),
            (
                "reads paired",
                self.paired.to_string(),
                "paired-end technology bit set",
            ),
            (
                "reads duplicated",
                self.duplicates.to_string(),
                "PCR or optical duplicate bit set",
            ),
            ("reads MQ0", self.mapq_zero.to_string(), "mapped and MQ=0"),
            ("reads QC failed", self.qc_failed.to_string(), ""),
            ("non-primary alignments", self.secondary.to_string(), ""),
            (
                "supplementary alignments",
                self.supplementary.to_string(),
                "",
            ),
            ("total length", bases.to_string(), "ignores clipping"),
            (
                "total first fragment length",
                first.bases.to_string(),
                "ignores clipping",
            ),
            (
                "total last fragment length",
                last.bases.to_string(),
                "ignores clipping",
            ),
            (
                "bases mapped",
                self.bases_mapped.to_string(),
                "ignores clipping",
            ),
            (
                "bases mapped (cigar)",
                self.bases_in_cigar.to_string(),
                "more accurate",
            ),
            ("bases trimmed", 0.to_string(), ""),
            ("bases duplicated", self.bases_duplicated.to_string(), ""),
            ("mismatches", self.mismatches.to_string(), "from NM fields"),
            (
                "error rate",
                exponent(ratio(self.mismatches, self.bases_in_cigar)),
                "mismatches / bases mapped (cigar)",
            ),
            ("average length", mean(bases, reads), ""),
            (
                "average first fragment length",
                mean(first.bases, first.reads),
                "",
            ),
            (
                "average last fragment length",
                mean(last.bases, last.reads),
                "",
            ),
            (
                "maximum length",
                first.longest.max(last.longest).to_string(),
                "",
            ),
            (
                "maximum first fragment length",
                first.longest.to_string(),
                "",
            ),
            ("maximum last fragment length", last.longest.to_string(), ""),
            (
                "average quality",
                format!("{:.1}", ratio(self.quality_sum, bases)),
                "",
            ),
            ("insert size average", format!("{insert_mean:.1}"), ""),
            (
                "insert size standard deviation",
                format!("{insert_deviation:.1}"),
                "",
            ),
            ("inward oriented pairs", pairs(0), ""),
            ("outward oriented pairs", pairs(1), ""),
            ("pairs with other orientation", pairs(2), ""),
            (
                "pairs on different chromosomes",
                (self.elsewhere / 2).to_string(),
                "",
            ),
            ("percentage of properly paired reads (%)", proper, ""),
        ]
    }
}

/// C's `%e`.
fn exponent(value: f64) -> String {
    let text = format!("{value:.6e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{digits:0>2}")
}

#[cfg(test)]
mod tests {
    use super::exponent;

    #[test]
    fn numbers_look_as_in_c() {
        assert_eq!(exponent(0.011_752_73), "1.175273e-02");
        assert_eq!(exponent(0.0), "0.000000e+00");
        assert_eq!(exponent(123_456_789_012.0), "1.234568e+11");
    }
}
