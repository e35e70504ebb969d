//! What can be looked up in an index, in place.

use kumi_seq::base;
use kumi_seq::contig::{ContigId, Contigs};
use kumi_seq::interval::Interval;
use zerocopy::little_endian::{U32, U64};

use crate::layout::{PLACE_BITS, Run};

/// The codes of the four bases of a byte.
const UNPACKED: [[u8; 4]; 256] = {
    let mut table = [[0; 4]; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        table[byte] = [b & 3, b >> 2 & 3, b >> 4 & 3, b >> 6];
        byte += 1;
    }
    table
};

/// A place where a seed stands in the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// First base in the concatenation of all contigs, 0-based.
    pub position: u64,
    /// Strand of the canonical k-mer there.
    pub reverse: bool,
}

/// Where the seeds with the same lower bits of their hash lie, and what else the hash has.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bucket {
    start: usize,
    end: usize,
    rest: u64,
}

/// Where the places of one seed lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Places {
    start: usize,
    end: usize,
}

impl Places {
    /// How many there are.
    #[must_use]
    pub fn count(self) -> usize {
        self.end - self.start
    }
}

/// A mapped index, ready for look-ups. Copying it is free.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    pub(crate) contigs: &'a Contigs,
    pub(crate) offsets: &'a [u64],
    pub(crate) bases: &'a [u8],
    pub(crate) runs: &'a [Run],
    pub(crate) buckets: &'a [U32],
    pub(crate) seeds: &'a [U64],
    pub(crate) bucket_bits: u32,
}

impl<'a> View<'a> {
    /// The contigs.
    #[must_use]
    pub fn contigs(&self) -> &'a Contigs {
        self.contigs
    }

    /// Where a seed stands, in the order of positions.
    pub fn hits(&self, hash: u64) -> impl ExactSizeIterator<Item = Hit> + use<'a> {
        self.hits_at(self.places(self.bucket(hash)))
    }

    /// What [`Self::bucket`] reads: memory to fetch ahead.
    #[must_use]
    pub fn slot(&self, hash: u64) -> Option<&'a U32> {
        self.buckets.get(self.bucket_of(hash))
    }

    /// The bucket of a seed.
    #[must_use]
    pub fn bucket(&self, hash: u64) -> Bucket {
        let bucket = self.bucket_of(hash);
        let bound = |at: usize| {
            self.buckets
                .get(at)
                .map_or(0, |bound| bound.get() as usize)
                .min(self.seeds.len())
        };
        let (start, end) = (bound(bucket), bound(bucket + 1));
        Bucket {
            start,
            end: end.max(start),
            rest: hash >> self.bucket_bits,
        }
    }

    /// Minimizers are small hashes: only their lower bits are spread evenly.
    fn bucket_of(&self, hash: u64) -> usize {
        (hash & ((1 << self.bucket_bits) - 1)) as usize
    }

    /// What [`Self::places`] reads first: memory to fetch ahead.
    #[must_use]
    pub fn seeds_of(&self, bucket: Bucket) -> Option<&'a U64> {
        self.seeds.get(bucket.start)
    }

    /// The places of the seed of a bucket.
    #[must_use]
    pub fn places(&self, bucket: Bucket) -> Places {
        /// Buckets up to this size are searched from one end to the other.
        const SHORT: usize = 16;
        let seeds = self.seeds.get(bucket.start..bucket.end).unwrap_or(&[]);
        let rest = |seed: &U64| seed.get() >> PLACE_BITS;
        let (from, count) = if seeds.len() <= SHORT {
            let before = |seed: &&U64| rest(seed) < bucket.rest;
            let from = seeds.iter().take_while(before).count();
            let same = |seed: &&U64| rest(seed) == bucket.rest;
            (from, seeds[from..].iter().take_while(same).count())
        } else {
            // One seed mostly fills a long bucket: its ends are looked at first.
            let from = match rest(&seeds[0]) >= bucket.rest {
                true => 0,
                false => seeds.partition_point(|seed| rest(seed) < bucket.rest),
            };
            let last = seeds.last().map_or(0, rest);
            let count = match last == bucket.rest {
                true => seeds.len() - from,
                false => seeds[from..].partition_point(|seed| rest(seed) == bucket.rest),
            };
            (from, count)
        };
        let start = bucket.start + from;
        Places {
            start,
            end: start + count,
        }
    }

    /// Where a seed stands, in the order of positions.
    pub fn hits_at(&self, places: Places) -> impl ExactSizeIterator<Item = Hit> + use<'a> {
        let found = self.seeds.get(places.start..places.end).unwrap_or(&[]);
        found.iter().map(|seed| {
            let place = seed.get() & ((1 << PLACE_BITS) - 1);
            Hit {
                position: place >> 1,
                reverse: place & 1 == 1,
            }
        })
    }

    /// The byte that holds a place in the concatenation: memory to fetch ahead.
    #[must_use]
    pub fn byte_of(&self, position: u64) -> Option<&'a u8> {
        self.bases.get((position / 4) as usize)
    }

    /// The bases of the concatenation from `start` on, 32 a word, the first in the lowest bits; ambiguous ones as
    /// A, and A behind the end.
    pub fn packed(&self, start: u64, into: &mut [u64]) {
        let (from, shift) = ((start / 4) as usize, 2 * (start % 4) as u32);
        let whole = self.bases.get(from..from + 8 * into.len() + 1);
        let word = |bytes: &[u8], at: usize| {
            let chunk = bytes.get(8 * at..8 * at + 8);
            let low = chunk.and_then(|chunk| chunk.try_into().ok());
            let high = u128::from(bytes.get(8 * at + 8).copied().unwrap_or(0)) << 64;
            ((u128::from(u64::from_le_bytes(low.unwrap_or([0; 8]))) | high) >> shift) as u64
        };
        if let Some(bytes) = whole {
            for (at, into) in into.iter_mut().enumerate() {
                *into = word(bytes, at);
            }
            return;
        }
        let mut bytes = self.bases.get(from..).unwrap_or(&[]).to_vec();
        bytes.resize(8 * into.len() + 1, 0);
        for (at, into) in into.iter_mut().enumerate() {
            *into = word(&bytes, at);
        }
    }

    /// True when a base of the concatenation from `start` to `end` is ambiguous.
    #[must_use]
    pub fn is_ambiguous(&self, start: u64, end: u64) -> bool {
        let after = |run: &Run| run.start.get() + run.length.get() <= start;
        let run = self.runs.get(self.runs.partition_point(after));
        run.is_some_and(|run| run.start.get() < end)
    }

    /// First base of a contig in the concatenation of all contigs.
    #[must_use]
    pub fn offset(&self, contig: ContigId) -> u64 {
        self.offsets[contig.index()]
    }

    /// The contig and 0-based position of a place in the concatenation; the last contig for a place behind
    /// the end.
    #[must_use]
    pub fn locate(&self, position: u64) -> (ContigId, u64) {
        let after = self.offsets.partition_point(|&offset| offset <= position);
        let contig = after.saturating_sub(1);
        (
            ContigId(contig as u32),
            position - self.offsets.get(contig).copied().unwrap_or(0),
        )
    }

    /// Appends the codes (0 to 3, 4 for an ambiguous base) of an interval, which must lie in its contig.
    pub fn codes(&self, interval: Interval, into: &mut Vec<u8>) {
        let start = self.offset(interval.contig) + u64::from(interval.start);
        let end = start + u64::from(interval.len());
        let first = into.len();
        // Whole bytes, then without the bases before and behind.
        let bytes = &self.bases[(start / 4) as usize..end.div_ceil(4) as usize];
        into.reserve(4 * bytes.len());
        into.extend(bytes.iter().flat_map(|&byte| UNPACKED[byte as usize]));
        let before = (start % 4) as usize;
        into.copy_within(first + before.., first);
        into.truncate(first + (end - start) as usize);
        let end_of = |run: &Run| run.start.get().saturating_add(run.length.get());
        let from = self.runs.partition_point(|run| end_of(run) <= start);
        for run in self.runs[from..]
            .iter()
            .take_while(|run| run.start.get() < end)
        {
            let (run_start, run_end) = (run.start.get().max(start), end_of(run).min(end));
            if run_start >= run_end {
                continue;
            }
            into[first + (run_start - start) as usize..first + (run_end - start) as usize]
                .fill(base::N);
        }
    }

    /// Appends the bases of an interval as upper-case ASCII, `N` for an ambiguous one.
    pub fn bases(&self, interval: Interval, into: &mut Vec<u8>) {
        let first = into.len();
        self.codes(interval, into);
        into[first..]
            .iter_mut()
            .for_each(|code| *code = base::ASCII[*code as usize]);
    }
}
