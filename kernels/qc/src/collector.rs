//! One pass over a sample's records.

use kumi_formats::bam::View;
use kumi_formats::reference::ReferenceSource;
use kumi_seq::interval::Interval;

use crate::alignment_summary::AlignmentSummary;
use crate::depth::DepthMeter;
use crate::duplication::Duplication;
use crate::flagstat::Flagstat;
use crate::idxstats::Idxstats;
use crate::insert_size::InsertSizes;
use crate::report::Report;
use crate::stats::Stats;

/// Counts everything about a sample's records, which come once, in coordinate order, duplicates flagged.
pub struct Collector<'a> {
    sample: String,
    reference: &'a dyn ReferenceSource,
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
    pub fn new(reference: &'a dyn ReferenceSource, sample: &str, targets: &[Interval]) -> Self {
        Self {
            sample: sample.to_owned(),
            reference,
            flagstat: Flagstat::default(),
            idxstats: Idxstats::default(),
            stats: Stats::default(),
            alignment: AlignmentSummary::default(),
            inserts: InsertSizes::default(),
            depth: DepthMeter::new(reference, targets),
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

    /// The counts, with what duplicate marking found by library.
    #[must_use]
    pub fn finish(self, duplication: Vec<Duplication>) -> Report {
        Report {
            sample: self.sample,
            contigs: self.reference.contigs().clone(),
            flagstat: self.flagstat,
            idxstats: self.idxstats,
            stats: self.stats,
            alignment: self.alignment,
            inserts: self.inserts,
            depths: self.depth.finish(),
            duplication,
        }
    }
}

#[cfg(test)]
mod tests;
