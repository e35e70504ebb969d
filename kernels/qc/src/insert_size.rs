//! How long the sequenced fragments are: Picard's `InsertSizeMetrics`.

use std::ops::AddAssign;

use kumi_formats::bam::{View, flag};
use serde::{Deserialize, Serialize};

use crate::histogram::Histogram;
use crate::picard::{Columns, File, number};

/// Orientations rarer than this share of all pairs are left out (Picard, `MINIMUM_PCT`).
const SHARE_MIN: f64 = 0.05;
/// Mean and deviation leave out what is further above the median than this many median absolute deviations
/// (Picard, `DEVIATIONS`).
const DEVIATIONS: f64 = 10.0;
/// How the reads of a pair face each other: towards, away, both the same way.
const ORIENTATIONS: [&str; 3] = ["FR", "RF", "TANDEM"];
/// The shares of pairs around the median whose width is given.
const WIDTHS: [f64; 11] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99];

/// Insert sizes by orientation. Every pair counts once, by its last segment; duplicates do not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InsertSizes([Histogram; 3]);

/// Mean and deviation of the pairs that face each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Mean, in bases.
    pub mean: f64,
    /// Sample standard deviation, in bases.
    pub standard_deviation: f64,
    /// Median, in bases.
    pub median: f64,
}

impl AddAssign<&Self> for InsertSizes {
    fn add_assign(&mut self, other: &Self) {
        for (ours, theirs) in self.0.iter_mut().zip(&other.0) {
            ours.merge(theirs);
        }
    }
}

impl InsertSizes {
    /// Counts a record.
    pub fn observe(&mut self, record: View<'_>) {
        const NOT: u16 = flag::UNMAPPED
            | flag::MATE_UNMAPPED
            | flag::FIRST
            | flag::SECONDARY
            | flag::SUPPLEMENTARY
            | flag::DUPLICATE
            | flag::QC_FAIL;
        let (flags, size) = (record.flags(), record.template_length());
        if flags & flag::PAIRED != 0
            && flags & NOT == 0
            && size != 0
            && record.ref_id() == record.mate_ref_id()
        {
            self.0[orientation(record)].add(u64::from(size.unsigned_abs()));
        }
    }

    /// Mean and deviation, outliers left out, of the pairs that face each other; `None` without any.
    #[must_use]
    pub fn spread(&self) -> Option<Spread> {
        (self.0[0].count() > 0).then(|| spread(&self.0[0]))
    }

    /// The file.
    #[must_use]
    pub fn to_text(&self, sample: &str) -> String {
        let total: u64 = self.0.iter().map(Histogram::count).sum();
        let shown = |sizes: &Histogram| {
            sizes.count() > 0 && sizes.count() as f64 >= SHARE_MIN * total as f64
        };
        let shown = || {
            ORIENTATIONS
                .iter()
                .zip(&self.0)
                .filter(move |(_, sizes)| shown(sizes))
        };
        let column = |name: &str| format!("All_Reads.{}_count", name.to_lowercase());
        File {
            class: "picard.analysis.InsertSizeMetrics",
            program: "CollectInsertSizeMetrics",
            sample,
            options: "",
            columns: &COLUMNS,
            rows: shown().map(|(name, sizes)| row(name, sizes)).collect(),
            histogram: Some(Columns {
                key: "insert_size",
                counts: shown()
                    .map(|(name, sizes)| (column(name), trimmed(sizes)))
                    .collect(),
                up_to: None,
            }),
        }
        .to_text()
    }
}

/// 0 towards, 1 away, 2 both the same way. The record is mapped and so is its mate, on the same contig.
pub(crate) fn orientation(record: View<'_>) -> usize {
    let reverse = record.flags() & flag::REVERSE != 0;
    if reverse == (record.flags() & flag::MATE_REVERSE != 0) {
        return 2;
    }
    let (pos, mate) = (i64::from(record.pos()), i64::from(record.mate_pos()));
    let (forward, backward) = if reverse {
        (mate, i64::from(record.end()) - 1)
    } else {
        (pos, pos + i64::from(record.template_length()))
    };
    usize::from(forward >= backward)
}

const COLUMNS: [&str; 23] = [
    "MEDIAN_INSERT_SIZE",
    "MODE_INSERT_SIZE",
    "MEDIAN_ABSOLUTE_DEVIATION",
    "MIN_INSERT_SIZE",
    "MAX_INSERT_SIZE",
    "MEAN_INSERT_SIZE",
    "STANDARD_DEVIATION",
    "READ_PAIRS",
    "PAIR_ORIENTATION",
    "WIDTH_OF_10_PERCENT",
    "WIDTH_OF_20_PERCENT",
    "WIDTH_OF_30_PERCENT",
    "WIDTH_OF_40_PERCENT",
    "WIDTH_OF_50_PERCENT",
    "WIDTH_OF_60_PERCENT",
    "WIDTH_OF_70_PERCENT",
    "WIDTH_OF_80_PERCENT",
    "WIDTH_OF_90_PERCENT",
    "WIDTH_OF_95_PERCENT",
    "WIDTH_OF_99_PERCENT",
    "SAMPLE",
    "LIBRARY",
    "READ_GROUP",
];

fn trimmed(sizes: &Histogram) -> Histogram {
    let mut trimmed = sizes.clone();
    trimmed.trim_above((sizes.median() + DEVIATIONS * sizes.median_absolute_deviation()).floor());
    trimmed
}

fn spread(sizes: &Histogram) -> Spread {
    let trimmed = trimmed(sizes);
    Spread {
        mean: trimmed.mean(),
        standard_deviation: trimmed.standard_deviation(),
        median: sizes.median(),
    }
}

fn row(name: &str, sizes: &Histogram) -> Vec<String> {
    let Spread {
        mean,
        standard_deviation,
        median,
    } = spread(sizes);
    let end = |end: Option<u64>| end.unwrap_or(0).to_string();
    let mut row = vec![
        number(median),
        end(sizes.mode()),
        number(sizes.median_absolute_deviation()),
        end(sizes.min()),
        end(sizes.max()),
        number(mean),
        number(standard_deviation),
        sizes.count().to_string(),
        name.to_owned(),
    ];
    let mut distances = Histogram::default();
    for (size, count) in sizes.iter() {
        distances.add_many(size.abs_diff(median as u64), count);
    }
    let width = |share| {
        distances
            .percentile(share)
            .map_or(0, |distance| 2 * distance + 1)
    };
    row.extend(WIDTHS.map(|share| width(share).to_string()));
    row.extend([const { String::new() }; 3]);
    row
}
