//! What tasks have on the scratch of their worker: sorted records that do not fit into memory, what comes from an
//! object store, and what is staged to go there. Estimates, from the sizes of a sample's inputs.
//!
//! The reference is not reckoned with: one copy on a node serves all of its tasks.

use kumi_proto::v1;
use kumi_proto::v1::{Stage, read_group, reference_facts};

use crate::plan::need::genome_bytes;

/// Bytes of records as they are sorted, with what marks duplicates, for a hundred bytes of a FASTQ,
const FASTQ_PERCENT: u64 = 120;
/// of a compressed one or of a BAM (of reads of a HiSeq X with qualities of few levels it was measured to be 760; where
/// there are more levels it is less),
const COMPRESSED_PERCENT: u64 = 600;
/// and of a CRAM.
const CRAM_PERCENT: u64 = 1_500;
/// A CRAM has one part in so many of them,
const CRAM_PART: u64 = 8;
/// the signatures that mark duplicates too,
const SIGNATURES_PART: u64 = 8;
/// and a gVCF fewer.
const GVCF_PART: u64 = 64;
/// What stands in the segments of a cohort of all gVCFs.
const SEGMENTS_PART: u64 = 32;
/// What stands of them in its VCF.
const RELEASE_PART: u64 = 8;
/// What the sites are of a cohort VCF: less, but of few samples.
const SITES_PART: u64 = 8;

/// What the files of a sample come to, bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sizes {
    /// Inputs that are fetched from an object store.
    fetched: u64,
    /// Its records while they are sorted.
    records: u64,
    /// Its gVCF.
    gvcf: u64,
}

/// How a sample is aligned, and with how much memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Aligned {
    pub(super) chunks: u32,
    pub(super) regions: u32,
    pub(super) memory_bytes: u64,
}

impl Sizes {
    pub(super) fn of(sample: &v1::Sample) -> Self {
        if let Some(gvcf) = &sample.gvcf {
            return Self {
                fetched: fetched(gvcf),
                records: 0,
                gvcf: gvcf.size,
            };
        }
        let groups = sample.read_groups.iter();
        let files = groups.flat_map(|group| match &group.source {
            Some(read_group::Source::Fastq(pair)) => [pair.first.as_ref(), pair.second.as_ref()],
            Some(read_group::Source::Alignment(file)) => [Some(file), None],
            None => [None, None],
        });
        let mut sizes = Self::default();
        for file in files.flatten() {
            sizes.fetched = sizes.fetched.saturating_add(fetched(file));
            let records = file.size.saturating_mul(records_percent(&file.path)) / 100;
            sizes.records = sizes.records.saturating_add(records);
        }
        sizes.gvcf = sizes.records / GVCF_PART;
        sizes
    }

    pub(super) fn gvcf(self) -> u64 {
        self.gvcf
    }

    /// What a task of the sample has on the scratch; `remote`: results go to an object store and come from there.
    pub(super) fn task(self, stage: Stage, aligned: Aligned, remote: bool) -> u64 {
        let stored = |bytes: u64| if remote { bytes } else { 0 };
        let cram = self.records / CRAM_PART;
        let chunk = self.records / u64::from(aligned.chunks.max(1));
        match stage {
            Stage::Cut => self.fetched,
            Stage::Chunk => {
                let spilled = spilled(chunk, aligned.memory_bytes);
                self.fetched.saturating_add(spilled) + stored(chunk)
            }
            Stage::Mark => stored(self.records / SIGNATURES_PART),
            Stage::Merge => stored(self.records),
            Stage::Align if aligned.regions > 0 => stored(2 * cram),
            Stage::Align if aligned.chunks > 0 => stored(self.records + cram),
            Stage::Align => {
                let spilled = spilled(self.records, aligned.memory_bytes);
                self.fetched.saturating_add(spilled) + stored(cram)
            }
            Stage::Call => stored(cram),
            // Its shards, and what they become; of a gVCF that was given, that.
            Stage::Gvcf if self.records == 0 => self.fetched.saturating_add(stored(self.gvcf)),
            Stage::Gvcf => stored(2 * self.gvcf),
            _ => 0,
        }
    }
}

/// What a task of a cohort has on the scratch that reads gVCFs of so many bytes, or what was made of them, in one of
/// `shards`.
pub(super) fn of_cohort(stage: Stage, gvcfs: u64, shards: u64, remote: bool) -> u64 {
    match stage {
        _ if !remote => 0,
        // All of each gVCF, whatever the shard.
        Stage::Ingest => gvcfs,
        Stage::Census | Stage::Joint => gvcfs / SEGMENTS_PART / shards.max(1),
        // The shards, and what they become.
        Stage::Release => gvcfs / RELEASE_PART * 2,
        _ => 0,
    }
}

/// What a release has there of which only the sites are put together.
pub(super) fn of_sites(gvcfs: u64, remote: bool) -> u64 {
    of_cohort(Stage::Release, gvcfs, 1, remote) / SITES_PART
}

/// What the task has there that makes the index, which takes as much as it asks for memory.
pub(super) fn of_index(header: &v1::CohortHeader) -> u64 {
    let facts = header.reference.as_ref();
    let fasta = facts.and_then(|facts| match &facts.source {
        Some(reference_facts::Source::Fasta(fasta)) => Some(fetched(fasta)),
        _ => None,
    });
    let stored = if is_remote(&header.root) {
        5 * genome_bytes(header)
    } else {
        0
    };
    fasta.unwrap_or(0).saturating_add(stored)
}

pub(super) fn is_remote(path: &str) -> bool {
    path.starts_with("s3://")
}

fn fetched(file: &v1::ReadFile) -> u64 {
    if is_remote(&file.path) { file.size } else { 0 }
}

fn records_percent(path: &str) -> u64 {
    match path.rsplit('.').next() {
        Some("cram") => CRAM_PERCENT,
        Some("fq" | "fastq") => FASTQ_PERCENT,
        _ => COMPRESSED_PERCENT,
    }
}

/// Sorting has half of the memory, and records three quarters of that: what fits is not spilled, and what is more is, but
/// for the last run.
fn spilled(records: u64, memory_bytes: u64) -> u64 {
    if records <= memory_bytes / 8 * 3 {
        0
    } else {
        records
    }
}

#[cfg(test)]
mod tests {
    use kumi_proto::v1;
    use kumi_proto::v1::Stage;

    use super::{Aligned, Sizes, is_remote, of_cohort};

    const GB: u64 = 1_000_000_000;

    fn sample(path: &str, size: u64) -> v1::Sample {
        let file = |mate: u32| v1::ReadFile {
            path: path.replace('#', &mate.to_string()),
            size,
            ..v1::ReadFile::default()
        };
        let pair = v1::FastqPair {
            first: Some(file(1)),
            second: Some(file(2)),
        };
        v1::Sample {
            read_groups: vec![v1::ReadGroup {
                source: Some(v1::read_group::Source::Fastq(pair)),
                ..v1::ReadGroup::default()
            }],
            ..v1::Sample::default()
        }
    }

    fn whole(memory_bytes: u64) -> Aligned {
        Aligned {
            chunks: 0,
            regions: 0,
            memory_bytes,
        }
    }

    #[test]
    fn what_fits_into_memory_is_not_spilled_and_a_genome_does_not_fit() {
        let genome = Sizes::of(&sample("/in/a_#.fq.gz", 20 * GB));
        assert_eq!(genome.task(Stage::Align, whole(16 * GB), false), 240 * GB);
        assert_eq!(genome.task(Stage::Call, whole(16 * GB), false), 0);
        let panel = Sizes::of(&sample("/in/a_#.fq.gz", GB / 10));
        assert_eq!(panel.task(Stage::Align, whole(16 * GB), false), 0);
        let plain = Sizes::of(&sample("/in/a_#.fastq", 100 * GB));
        assert_eq!(plain.task(Stage::Align, whole(16 * GB), false), 240 * GB);
    }

    #[test]
    fn what_lies_in_an_object_store_comes_to_the_scratch() {
        let genome = Sizes::of(&sample("s3://b/a_#.fq.gz", 20 * GB));
        let chunked = Aligned {
            chunks: 8,
            ..whole(16 * GB)
        };
        assert_eq!(
            genome.task(Stage::Cut, chunked, true),
            40 * GB,
            "all of the FASTQ"
        );
        // The FASTQ, an eighth of its records as runs, and the same to be published.
        assert_eq!(
            genome.task(Stage::Chunk, chunked, true),
            (40 + 30 + 30) * GB
        );
        assert_eq!(
            genome.task(Stage::Call, chunked, true),
            30 * GB,
            "all of the CRAM"
        );
        assert_eq!(of_cohort(Stage::Ingest, 3_000 * GB, 10, true), 3_000 * GB);
        assert_eq!(of_cohort(Stage::Ingest, 3_000 * GB, 10, false), 0);
        assert!(is_remote("s3://bucket/key") && !is_remote("/s3/key"));
    }
}
