//! Minimizers: of every `W` consecutive k-mers the one with the smallest hash (Roberts et al. 2004), the same
//! for a sequence and its reverse complement.

/// Bases of a seed. 19 is unique enough for a human genome and leaves five windows in a 36 bp read.
pub const K: usize = 19;
/// Consecutive k-mers of which one is kept.
pub const W: usize = 5;
/// Bits of a seed's hash: two a base, the hash is a bijection.
pub const HASH_BITS: u32 = 2 * K as u32;

const MASK: u64 = (1 << HASH_BITS) - 1;

/// A seed of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Minimizer {
    /// Hash of the canonical k-mer, below `2^HASH_BITS`.
    pub hash: u64,
    /// First base of the k-mer, 0-based.
    pub position: u32,
    /// True when the canonical k-mer is the reverse complement of what stands there.
    pub reverse: bool,
}

/// An invertible mix of `HASH_BITS` bits (Wang's integer hash, as in Li 2016, restricted to the mask).
fn mix(key: u64) -> u64 {
    let mut h = (!key).wrapping_add(key << 21) & MASK;
    h ^= h >> 24;
    h = h.wrapping_add(h << 3).wrapping_add(h << 8) & MASK;
    h ^= h >> 14;
    h = h.wrapping_add(h << 2).wrapping_add(h << 4) & MASK;
    h ^= h >> 28;
    h.wrapping_add(h << 31) & MASK
}

/// The minimizer of the `W` k-mers from `position` on of a sequence without ambiguous bases, given with its
/// reverse complement as packed words (32 bases a word, the first in the lowest bits, one spare word at the end).
#[must_use]
pub fn of_window(
    packed: &[u64],
    complement: &[u64],
    length: usize,
    position: usize,
) -> Option<Minimizer> {
    let kmer = |words: &[u64], at: usize| {
        let (word, shift) = (at / 32, 2 * (at % 32) as u32);
        let both = u128::from(words[word]) | u128::from(words[word + 1]) << 64;
        // Complemented and read from the other end it is the k-mer of the other strand.
        !((both >> shift) as u64) & MASK
    };
    let mut best: Option<Minimizer> = None;
    for at in position..position + W {
        let (forward, backward) = (kmer(complement, length - K - at), kmer(packed, at));
        if forward == backward {
            continue;
        }
        let hash = mix(forward.min(backward));
        if best.is_none_or(|best| hash < best.hash) {
            best = Some(Minimizer {
                hash,
                position: at as u32,
                reverse: backward < forward,
            });
        }
    }
    best
}

/// Calls `emit` with every k-mer of `codes` (0 to 3, anything else breaks the sequence), in order: where a difference
/// beside a seed changes which k-mer of the read is one, those of the reference are still among them. A k-mer that is
/// its own reverse complement is left out.
pub fn kmers(codes: impl Iterator<Item = u8>, mut emit: impl FnMut(Minimizer)) {
    let (mut forward, mut backward, mut valid) = (0u64, 0u64, 0usize);
    for (at, code) in (0u32..).zip(codes) {
        if code > 3 {
            valid = 0;
            continue;
        }
        forward = (forward << 2 | u64::from(code)) & MASK;
        backward = backward >> 2 | u64::from(3 - code) << (HASH_BITS - 2);
        valid += 1;
        if valid >= K && forward != backward {
            emit(Minimizer {
                hash: mix(forward.min(backward)),
                position: at + 1 - K as u32,
                reverse: backward < forward,
            });
        }
    }
}

/// Calls `emit` with the minimizers of `codes` (0 to 3, anything else breaks the sequence), in order. A k-mer
/// that is its own reverse complement has no strand and is left out.
pub fn minimizers(codes: impl Iterator<Item = u8>, mut emit: impl FnMut(Minimizer)) {
    const EMPTY: (u64, u32, bool) = (u64::MAX, 0, false);
    let (mut forward, mut backward, mut valid) = (0u64, 0u64, 0usize);
    let mut window = [EMPTY; W];
    let mut kmers = 0usize;
    let mut last = u32::MAX;
    for (at, code) in (0u32..).zip(codes) {
        if code > 3 {
            (forward, backward, valid, kmers) = (0, 0, 0, 0);
            window = [EMPTY; W];
            continue;
        }
        forward = (forward << 2 | u64::from(code)) & MASK;
        backward = backward >> 2 | u64::from(3 - code) << (HASH_BITS - 2);
        valid += 1;
        if valid < K {
            continue;
        }
        let position = at + 1 - K as u32;
        window[kmers % W] = match forward.cmp(&backward) {
            std::cmp::Ordering::Less => (mix(forward), position, false),
            std::cmp::Ordering::Greater => (mix(backward), position, true),
            std::cmp::Ordering::Equal => EMPTY,
        };
        kmers += 1;
        if kmers < W {
            continue;
        }
        let best = *window.iter().min().expect("the window is not empty");
        if best.0 != u64::MAX && best.1 != last {
            last = best.1;
            emit(Minimizer {
                hash: best.0,
                position: best.1,
                reverse: best.2,
            });
        }
    }
}
