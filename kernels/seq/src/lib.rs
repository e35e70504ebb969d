//! What a sequence is made of: bases, positions, contigs, qualities, CIGARs and ploidy.
//!
//! Every coordinate in the workspace is 0-based and half-open unless a name or a document says
//! otherwise; text formats convert at their border. This crate does no I/O and knows no format.

pub mod base;
pub mod cigar;
pub mod contig;
pub mod decimal;
pub mod interval;
pub mod phred;
pub mod ploidy;
