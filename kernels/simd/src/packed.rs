//! Sequences of two bits a base, 32 bases a word, the first in the lowest bits: where they differ.
#![allow(
    unsafe_code,
    reason = "calls into functions compiled for vector extensions, behind a level that proves the processor has them"
)]

use crate::level::{Kind, Level};

/// Bases of a piece.
pub const PIECE: usize = 8;
/// Shifts come in multiples of this.
pub const SHIFTS: usize = 4;
/// A bit for every base of a word.
const BASES: u64 = 0x5555_5555_5555_5555;
/// A bit for every piece of a word.
const PIECES: u64 = 0x0001_0001_0001_0001;

/// How many of the whole pieces of a read of so many `bases` stand nowhere in the reference when the read begins at
/// its base 0, 1, ... before `shifts`.
///
/// Whatever edit an alignment on those diagonals has costs it at most the pieces that it touches, so a read with `n`
/// such pieces has at least as many edits, clips and bases of gaps counted by the pieces they span.
///
/// # Panics
/// When `shifts` is no multiple of [`SHIFTS`], or the reference has less than a word more than is compared.
#[must_use]
pub fn lost_pieces(
    level: Level,
    read: &[u64],
    bases: usize,
    reference: &[u64],
    shifts: usize,
) -> u32 {
    assert!(shifts.is_multiple_of(SHIFTS), "shifts in multiples");
    let words = bases.div_ceil(32);
    assert!(
        read.len() >= words && reference.len() > words + shifts / 32,
        "a word more than is compared"
    );
    match level.kind() {
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2 | Kind::Avx512 => {
            // SAFETY: a level of AVX2 or better exists only where the processor has it, with POPCNT.
            unsafe { x86::lost_pieces(read, bases, reference, shifts) }
        }
        _ => lost(bases, |word| {
            (0..shifts).fold(0, |found, shift| {
                let (at, bits) = (word + shift / 32, 2 * (shift % 32) as u32);
                let both = u128::from(reference[at]) | u128::from(reference[at + 1]) << 64;
                found | empty_pieces(read[word] ^ (both >> bits) as u64)
            })
        }),
    }
}

/// Counts the whole pieces that are not `found` in each word.
#[inline(always)]
fn lost(bases: usize, found: impl Fn(usize) -> u64) -> u32 {
    let mut lost = 0;
    for word in 0..bases.div_ceil(32) {
        let pieces = ((bases - 32 * word) / PIECE).min(4);
        let whole = PIECES & (u64::MAX >> (64 - 16 * pieces as u32).min(63));
        let whole = if pieces == 0 { 0 } else { whole };
        lost += (whole & !found(word)).count_ones();
    }
    lost
}

/// The lowest bit of every piece that is zero.
fn empty_pieces(word: u64) -> u64 {
    const LOW: u64 = 0x7fff_7fff_7fff_7fff;
    // The highest bit of a piece becomes set by a carry when any other is.
    !(((word & LOW) + LOW) | word | LOW) >> 15
}

/// The number of bases that differ: before the base `middle.0`, from there to `middle.1`, behind it.
///
/// # Panics
/// When a sequence has fewer words than bases.
#[must_use]
pub fn differences(
    level: Level,
    a: &[u64],
    b: &[u64],
    bases: usize,
    middle: (u32, u32),
) -> [u32; 3] {
    let words = bases.div_ceil(32);
    let (a, b) = (&a[..words], &b[..words]);
    match level.kind() {
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2 | Kind::Avx512 => {
            // SAFETY: a level of AVX2 or better exists only where the processor has it, with POPCNT.
            unsafe { x86::differences(a, b, bases, middle) }
        }
        _ => split(a, b, bases, middle),
    }
}

#[inline(always)]
fn split(a: &[u64], b: &[u64], bases: usize, middle: (u32, u32)) -> [u32; 3] {
    let mut counts = [0; 3];
    for (from, (a, b)) in (0..).step_by(32).zip(a.iter().zip(b)) {
        let bits = differing(*a, *b) & first_bases(bases as u32, from);
        let before = bits & first_bases(middle.0, from);
        let until = bits & first_bases(middle.1, from);
        counts[0] += before.count_ones();
        counts[1] += (until & !before).count_ones();
        counts[2] += (bits & !until).count_ones();
    }
    counts
}

/// Where two words differ: a bit, the lower of its two, for every base.
#[inline(always)]
#[must_use]
pub fn differing(a: u64, b: u64) -> u64 {
    let bits = a ^ b;
    (bits | bits >> 1) & BASES
}

/// The bits of a word that begins with base `from` up to base `to`.
#[inline(always)]
#[must_use]
pub fn first_bases(to: u32, from: u32) -> u64 {
    let bits = 2 * to.saturating_sub(from);
    if bits >= 64 {
        u64::MAX
    } else {
        (1 << bits) - 1
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64 as arch;

    use super::{PIECES, lost, split};

    #[target_feature(enable = "avx2,popcnt")]
    pub(super) fn lost_pieces(read: &[u64], bases: usize, reference: &[u64], shifts: usize) -> u32 {
        let lanes = arch::_mm256_setr_epi64x(0, 2, 4, 6);
        let (zero, word_bits) = (arch::_mm256_setzero_si256(), arch::_mm256_set1_epi64x(64));
        lost(bases, |word| {
            let own = arch::_mm256_set1_epi64x(read[word] as i64);
            let mut found = zero;
            for shift in (0..shifts).step_by(super::SHIFTS) {
                // Four shifts never leave the word that the first is in.
                let (at, bits) = (word + shift / 32, 2 * (shift % 32) as i64);
                let low = arch::_mm256_set1_epi64x(reference[at] as i64);
                let high = arch::_mm256_set1_epi64x(reference[at + 1] as i64);
                let by = arch::_mm256_add_epi64(arch::_mm256_set1_epi64x(bits), lanes);
                let there = arch::_mm256_or_si256(
                    arch::_mm256_srlv_epi64(low, by),
                    // By a whole word there is nothing left.
                    arch::_mm256_sllv_epi64(high, arch::_mm256_sub_epi64(word_bits, by)),
                );
                let differs = arch::_mm256_xor_si256(own, there);
                let same = arch::_mm256_cmpeq_epi16(differs, zero);
                found = arch::_mm256_or_si256(found, same);
            }
            let halves = arch::_mm_or_si128(
                arch::_mm256_castsi256_si128(found),
                arch::_mm256_extracti128_si256::<1>(found),
            );
            let both = arch::_mm_or_si128(halves, arch::_mm_unpackhi_epi64(halves, halves));
            arch::_mm_cvtsi128_si64(both) as u64 & PIECES
        })
    }

    #[target_feature(enable = "popcnt")]
    pub(super) fn differences(a: &[u64], b: &[u64], bases: usize, middle: (u32, u32)) -> [u32; 3] {
        split(a, b, bases, middle)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{PIECE, differences, lost_pieces};
    use crate::level::Level;

    fn pack(codes: &[u8], words: usize) -> Vec<u64> {
        let mut packed = vec![0; words];
        for (at, &code) in codes.iter().enumerate() {
            packed[at / 32] |= u64::from(code) << (2 * (at % 32));
        }
        packed
    }

    proptest! {
        #[test]
        fn every_level_agrees_with_the_oracle(
            mut reference in proptest::collection::vec(0u8..4, 400),
            bases in 1usize..320,
            shifts in 1usize..16,
            start in 0usize..70,
            edits in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
            middle in (0u32..320, 0u32..320),
        ) {
            let shifts = 4 * shifts;
            let mut read = reference[start..start + bases].to_vec();
            for edit in edits {
                let at = edit.index(bases);
                read[at] = (read[at] + 1) & 3;
            }
            reference.truncate(bases + shifts + 32);
            let stands = |piece: &usize| {
                let own = &read[piece * PIECE..][..PIECE];
                (0..shifts).any(|shift| reference.get(shift + piece * PIECE..).is_some_and(|r| r.starts_with(own)))
            };
            let expected = (0..bases / PIECE).filter(|piece| !stands(piece)).count();
            let (packed, there) = (pack(&read, 11), pack(&reference, 16));
            let middle = (middle.0.min(middle.1), middle.0.max(middle.1));
            let differs = |at: usize| read[at] != reference[at];
            let count = |from: u32, to: u32| {
                (from.min(bases as u32)..to.min(bases as u32)).filter(|&at| differs(at as usize)).count() as u32
            };
            let counts = [count(0, middle.0), count(middle.0, middle.1), count(middle.1, 400)];
            for level in Level::available() {
                prop_assert_eq!(lost_pieces(level, &packed, bases, &there, shifts), expected as u32, "{}", level);
                prop_assert_eq!(differences(level, &packed, &there, bases, middle), counts, "{}", level);
            }
        }
    }
}
