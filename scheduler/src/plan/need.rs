//! What tasks ask for: cores and memory by stage. Estimates, from what the kernels hold: a task
//! that runs out is given twice as much the next time.

use kumi_proto::v1;
use kumi_proto::v1::Stage;

const MIB: u64 = 1 << 20;

/// Cores and memory of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) cores: u32,
    pub(crate) memory_bytes: u64,
}

/// The needs of a stage of a cohort.
pub(super) fn of(stage: Stage, header: &v1::CohortHeader, samples: usize) -> Need {
    let contigs = header.reference.iter().flat_map(|facts| &facts.contigs);
    let genome_bytes: u64 = contigs.map(|contig| contig.length).sum();
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
        // Buffers of all chunks' records, bits as before, the mapped index; one thread reads, one counts, others
        // compress.
        Stage::Merge => (align_cores.min(4), 768 * MIB + 5 * genome_bytes),
        Stage::Call => (1, 768 * MIB),
        Stage::Gvcf => (1, 256 * MIB),
        // A reader for every sample.
        Stage::Joint => (1, 256 * MIB + samples as u64 * MIB),
        Stage::Release => (1, 256 * MIB + samples as u64 * MIB / 16),
    };
    Need {
        cores,
        memory_bytes,
    }
}
