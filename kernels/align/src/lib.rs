//! Alignment of short reads: seeds, chains, extension, pairing, mapping quality.
//!
//! A template goes in, BAM records come out, in the order of the input whatever the threads. Scores and the
//! meaning of tags are bwa mem's, so that what reads its output reads ours.

mod alt;
mod bound;
mod chain;
mod choose;
mod clipped;
mod describe;
mod easy;
mod extend;
mod flat;
mod foreign;
mod gapped;
mod hard;
mod insert_size;
mod mapq;
mod pair;
mod params;
mod pipeline;
mod probe;
mod read;
mod record;
mod rescue;
mod seed;
mod setting;
mod template;
#[cfg(test)]
mod tests;

pub use insert_size::{InsertSize, InsertSizes};
pub use params::Params;
pub use pipeline::{AlignError, align_all, align_part, insert_sizes};
pub use template::Stats;
