//! One pass over a sample's records.

use std::ops::Range;

use kumi_formats::bam::View;
use kumi_formats::reference::ReferenceSource;
use kumi_seq::interval::Interval;

use crate::alignment_summary::AlignmentSummary;
use crate::depth::DepthMeter;
use crate::flagstat::Flagstat;
use crate::idxstats::Idxstats;
use crate::insert_size::InsertSizes;
use crate::report::Counts;
use crate::stats::Stats;

/// Counts everything about a sample's records, or those of a part of the genome. They come once, in coordinate order,
/// duplicates flagged.
pub struct Collector<'a> {
    flagstat: Flagstat,
    idxstats: Idxstats,
    stats: Stats,
    alignment: AlignmentSummary,
    inserts: InsertSizes,
    depth: DepthMeter<'a>,
}

impl<'a> Collector<'a> {
    /// Starts. Depth is measured over `targets`, or everywhere when there are none.
    #[must_use]
    pub fn new(reference: &'a dyn ReferenceSource, targets: &[Interval]) -> Self {
        Self::of_part(reference, targets, 0..u32::MAX)
    }

    /// Starts with the records of some contigs and perhaps those without a place; depth is measured there only.
    #[must_use]
    pub fn of_part(
        reference: &'a dyn ReferenceSource,
        targets: &[Interval],
        contigs: Range<u32>,
    ) -> Self {
        Self {
            flagstat: Flagstat::default(),
            idxstats: Idxstats::default(),
            stats: Stats::default(),
            alignment: AlignmentSummary::default(),
            inserts: InsertSizes::default(),
            depth: DepthMeter::new(reference, targets, contigs),
        }
    }

    /// Counts a record.
    pub fn observe(&mut self, record: View<'_>) {
        self.flagstat.observe(record);
        self.idxstats.observe(record);
        self.stats.observe(record);
        self.alignment.observe(record);
        self.inserts.observe(record);
        self.depth.observe(record);
    }

    /// The counts.
    #[must_use]
    pub fn finish(self) -> Counts {
        Counts {
            flagstat: self.flagstat,
            idxstats: self.idxstats,
            stats: self.stats,
            alignment: self.alignment,
            inserts: self.inserts,
            depths: self.depth.finish(),
        }
    }
}

#[cfg(test)]
mod tests;
