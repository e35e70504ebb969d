//! Joint genotyping of a cohort from gVCFs.
//!
//! One pass over the genome, window by window: each sample's records of the window are read and
//! normalised, the alleles that start at a base are unified across samples, likelihoods are projected onto
//! them, and genotypes follow from likelihoods and the cohort's allele frequencies. What is said of a base
//! depends on the set of samples and on their records around it: never on the order of files, on how the
//! genome was cut into regions, or on threads. Memory holds one window of every sample, never whole files.

mod allele;
mod census;
mod column;
mod cover;
mod decide;
mod equilibrium;
mod error;
mod evidence;
mod field;
mod frequency;
mod genotype;
mod header;
mod kind;
mod layout;
mod level;
mod lists;
mod near;
mod number;
pub mod output;
mod params;
mod parse;
mod pipeline;
mod prior;
mod project;
mod site;
mod site_call;
mod source;
mod store;
mod tally;
mod track;
mod translate;
mod voice;

pub use census::{
    CENSUS_VERSION, Census, CensusError, CensusHeader, CensusPart, Counted, add_up, joint_censuses,
};
pub use error::JointError;
pub use header::{Keys, header, local_header, sites_header};
pub use params::Params;
pub use pipeline::{Stats, joint_all, joint_segments, joint_segments_with, joint_with};
pub use store::{
    IngestParams, IngestStats, SAMPLES_MAX, Segment, SegmentError, SegmentHeader, ingest, purge,
};
