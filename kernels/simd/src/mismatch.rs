//! Where two sequences of the same length differ.
#![allow(
    unsafe_code,
    reason = "vector loads and intrinsics, behind a level that proves the processor has them"
)]

use crate::level::{Kind, Level};

/// Appends every index at which `a` and `b` differ, in order. Bases are bytes; two ambiguous bases are
/// compared like any others.
///
/// # Panics
/// When the lengths differ.
pub fn positions(level: Level, a: &[u8], b: &[u8], into: &mut Vec<u32>) {
    assert_eq!(a.len(), b.len(), "sequences of one length");
    match level.kind() {
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2 | Kind::Avx512 => {
            // SAFETY: a level of AVX2 or better exists only where the processor has it.
            unsafe { avx2(a, b, into) }
        }
        #[cfg(target_arch = "x86_64")]
        Kind::Sse41 => {
            // SAFETY: a level of SSE4.1 exists only where the processor has it.
            unsafe { sse41(a, b, into) }
        }
        _ => scalar(0, a, b, into),
    }
}

/// The oracle: one byte after the other, positions counted from `base`.
fn scalar(base: usize, a: &[u8], b: &[u8], into: &mut Vec<u32>) {
    into.extend(
        (base..)
            .zip(a.iter().zip(b))
            .filter(|(_, (a, b))| a != b)
            .map(|(at, _)| at as u32),
    );
}

/// Appends the set bits of `mask`.
#[cfg(target_arch = "x86_64")]
fn bits(base: usize, mut mask: u32, into: &mut Vec<u32>) {
    while mask != 0 {
        into.push(base as u32 + mask.trailing_zeros());
        mask &= mask - 1;
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2(a: &[u8], b: &[u8], into: &mut Vec<u32>) {
    use std::arch::x86_64::{__m256i, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_movemask_epi8};
    let (a_blocks, a_rest) = a.as_chunks::<32>();
    let (b_blocks, b_rest) = b.as_chunks::<32>();
    for (block, (a, b)) in a_blocks.iter().zip(b_blocks).enumerate() {
        // SAFETY: each block holds exactly the 32 bytes that are loaded; unaligned loads are allowed.
        let (a, b) = unsafe {
            (
                _mm256_loadu_si256(a.as_ptr().cast::<__m256i>()),
                _mm256_loadu_si256(b.as_ptr().cast::<__m256i>()),
            )
        };
        bits(
            block * 32,
            !(_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, b)) as u32),
            into,
        );
    }
    scalar(a_blocks.len() * 32, a_rest, b_rest, into);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.1")]
fn sse41(a: &[u8], b: &[u8], into: &mut Vec<u32>) {
    use std::arch::x86_64::{__m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8};
    let (a_blocks, a_rest) = a.as_chunks::<16>();
    let (b_blocks, b_rest) = b.as_chunks::<16>();
    for (block, (a, b)) in a_blocks.iter().zip(b_blocks).enumerate() {
        // SAFETY: each block holds exactly the 16 bytes that are loaded; unaligned loads are allowed.
        let (a, b) = unsafe {
            (
                _mm_loadu_si128(a.as_ptr().cast::<__m128i>()),
                _mm_loadu_si128(b.as_ptr().cast::<__m128i>()),
            )
        };
        bits(
            block * 16,
            !(_mm_movemask_epi8(_mm_cmpeq_epi8(a, b)) as u32) & 0xffff,
            into,
        );
    }
    scalar(a_blocks.len() * 16, a_rest, b_rest, into);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Level, positions, scalar};

    proptest! {
        #[test]
        fn every_level_agrees_with_the_oracle(pairs in proptest::collection::vec((0u8..5, 0u8..5), 0..200)) {
            let (a, b): (Vec<u8>, Vec<u8>) = pairs.into_iter().unzip();
            let mut expected = Vec::new();
            scalar(0, &a, &b, &mut expected);
            for level in Level::available() {
                for cut in [0, 1, 15, 16, 17, 31, 32, 33, a.len()] {
                    let cut = cut.min(a.len());
                    let mut found = Vec::new();
                    positions(level, &a[..cut], &b[..cut], &mut found);
                    let whole: Vec<u32> = expected.iter().copied().filter(|&at| (at as usize) < cut).collect();
                    prop_assert_eq!(found, whole, "{} at {}", level, cut);
                }
            }
        }
    }
}
