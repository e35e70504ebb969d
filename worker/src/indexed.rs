//! A mapped index as the formats and kernels want their reference.

use std::sync::Arc;

use kumi_formats::reference::ReferenceSource;
use kumi_index::Index;
use kumi_seq::contig::Contigs;
use kumi_seq::interval::Interval;

/// The reference in an index. Ambiguous bases are `N`.
#[derive(Clone, Debug)]
pub struct Indexed(pub Arc<Index>);

impl ReferenceSource for Indexed {
    fn contigs(&self) -> &Contigs {
        self.0.contigs()
    }

    fn bases(&self, interval: Interval, into: &mut Vec<u8>) {
        self.0.view().bases(interval, into);
    }
}
