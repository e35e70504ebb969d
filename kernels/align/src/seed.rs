//! Seeds of a read and their places in the reference.

use kumi_index::minimizer::{K, Minimizer, kmers, minimizers};
use kumi_index::{Bucket, Places, View};
use kumi_simd::prefetch;

use crate::params::Params;
use crate::read::Read;

/// Score that any seed reaches: the least a competing alignment can have.
pub(crate) const SCORE_MIN: i32 = K as i32;
/// Seeds that have a bit in a mask; those of longer reads share the last one.
const MASK_SEEDS: u32 = 128;
/// Bits of which seed it is in an anchor that is being sorted; reads with more seeds use the first ones.
const SEED_BITS: u32 = 24;

/// Reads up to this length have so few seeds that one difference may take all of them.
const SHORT: usize = 80;

/// A seed shared by read and reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Anchor {
    /// The read lies on the reverse strand.
    pub reverse: bool,
    /// First base in the concatenation of all contigs.
    pub reference: u64,
    /// First base in the read on that strand.
    pub query: u32,
    /// Which of the seeds.
    pub seed: u32,
}

impl Anchor {
    /// The bit of its seed.
    pub(crate) fn bit(&self) -> u128 {
        1 << self.seed.min(MASK_SEEDS - 1)
    }
}

/// The seeds of a read that were looked up.
#[derive(Debug, Default)]
pub(crate) struct Seeds {
    all: Vec<Minimizer>,
    buckets: Vec<Bucket>,
    places: Vec<Places>,
    /// Number of places and which seed, the rarest first.
    counts: Vec<(usize, usize)>,
    /// Positions in the read of the seeds whose places are all known.
    known: Vec<(u32, u128)>,
    /// Strand, place and seed of every anchor as one number.
    packed: Vec<u64>,
}

impl Seeds {
    /// Finds the anchors of a read, sorted by strand and place: those of the rarest seeds, until there are
    /// enough.
    pub(crate) fn anchors(
        &mut self,
        view: View<'_>,
        params: &Params,
        read: &Read,
        into: &mut Vec<Anchor>,
    ) {
        self.all.clear();
        minimizers(read.codes(false).iter().copied(), |seed| {
            self.all.push(seed);
        });
        self.gather(view, params, read, into);
        if into.is_empty() && read.len() <= SHORT {
            self.all.clear();
            kmers(read.codes(false).iter().copied(), |seed| {
                self.all.push(seed);
            });
            self.gather(view, params, read, into);
            // That the reference lacks one of these as a seed tells nothing.
            self.known.clear();
        }
    }

    /// The anchors of the seeds chosen.
    fn gather(&mut self, view: View<'_>, params: &Params, read: &Read, into: &mut Vec<Anchor>) {
        self.all.truncate(1 << SEED_BITS);
        self.look_up(view);
        self.known.clear();
        self.packed.clear();
        for &(hits, at) in &self.counts {
            let most = if self.packed.is_empty() {
                params.seed_hits_max_rescue
            } else {
                params.seed_hits_max
            };
            if hits > most || self.packed.len() + hits > params.anchors_max.max(most) {
                break;
            }
            let seed = self.all[at];
            self.packed.extend(view.hits_at(self.places[at]).map(|hit| {
                let reverse = u64::from(hit.reverse != seed.reverse);
                reverse << 63 | hit.position << SEED_BITS | at as u64
            }));
            self.known
                .push((seed.position, 1 << (at as u32).min(MASK_SEEDS - 1)));
        }
        self.known.sort_unstable();
        self.packed.sort_unstable();
        into.clear();
        into.extend(self.packed.iter().map(|&packed| {
            let seed = packed as u32 & ((1 << SEED_BITS) - 1);
            let position = self.all[seed as usize].position;
            let reverse = packed >> 63 == 1;
            Anchor {
                reverse,
                reference: (packed & !(1 << 63)) >> SEED_BITS,
                query: if reverse {
                    (read.len() - K) as u32 - position
                } else {
                    position
                },
                seed,
            }
        }));
    }

    /// Fetches all buckets side by side.
    fn look_up(&mut self, view: View<'_>) {
        for seed in &self.all {
            view.slot(seed.hash).into_iter().for_each(prefetch::fetch);
        }
        self.buckets.clear();
        self.buckets
            .extend(self.all.iter().map(|seed| view.bucket(seed.hash)));
        for &bucket in &self.buckets {
            view.seeds_of(bucket).into_iter().for_each(prefetch::fetch);
        }
        self.places.clear();
        self.places
            .extend(self.buckets.iter().map(|&bucket| view.places(bucket)));
        self.counts.clear();
        let counts = self.places.iter().map(|places| places.count());
        self.counts.extend(counts.zip(0..));
        self.counts.sort_unstable();
    }

    /// Edits that a place needs at least when it has just these seeds: known ones it lacks, far enough apart
    /// that no edit takes two of them.
    pub(crate) fn edits(&self, present: u128) -> i32 {
        /// An edit changes the minimizers of windows that reach this far.
        const REACH: u32 = (K + kumi_index::minimizer::W - 1) as u32;
        let (mut edits, mut free) = (0, 0);
        for &(position, bit) in &self.known {
            if present & bit == 0 && position >= free {
                edits += 1;
                free = position + REACH;
            }
        }
        edits
    }
}
