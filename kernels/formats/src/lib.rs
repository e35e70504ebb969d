//! FASTQ, FASTA, BAM, CRAM, VCF and BED at the borders of the kernels.
//!
//! Readers check once, at the border, and name file, line or record in what they refuse; kernels then
//! trust what they are given. Formats with a well-kept library go through noodles. Nothing here decides
//! anything about biology.

pub mod alignments;
pub mod alt;
pub mod bam;
pub mod bed;
mod binning;
pub mod containers;
pub mod cram;
pub mod fasta;
mod fastq;
pub mod header;
pub mod open;
pub mod reads;
pub mod reference;
pub mod sam;
pub mod vcf;
