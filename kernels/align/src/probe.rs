//! Where a read may lie, from a few seeds that share no base, and how well it fits there without a gap.
//!
//! Each seed stands in a window of the read; the windows are disjoint. Whatever place lacks a seed has an edit in
//! its window. So a place that `n` seeds do not name is at least `n` edits away from the read: what was not looked
//! at is bounded, not guessed.

use kumi_index::minimizer::{self, K, Minimizer, W};
use kumi_index::{Bucket, View};
use kumi_simd::level::Level;
use kumi_simd::{packed, prefetch};

use crate::params::Params;
use crate::read::{PACKED_MAX, Read, WORDS};

/// Seeds with more places say nothing: they are not looked at.
const HITS_MAX: usize = 48;
/// With more places the read is not an easy one.
const PLACES_MAX: usize = 96;
/// Bits of a position in a read.
const POSITION_BITS: u32 = 9;
const _: () = assert!(PACKED_MAX < 1 << POSITION_BITS);

/// A place of the whole read, without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// First base in the concatenation of all contigs.
    pub start: u64,
    /// On the reverse strand.
    pub reverse: bool,
    /// Seeds that name it.
    pub votes: u32,
    /// First and one past the last base, on its strand, of the seeds that name it.
    pub seeds: (u32, u32),
    /// Bases that differ: before those seeds, among them, behind them.
    pub mismatches: [u32; 3],
}

impl Place {
    /// Bases that differ.
    pub(crate) fn differences(&self) -> u32 {
        self.mismatches.iter().sum()
    }
}

/// One read's probe: its steps are called for many reads in turn, so that memory is fetched meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Probe {
    seeds: Vec<Minimizer>,
    buckets: Vec<Bucket>,
    /// Start, strand and query position of every hit, as one number.
    hits: Vec<u64>,
    /// Where the read may lie, in the order of places.
    pub places: Vec<Place>,
    /// Seeds all of whose places are among `places`.
    pub seen: u32,
}

impl Probe {
    /// Chooses the seeds; none for a read that cannot be probed.
    pub(crate) fn choose(&mut self, view: View<'_>, read: &Read) {
        const WINDOW: usize = K + W - 1;
        self.seeds.clear();
        let (Some(forward), Some(backward)) = (read.packed(false), read.packed(true)) else {
            return;
        };
        let length = read.len();
        let windows = length / WINDOW;
        for at in 0..windows {
            let position = at * (length - WINDOW) / (windows - 1).max(1);
            let seed = minimizer::of_window(forward, backward, length, position);
            self.seeds.extend(seed);
        }
        for seed in &self.seeds {
            view.slot(seed.hash).into_iter().for_each(prefetch::fetch);
        }
    }

    /// Finds the buckets.
    pub(crate) fn open(&mut self, view: View<'_>) {
        self.buckets.clear();
        self.buckets
            .extend(self.seeds.iter().map(|seed| view.bucket(seed.hash)));
        for &bucket in &self.buckets {
            view.seeds_of(bucket).into_iter().for_each(prefetch::fetch);
        }
    }

    /// Finds the places.
    pub(crate) fn gather(&mut self, view: View<'_>, read: &Read) {
        self.hits.clear();
        self.places.clear();
        self.seen = 0;
        for (seed, &bucket) in self.seeds.iter().zip(&self.buckets) {
            let places = view.places(bucket);
            if places.count() > HITS_MAX {
                continue;
            }
            self.seen += 1;
            self.hits.extend(view.hits_at(places).filter_map(|hit| {
                let reverse = hit.reverse != seed.reverse;
                let before = if reverse {
                    (read.len() - K) as u64 - u64::from(seed.position)
                } else {
                    u64::from(seed.position)
                };
                let start = hit.position.checked_sub(before)?;
                Some((start << 1 | u64::from(reverse)) << POSITION_BITS | before)
            }));
        }
        self.hits.sort_unstable();
        let place = |hit: u64| hit >> POSITION_BITS;
        let position = |hit: u64| (hit & ((1 << POSITION_BITS) - 1)) as u32;
        for same in self.hits.chunk_by(|&a, &b| place(a) == place(b)) {
            let (first, last) = (same[0], same[same.len() - 1]);
            self.places.push(Place {
                start: place(first) >> 1,
                reverse: place(first) & 1 == 1,
                votes: same.len() as u32,
                seeds: (position(first), position(last) + K as u32),
                mismatches: [0; 3],
            });
        }
        if self.places.len() > PLACES_MAX {
            self.places.clear();
            self.seen = 0;
        }
        for place in &self.places {
            for at in [place.start, place.start + read.len() as u64] {
                view.byte_of(at).into_iter().for_each(prefetch::fetch);
            }
        }
    }

    /// The most that the read may score at a place that so many seeds name.
    pub(crate) fn bound(&self, params: &Params, read: &Read, votes: u32) -> i32 {
        let missed = self.seen.saturating_sub(votes) as i32;
        read.len() as i32 * params.match_score - missed * (params.match_score + params.mismatch)
    }

    /// Compares the read with the reference at every place.
    pub(crate) fn compare(&mut self, view: View<'_>, level: Level, read: &Read) {
        let words = read.len().div_ceil(32);
        for place in &mut self.places {
            if let Some(packed) = read.packed(place.reverse) {
                let mut reference = [0; WORDS];
                view.packed(place.start, &mut reference[..words]);
                place.mismatches =
                    packed::differences(level, packed, &reference, read.len(), place.seeds);
            }
        }
    }
}

/// Where two packed sequences differ, a word at a time.
fn each_difference<'a>(
    a: &'a [u64],
    b: &'a [u64],
    length: usize,
) -> impl Iterator<Item = u64> + use<'a> {
    let words = a.iter().zip(b).enumerate();
    words.map(move |(at, (a, b))| {
        packed::differing(*a, *b) & packed::first_bases(length as u32, 32 * at as u32)
    })
}

/// The positions at which a packed read differs from the reference when it begins at `start` of the concatenation,
/// in order on its strand.
pub(crate) fn mismatches(
    view: View<'_>,
    read: &Read,
    start: u64,
    reverse: bool,
    into: &mut Vec<u32>,
) {
    into.clear();
    let Some(packed) = read.packed(reverse) else {
        return;
    };
    let words = read.len().div_ceil(32);
    let mut reference = [0; WORDS];
    view.packed(start, &mut reference[..words]);
    for (at, mut bits) in (0..).zip(each_difference(&packed[..words], &reference, read.len())) {
        while bits != 0 {
            into.push(32 * at + bits.trailing_zeros() / 2);
            bits &= bits - 1;
        }
    }
}
