//! Coverage of quality: Picard's `WgsMetrics`, with unpaired reads counted (`COUNT_UNPAIRED=true`).

use std::ops::AddAssign;

use kumi_formats::bam::{View, flag};
use serde::{Deserialize, Serialize};

use crate::adapter::is_adapter;
use crate::histogram::{Histogram, ratio};
use crate::picard::{Columns, File, number};

/// Alignments less sure do not count.
pub(crate) const MAPQ_MIN: u8 = 20;
/// Bases less sure do not count.
pub(crate) const QUALITY_MIN: u8 = 20;
/// Deeper positions count as this deep.
const DEPTH_MAX: u32 = 250;
/// The depths whose share is given.
const DEPTHS: [usize; 14] = [1, 5, 10, 15, 20, 25, 30, 40, 50, 60, 70, 80, 90, 100];

/// Why no base of a record counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exclusion {
    Adapter,
    Mapq,
    Duplicate,
}

/// What lies on a reference base.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    /// Plain depth.
    pub(crate) plain: u32,
    /// Depth of quality.
    pub(crate) good: u32,
    /// Bases that are not sure enough.
    pub(crate) low_quality: u32,
    /// Bases of fragments that count already.
    pub(crate) overlapping: u32,
}

/// Reference bases by depth, and aligned bases that do not count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wgs {
    positions: Vec<u64>,
    adapter: u64,
    mapq: u64,
    duplicate: u64,
    low_quality: u64,
    overlapping: u64,
    capped: u64,
}

impl Default for Wgs {
    fn default() -> Self {
        Self {
            positions: vec![0; DEPTH_MAX as usize + 1],
            adapter: 0,
            mapq: 0,
            duplicate: 0,
            low_quality: 0,
            overlapping: 0,
            capped: 0,
        }
    }
}

impl AddAssign<&Self> for Wgs {
    fn add_assign(&mut self, other: &Self) {
        for (ours, theirs) in self.positions.iter_mut().zip(&other.positions) {
            *ours += theirs;
        }
        self.adapter += other.adapter;
        self.mapq += other.mapq;
        self.duplicate += other.duplicate;
        self.low_quality += other.low_quality;
        self.overlapping += other.overlapping;
        self.capped += other.capped;
    }
}

impl Wgs {
    /// Whether every depth is counted.
    pub(crate) fn is_whole(&self) -> bool {
        self.positions.len() == DEPTH_MAX as usize + 1
    }

    /// Why a record is left out whole, in the order in which Picard asks.
    pub(crate) fn exclusion(record: View<'_>) -> Option<Exclusion> {
        if is_adapter(record) {
            Some(Exclusion::Adapter)
        } else if record.mapq() < MAPQ_MIN {
            Some(Exclusion::Mapq)
        } else if record.flags() & flag::DUPLICATE != 0 {
            Some(Exclusion::Duplicate)
        } else {
            None
        }
    }

    /// Counts the aligned bases of a record that is left out.
    pub(crate) fn exclude(&mut self, exclusion: Exclusion, record: View<'_>) {
        let aligned = record.cigar().filter(|op| op.kind.is_aligned());
        let bases: u64 = aligned.map(|op| u64::from(op.len)).sum();
        match exclusion {
            Exclusion::Adapter => self.adapter += bases,
            Exclusion::Mapq => self.mapq += bases,
            Exclusion::Duplicate => self.duplicate += bases,
        }
    }

    /// Counts a reference base.
    pub(crate) fn add(&mut self, place: Place) {
        self.positions[place.good.min(DEPTH_MAX) as usize] += 1;
        self.capped += u64::from(place.good.saturating_sub(DEPTH_MAX));
        self.low_quality += u64::from(place.low_quality);
        self.overlapping += u64::from(place.overlapping);
    }

    /// Reference bases measured.
    #[must_use]
    pub fn territory(&self) -> u64 {
        self.positions.iter().sum()
    }

    /// Reference bases by depth.
    #[must_use]
    pub fn depths(&self) -> Histogram {
        let mut depths = Histogram::default();
        for (depth, &count) in (0..).zip(&self.positions) {
            depths.add_many(depth, count);
        }
        depths
    }

    /// The share of reference bases at least `depth` deep.
    #[must_use]
    pub fn share_at_least(&self, depth: usize) -> f64 {
        ratio(self.positions[depth..].iter().sum(), self.territory())
    }

    /// The file.
    #[must_use]
    pub fn to_text(&self, sample: &str) -> String {
        let depths = self.depths();
        let lost = [
            self.adapter,
            self.mapq,
            self.duplicate,
            self.low_quality,
            self.overlapping,
            self.capped,
        ];
        let all = depths.sum() + lost.iter().sum::<u64>();
        let share = |bases| number(ratio(bases, all));
        let mean = depths.mean();
        let mut row = vec![
            self.territory().to_string(),
            number(mean),
            number(depths.standard_deviation()),
            number(depths.median()),
            number(depths.median_absolute_deviation()),
            share(self.adapter),
            share(self.mapq),
            share(self.duplicate),
            number(0.0),
            share(self.low_quality),
            share(self.overlapping),
            share(self.capped),
            share(lost.iter().sum()),
        ];
        row.extend(DEPTHS.map(|depth| number(self.share_at_least(depth))));
        row.extend([0.2, 0.1, 0.05].map(|low| match depths.percentile(low) {
            Some(depth) if depth > 0 => number(mean / depth as f64),
            _ => "?".to_owned(),
        }));
        row.extend(["?", "?"].map(str::to_owned));
        File {
            class: "picard.analysis.WgsMetrics",
            program: "CollectWgsMetrics",
            sample,
            options: " COUNT_UNPAIRED=true",
            columns: &COLUMNS,
            rows: vec![row],
            histogram: Some(Columns {
                key: "coverage",
                counts: vec![("high_quality_coverage_count".to_owned(), depths)],
                up_to: Some(u64::from(DEPTH_MAX)),
            }),
        }
        .to_text()
    }
}

const COLUMNS: [&str; 32] = [
    "GENOME_TERRITORY",
    "MEAN_COVERAGE",
    "SD_COVERAGE",
    "MEDIAN_COVERAGE",
    "MAD_COVERAGE",
    "PCT_EXC_ADAPTER",
    "PCT_EXC_MAPQ",
    "PCT_EXC_DUPE",
    "PCT_EXC_UNPAIRED",
    "PCT_EXC_BASEQ",
    "PCT_EXC_OVERLAP",
    "PCT_EXC_CAPPED",
    "PCT_EXC_TOTAL",
    "PCT_1X",
    "PCT_5X",
    "PCT_10X",
    "PCT_15X",
    "PCT_20X",
    "PCT_25X",
    "PCT_30X",
    "PCT_40X",
    "PCT_50X",
    "PCT_60X",
    "PCT_70X",
    "PCT_80X",
    "PCT_90X",
    "PCT_100X",
    "FOLD_80_BASE_PENALTY",
    "FOLD_90_BASE_PENALTY",
    "FOLD_95_BASE_PENALTY",
    "HET_SNP_SENSITIVITY",
    "HET_SNP_Q",
];
