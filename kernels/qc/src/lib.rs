//! Quality metrics of a sample's alignments, in the shapes that people's tools read.
//!
//! One pass over the records in coordinate order, after duplicate marking, gives the counts; a report
//! then writes them as samtools, mosdepth and Picard do. Values in, values out: nothing here opens a file,
//! and what is not measured is left open (`?`), never guessed.

mod adapter;
pub mod alignment_summary;
pub mod collector;
pub mod depth;
mod distributions;
pub mod duplication;
pub mod flagstat;
pub mod histogram;
pub mod idxstats;
pub mod insert_size;
mod mosdepth;
mod overlap;
mod picard;
pub mod report;
pub mod stats;
mod summary;
pub mod wgs;
