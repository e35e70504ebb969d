//! What tasks ask for: cores and memory by stage, scratch by their inputs ([`super::scratch`]). Estimates, from what
//! the kernels hold: a task that runs out of memory is given twice as much the next time.

use kumi_proto::v1;
use kumi_proto::v1::Stage;

use crate::plan::batch::BATCH_SAMPLES_MAX;
use crate::plan::keys::{genotypes_stay, in_chunks};

const MIB: u64 = 1 << 20;

/// What a task asks for, or what there is for tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) cores: u32,
    pub(crate) memory_bytes: u64,
    pub(crate) scratch_bytes: u64,
}

impl Need {
    /// Whether a task that asks for this finds room in what is free.
    pub(crate) fn fits(self, free: Self) -> bool {
        self.cores <= free.cores
            && self.memory_bytes <= free.memory_bytes
            && self.scratch_bytes <= free.scratch_bytes
    }

    /// Both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            cores: self.cores.saturating_add(other.cores),
            memory_bytes: self.memory_bytes.saturating_add(other.memory_bytes),
            scratch_bytes: self.scratch_bytes.saturating_add(other.scratch_bytes),
        }
    }

    /// What the other leaves of it.
    pub(crate) fn less(self, other: Self) -> Self {
        Self {
            cores: self.cores.saturating_sub(other.cores),
            memory_bytes: self.memory_bytes.saturating_sub(other.memory_bytes),
            scratch_bytes: self.scratch_bytes.saturating_sub(other.scratch_bytes),
        }
    }
}

/// The needs of an alignment that joins what was merged of regions: one thread copies it and reads it back, and adds
/// up what was counted, which grows with the contigs and not with their bases; the reference is looked at for its
/// contigs alone.
pub(super) const JOIN: Need = Need {
    cores: 1,
    memory_bytes: 512 * MIB,
    scratch_bytes: 0,
};

/// The needs of a stage of a cohort, without scratch; of alignments, of those that do not join ([`JOIN`]).
pub(super) fn of(stage: Stage, header: &v1::CohortHeader, samples: usize) -> Need {
    let genome_bytes = genome_bytes(header);
    let asked = header
        .params
        .as_ref()
        .map_or(0, |params| params.cores_per_align);
    let align_cores = if asked == 0 { 8 } else { asked };
    let (cores, memory_bytes) = match stage {
        Stage::Unspecified => (1, 0),
        // The bases, and a third as many seeds of 8 bytes that are sorted in memory.
        Stage::Index => (4, 256 * MIB + 5 * genome_bytes),
        // The mapped index, of which little is looked at, and blocks that are inflated together.
        Stage::Cut => (align_cores, 512 * MIB + 5 * genome_bytes),
        // The mapped index, buffers of each thread, a budget to sort in.
        Stage::Align | Stage::Chunk => (
            align_cores,
            512 * MIB + 5 * genome_bytes + u64::from(align_cores) * 64 * MIB,
        ),
        // Buffers of all chunks' signatures, and a bit a template: of a genome sequenced 300 times less than this.
        Stage::Mark => (1, 512 * MIB + genome_bytes / 8),
        // Buffers of all chunks' records, bits as before, the reference's bases, of which the mapped index holds four in
        // a byte; one thread reads, one counts, others compress.
        Stage::Merge => (align_cores.min(4), 768 * MIB + genome_bytes / 2),
        Stage::Call => (1, 768 * MIB),
        Stage::Gvcf => (1, 256 * MIB),
        // A reader for every sample of a batch, and a window of each.
        Stage::Ingest => (
            1,
            256 * MIB + (samples as u64).min(BATCH_SAMPLES_MAX.into()) * MIB,
        ),
        // What stands of the alleles of a region in two censuses.
        Stage::Census => (1, 512 * MIB),
        // A window of every batch, or what different things the cohort says in a few.
        Stage::Joint => (1, 1_024 * MIB),
        Stage::Purge => (1, 256 * MIB),
        Stage::Release if genotypes_stay(header) || in_chunks(header) => (1, 256 * MIB),
        Stage::Release => (1, 256 * MIB + samples as u64 * MIB / 16),
    };
    Need {
        cores,
        memory_bytes,
        scratch_bytes: 0,
    }
}

pub(super) fn genome_bytes(header: &v1::CohortHeader) -> u64 {
    let contigs = header.reference.iter().flat_map(|facts| &facts.contigs);
    contigs.map(|contig| contig.length).sum()
}

#[cfg(test)]
mod tests {
    use kumi_proto::v1;
    use kumi_proto::v1::Stage;

    use super::{JOIN, MIB, of};

    /// A worker of 64 GB merges as many regions as its cores allow, and joins beside an alignment.
    #[test]
    fn what_does_not_align_does_not_ask_for_the_whole_index() {
        let genome = v1::Contig {
            length: 3_100_000_000,
            ..Default::default()
        };
        let header = v1::CohortHeader {
            reference: Some(v1::ReferenceFacts {
                contigs: vec![genome],
                ..Default::default()
            }),
            ..Default::default()
        };
        let (align, merge) = (of(Stage::Align, &header, 1), of(Stage::Merge, &header, 1));
        assert!(align.memory_bytes > 5 * 3_100_000_000);
        assert_eq!(merge.cores, 4);
        assert!(16 / merge.cores * u32::try_from(merge.memory_bytes / MIB).expect("fits") < 60_000);
        assert!(align.cores + JOIN.cores < 16);
        assert!(align.memory_bytes + JOIN.memory_bytes < 60_000 * MIB);
    }
}
