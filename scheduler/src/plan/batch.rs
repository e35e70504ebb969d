//! Batches: samples whose gVCFs are ingested together, once.

use crate::plan::key::{Chain, Key};

/// Samples of a batch when the submitter leaves the number to us, and the most there may be.
pub(crate) const BATCH_SAMPLES_MAX: u32 = 1_000;

/// A gVCF of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// The sample's name.
    pub(crate) name: String,
    /// The key of the gVCF.
    pub(crate) gvcf: Key,
}

/// Samples whose gVCFs are ingested together, in the order of their names. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch(pub(crate) Vec<Member>);

impl Batch {
    /// Parts members, which are in the order of names, into batches of at most so many.
    pub(crate) fn parted(members: Vec<Member>, samples: u32) -> Vec<Self> {
        let samples = match samples {
            0 => BATCH_SAMPLES_MAX,
            given => given.min(BATCH_SAMPLES_MAX),
        };
        let batches = members.chunks(samples as usize);
        batches.map(|members| Self(members.to_vec())).collect()
    }

    /// What a batch is known by: its samples and their gVCFs.
    pub(crate) fn key(&self) -> Key {
        let mut chain = Chain::new("batch").number(self.0.len() as u64);
        for member in &self.0 {
            chain = chain.text(&member.name).key(&member.gvcf);
        }
        chain.finish()
    }
}
