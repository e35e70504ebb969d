//! The wire and log messages of `kumi.v1`, and the identifiers they carry.
//!
//! Everything that crosses a socket or enters the raft log is defined in `proto/kumi/v1`; this
//! crate holds what is generated from it. It never validates or decides.

#[allow(missing_docs, unreachable_pub, clippy::all)]
/// Package `kumi.v1`, generated.
pub mod v1 {
    tonic::include_proto!("kumi.v1");
}

pub mod causes;
pub mod dial;
pub mod ids;
pub mod specs;

/// The encoded `FileDescriptorSet` of the package, for gRPC server reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// The stages of a cohort in the order in which reads flow through them.
pub const STAGES: [v1::Stage; 13] = [
    v1::Stage::Index,
    v1::Stage::Cut,
    v1::Stage::Chunk,
    v1::Stage::Mark,
    v1::Stage::Merge,
    v1::Stage::Align,
    v1::Stage::Call,
    v1::Stage::Gvcf,
    v1::Stage::Ingest,
    v1::Stage::Census,
    v1::Stage::Joint,
    v1::Stage::Release,
    v1::Stage::Purge,
];

impl v1::Stage {
    /// The name used on the command line, in metrics labels and in outputs: `align`, `call`, ….
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Index => "index",
            Self::Cut => "cut",
            Self::Chunk => "chunk",
            Self::Mark => "mark",
            Self::Merge => "merge",
            Self::Align => "align",
            Self::Call => "call",
            Self::Gvcf => "gvcf",
            Self::Ingest => "ingest",
            Self::Census => "census",
            Self::Joint => "joint",
            Self::Release => "release",
            Self::Purge => "purge",
        }
    }
}

impl v1::Genotypes {
    /// The name used in cohort files, in `manifest.json` and on the command line.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Unspecified | Self::Vcf | Self::VcfChunks => "vcf",
            Self::BcfChunks => "bcf",
            Self::BcfLocalChunks => "bcf-local",
            Self::Store => "store",
        }
    }

    /// Whether a release has a file of them for each joint shard.
    #[must_use]
    pub fn in_chunks(self) -> bool {
        match self {
            Self::Unspecified | Self::Vcf | Self::Store => false,
            Self::VcfChunks | Self::BcfChunks | Self::BcfLocalChunks => true,
        }
    }
}

impl v1::Priority {
    /// The name used on the command line and in metrics labels.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Unspecified | Self::Normal => "normal",
            Self::Urgent => "urgent",
            Self::High => "high",
            Self::Bulk => "bulk",
        }
    }
}
