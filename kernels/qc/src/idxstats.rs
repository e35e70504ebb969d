//! Records by contig, as `samtools idxstats` prints them.

use std::fmt::Write as _;
use std::ops::AddAssign;

use kumi_formats::bam::{View, flag};
use kumi_seq::contig::Contigs;
use serde::{Deserialize, Serialize};

/// Records by contig.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Idxstats {
    /// Aligned records, and records placed beside an aligned mate, by contig.
    placed: Vec<[u64; 2]>,
    /// Records without a place.
    nowhere: u64,
}

impl AddAssign<&Self> for Idxstats {
    fn add_assign(&mut self, other: &Self) {
        if self.placed.len() < other.placed.len() {
            self.placed.resize(other.placed.len(), [0; 2]);
        }
        for (ours, theirs) in self.placed.iter_mut().zip(&other.placed) {
            ours[0] += theirs[0];
            ours[1] += theirs[1];
        }
        self.nowhere += other.nowhere;
    }
}

impl Idxstats {
    /// On how many contigs, from the first on, records may have been counted.
    pub(crate) fn contigs(&self) -> usize {
        self.placed.len()
    }

    /// Counts a record.
    pub fn observe(&mut self, record: View<'_>) {
        let Ok(contig) = usize::try_from(record.ref_id()) else {
            self.nowhere += 1;
            return;
        };
        if self.placed.len() <= contig {
            self.placed.resize(contig + 1, [0; 2]);
        }
        self.placed[contig][usize::from(record.flags() & flag::UNMAPPED != 0)] += 1;
    }

    /// The text of `samtools idxstats`: contig, length, aligned, placed but not aligned.
    #[must_use]
    pub fn to_text(&self, contigs: &Contigs) -> String {
        let mut text = String::new();
        for (id, contig) in contigs.iter() {
            let [mapped, unmapped] = self.placed.get(id.index()).copied().unwrap_or_default();
            let _ = writeln!(
                text,
                "{}\t{}\t{mapped}\t{unmapped}",
                contig.name, contig.length
            );
        }
        let _ = writeln!(text, "*\t0\t0\t{}", self.nowhere);
        text
    }
}
