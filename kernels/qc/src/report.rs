//! What one sample's alignments amount to, and the files that say so.

use kumi_seq::contig::Contigs;
use serde::Serialize;

use crate::alignment_summary::AlignmentSummary;
use crate::depth::Depths;
use crate::duplication::{self, Duplication};
use crate::flagstat::Flagstat;
use crate::histogram::ratio;
use crate::idxstats::Idxstats;
use crate::insert_size::InsertSizes;
use crate::mosdepth;
use crate::stats::Stats;
use crate::summary;

/// Everything that was counted.
#[derive(Clone, Debug)]
pub struct Report {
    pub(crate) sample: String,
    pub(crate) contigs: Contigs,
    pub(crate) flagstat: Flagstat,
    pub(crate) idxstats: Idxstats,
    pub(crate) stats: Stats,
    pub(crate) alignment: AlignmentSummary,
    pub(crate) inserts: InsertSizes,
    pub(crate) depths: Depths,
    pub(crate) duplication: Vec<Duplication>,
}

/// The sums that tables and manifests show. Reads are primary records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Totals {
    /// Reads.
    pub reads: u64,
    /// Their bases.
    pub bases: u64,
    /// Bases of quality 30 and more.
    pub bases_q30: u64,
    /// Aligned reads.
    pub mapped: u64,
    /// Reads aligned as the library expects.
    pub properly_paired: u64,
    /// Duplicate reads.
    pub duplicates: u64,
    /// Secondary records.
    pub secondary: u64,
    /// Supplementary records.
    pub supplementary: u64,
    /// Reference bases that are not N; in the targets when there are any.
    pub territory: u64,
    /// Mean plain depth over the territory: no duplicates, fragments counted once.
    pub mean_depth: f64,
    /// The share of the territory with a depth of quality of at least 20.
    pub share_20x: f64,
    /// 30x-equivalents: mean depth over 30.
    pub eq30x: f64,
}

impl Report {
    /// The sample.
    #[must_use]
    pub fn sample(&self) -> &str {
        &self.sample
    }

    /// The depths.
    #[must_use]
    pub fn depths(&self) -> &Depths {
        &self.depths
    }

    /// The insert sizes.
    #[must_use]
    pub fn insert_sizes(&self) -> &InsertSizes {
        &self.inserts
    }

    /// Counts by FLAG.
    #[must_use]
    pub fn flagstat(&self) -> &Flagstat {
        &self.flagstat
    }

    /// The sums.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let [passed, failed] = [self.flagstat.passed, self.flagstat.failed];
        let territory = self.depths.wgs.territory();
        let mean_depth = ratio(self.depths.territory_bases, territory);
        Totals {
            reads: passed.primary + failed.primary,
            bases: self.stats.bases(),
            bases_q30: self.stats.bases_q30,
            mapped: passed.primary_mapped + failed.primary_mapped,
            properly_paired: passed.proper + failed.proper,
            duplicates: passed.primary_duplicates + failed.primary_duplicates,
            secondary: passed.secondary + failed.secondary,
            supplementary: passed.supplementary + failed.supplementary,
            territory,
            mean_depth,
            share_20x: self.depths.wgs.share_at_least(20),
            eq30x: mean_depth / 30.0,
        }
    }

    /// The files: name and content, in order of name.
    #[must_use]
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let sample = self.sample.as_str();
        let names: Vec<&str> = self
            .contigs
            .as_slice()
            .iter()
            .map(|contig| contig.name.as_str())
            .collect();
        let mut files = vec![
            (
                "alignment_summary_metrics.txt",
                self.alignment.to_text(sample),
            ),
            (
                "duplication_metrics.txt",
                duplication::to_text(&self.duplication, sample),
            ),
            ("flagstat.txt", self.flagstat.to_text()),
            ("idxstats.txt", self.idxstats.to_text(&self.contigs)),
            ("insert_size_metrics.txt", self.inserts.to_text(sample)),
            (
                "mosdepth.global.dist.txt",
                mosdepth::distribution_text(&self.depths.contigs, &self.depths, &names),
            ),
            (
                "mosdepth.summary.txt",
                mosdepth::summary_text(&self.depths, &names),
            ),
            ("qc.json", summary::to_json(self)),
            ("stats.txt", self.stats.to_text()),
            ("wgs_metrics.txt", self.depths.wgs.to_text(sample)),
        ];
        if let Some(targets) = &self.depths.targets {
            files.insert(
                6,
                (
                    "mosdepth.region.dist.txt",
                    mosdepth::distribution_text(targets, &self.depths, &names),
                ),
            );
        }
        let named = |(name, text): (&str, String)| (format!("{sample}.{name}"), text.into_bytes());
        files.into_iter().map(named).collect()
    }
}
