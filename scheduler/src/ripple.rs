//! What follows, outside a cohort, from a change inside it.

use std::sync::Arc;

use crate::plan::batch::Batch;
use crate::plan::key::Address;
use crate::tallies::Reason;

/// Collected while a cohort changes; the state then ends leases, forgets shards and counts units.
#[derive(Debug)]
pub(crate) struct Ripple {
    pub(crate) now_ms: u64,
    /// Why attempts end, if any do.
    pub(crate) reason: Reason,
    /// Attempts that are no longer current.
    pub(crate) ended: Vec<u64>,
    /// Shards that nothing needs any more.
    pub(crate) forget: Vec<Address>,
    /// Rows whose gVCF is there now.
    pub(crate) genomes: Vec<u32>,
    /// Rows whose alignment is there now.
    pub(crate) aligned: Vec<u32>,
    /// Batches of which every shard was ingested now.
    pub(crate) ingested: Vec<Arc<Batch>>,
    /// What there was of samples that have withdrawn was removed now.
    pub(crate) purged: bool,
    /// Rows that were set aside.
    pub(crate) failed: Vec<u32>,
}

impl Ripple {
    pub(crate) fn new(now_ms: u64) -> Self {
        Self {
            now_ms,
            reason: Reason::Superseded,
            ended: Vec::new(),
            forget: Vec::new(),
            genomes: Vec::new(),
            aligned: Vec::new(),
            ingested: Vec::new(),
            purged: false,
            failed: Vec::new(),
        }
    }
}
