//! What one sample's alignments amount to, and the files that say so.

use std::ops::AddAssign;

use kumi_seq::contig::Contigs;
use serde::{Deserialize, Serialize};

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

/// What was counted of a sample's records, or of those of a part of the genome: the counts of all parts, in the
/// order of the genome, add up to those of the sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    pub(crate) flagstat: Flagstat,
    pub(crate) idxstats: Idxstats,
    pub(crate) stats: Stats,
    pub(crate) alignment: AlignmentSummary,
    pub(crate) inserts: InsertSizes,
    pub(crate) depths: Depths,
}

/// What stands in `counts.json`: `docs/formats/part.md`.
const FORMAT: &str = "kumi counts 1";

#[derive(Serialize)]
struct Written<'a> {
    format: &'a str,
    counts: &'a Counts,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    format: String,
    counts: Counts,
}

/// Why bytes are not the counts that are asked for.
#[derive(Debug, thiserror::Error)]
pub enum CountsError {
    /// They are no counts, or of another version, which may have other keys.
    #[error("it holds no counts of this version")]
    Json(#[from] serde_json::Error),
    /// They say that they are something else.
    #[error("it holds {0:?}, not {FORMAT:?}")]
    Format(String),
    /// They were counted on other contigs, or of other depths.
    #[error("it counts other contigs, depths or targets")]
    Shape,
}

impl Counts {
    /// The counts as JSON, in which no digit is lost: all are whole numbers.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let written = Written {
            format: FORMAT,
            counts: self,
        };
        serde_json::to_vec(&written).expect("numbers are JSON")
    }

    /// Reads what [`Self::encode`] wrote of a part of a reference of so many contigs, with targets or without: what is
    /// given may be added up.
    ///
    /// # Errors
    /// When the bytes are something else.
    pub fn decode(bytes: &[u8], contigs: usize, targets: bool) -> Result<Self, CountsError> {
        let Read { format, counts } = serde_json::from_slice(bytes)?;
        if format != FORMAT {
            return Err(CountsError::Format(format));
        }
        if !counts.depths.is_of(contigs, targets) || counts.idxstats.contigs() > contigs {
            return Err(CountsError::Shape);
        }
        Ok(counts)
    }

    /// The report of a sample with these contigs, with what duplicate marking found by library.
    #[must_use]
    pub fn report(self, sample: &str, contigs: &Contigs, duplication: Vec<Duplication>) -> Report {
        Report {
            sample: sample.to_owned(),
            contigs: contigs.clone(),
            counts: self,
            duplication,
        }
    }
}

impl AddAssign<&Self> for Counts {
    fn add_assign(&mut self, other: &Self) {
        self.flagstat += &other.flagstat;
        self.idxstats += &other.idxstats;
        self.stats += &other.stats;
        self.alignment += &other.alignment;
        self.inserts += &other.inserts;
        self.depths += &other.depths;
    }
}

/// Everything that was counted.
#[derive(Clone, Debug)]
pub struct Report {
    sample: String,
    contigs: Contigs,
    counts: Counts,
    duplication: Vec<Duplication>,
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
        &self.counts.depths
    }

    /// The insert sizes.
    #[must_use]
    pub fn insert_sizes(&self) -> &InsertSizes {
        &self.counts.inserts
    }

    /// Counts by FLAG.
    #[must_use]
    pub fn flagstat(&self) -> &Flagstat {
        &self.counts.flagstat
    }

    /// The sums.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let [passed, failed] = [self.counts.flagstat.passed, self.counts.flagstat.failed];
        let territory = self.counts.depths.wgs.territory();
        let mean_depth = ratio(self.counts.depths.territory_bases, territory);
        Totals {
            reads: passed.primary + failed.primary,
            bases: self.counts.stats.bases(),
            bases_q30: self.counts.stats.bases_q30,
            mapped: passed.primary_mapped + failed.primary_mapped,
            properly_paired: passed.proper + failed.proper,
            duplicates: passed.primary_duplicates + failed.primary_duplicates,
            secondary: passed.secondary + failed.secondary,
            supplementary: passed.supplementary + failed.supplementary,
            territory,
            mean_depth,
            share_20x: self.counts.depths.wgs.share_at_least(20),
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
                self.counts.alignment.to_text(sample),
            ),
            (
                "duplication_metrics.txt",
                duplication::to_text(&self.duplication, sample),
            ),
            ("flagstat.txt", self.counts.flagstat.to_text()),
            ("idxstats.txt", self.counts.idxstats.to_text(&self.contigs)),
            (
                "insert_size_metrics.txt",
                self.counts.inserts.to_text(sample),
            ),
            (
                "mosdepth.global.dist.txt",
                mosdepth::distribution_text(
                    &self.counts.depths.contigs,
                    &self.counts.depths,
                    &names,
                ),
            ),
            (
                "mosdepth.summary.txt",
                mosdepth::summary_text(&self.counts.depths, &names),
            ),
            ("qc.json", summary::to_json(self)),
            ("stats.txt", self.counts.stats.to_text()),
            ("wgs_metrics.txt", self.counts.depths.wgs.to_text(sample)),
        ];
        if let Some(targets) = &self.counts.depths.targets {
            files.insert(
                6,
                (
                    "mosdepth.region.dist.txt",
                    mosdepth::distribution_text(targets, &self.counts.depths, &names),
                ),
            );
        }
        let named = |(name, text): (&str, String)| (format!("{sample}.{name}"), text.into_bytes());
        files.into_iter().map(named).collect()
    }
}
