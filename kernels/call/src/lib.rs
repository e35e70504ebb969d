//! Single-sample small-variant calling: alignments in, banded gVCF records out.
//!
//! A tile of the genome is pulled through straight phases: reads, pileup, active regions, haplotypes,
//! pair-HMM, genotypes, reference blocks. Every decision about a base is a function of the reads near it (and of what is
//! learned from the whole file), so records of reads that span up to a kilobase do not depend on how the genome is cut
//! or on the number of threads. This crate writes no file and
//! never sees another sample. `docs/methods.md` says what is computed and from which sources.

mod align;
mod assembly;
mod blocks;
mod caller;
mod candidate;
mod confidence;
mod contamination;
mod event;
mod evidence;
mod filter;
mod genotype;
mod haplotype;
mod header;
mod informative;
mod learned;
mod likelihood;
mod line;
mod neighbours;
mod params;
mod phase;
mod phred;
mod pile;
mod pileup;
mod priors;
mod quality;
mod read;
mod region;
mod repeats;
mod site;
mod spanning;
mod stats;
mod stutter;
mod tile;
mod window;

pub use caller::{CallError, Caller, call_all};
pub use filter::Filters;
pub use header::header;
pub use params::Params;
pub use stats::Stats;

#[cfg(test)]
mod tests;

/// Reference blocks are always cut at absolute multiples of this many bases. Regions cut at such multiples
/// give the same records as the uncut contig.
pub const BLOCK_EDGE: u32 = 4_096;
