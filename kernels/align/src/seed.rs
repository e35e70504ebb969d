//! Seeds of a read and their places in the reference.

use kumi_index::View;
use kumi_index::minimizer::{K, Minimizer, minimizers};

use crate::params::Params;
use crate::read::Read;

/// Score that any seed reaches: the least a competing alignment can have.
pub(crate) const SCORE_MIN: i32 = K as i32;

/// A seed shared by read and reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Anchor {
    /// The read lies on the reverse strand.
    pub reverse: bool,
    /// First base in the concatenation of all contigs.
    pub reference: u64,
    /// First base in the read on that strand.
    pub query: u32,
}

/// Finds the anchors of a read, sorted by strand and place. Repetitive seeds are left out unless nothing
/// else is found. Gives true when some were left out.
pub(crate) fn anchors(
    view: View<'_>,
    params: &Params,
    read: &Read,
    seeds: &mut Vec<Minimizer>,
    into: &mut Vec<Anchor>,
) -> bool {
    seeds.clear();
    into.clear();
    minimizers(read.codes(false).iter().copied(), |seed| seeds.push(seed));
    let mut left_out = collect(view, params.seed_hits_max, read.len(), seeds, into);
    if into.is_empty() && left_out {
        left_out = collect(view, params.seed_hits_max_rescue, read.len(), seeds, into);
    }
    into.sort_unstable();
    left_out
}

fn collect(
    view: View<'_>,
    hits_max: usize,
    length: usize,
    seeds: &[Minimizer],
    into: &mut Vec<Anchor>,
) -> bool {
    let mut left_out = false;
    for seed in seeds {
        let hits = view.hits(seed.hash);
        if hits.len() > hits_max {
            left_out = true;
            continue;
        }
        into.extend(hits.map(|hit| {
            let reverse = hit.reverse != seed.reverse;
            let query = if reverse {
                (length - K) as u32 - seed.position
            } else {
                seed.position
            };
            Anchor {
                reverse,
                reference: hit.position,
                query,
            }
        }));
    }
    left_out
}
