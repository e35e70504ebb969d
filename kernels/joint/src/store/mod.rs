//! The cohort store: what a batch of samples says of a region, kept so that genotyping never reads a gVCF again.
//!
//! A segment is an Arrow IPC file, described in `docs/formats/segment.md`. It holds all that genotyping looks at and
//! nothing else, so that records made from segments are those made from the gVCFs, byte for byte.

pub(crate) mod batch;
mod cohort;
mod column;
pub(crate) mod error;
mod expect;
pub(crate) mod file;
pub(crate) mod header;
#[cfg(test)]
mod hostile;
mod ingest;
pub(crate) mod intern;
pub(crate) mod locate;
mod message;
mod pack;
mod purge;
pub(crate) mod row;
mod sample;
pub(crate) mod schema;
mod segment;
pub(crate) mod tiles;
pub(crate) mod unpack;
pub(crate) mod window;

pub(crate) use cohort::Store;
pub use error::SegmentError;
pub use header::SegmentHeader;
pub use ingest::{IngestParams, IngestStats, SAMPLES_MAX, ingest};
pub use purge::purge;
pub use segment::Segment;
