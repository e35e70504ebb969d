//! Vectors of unsigned scores with the few operations the matrix needs.

use crate::banded::cell::Cell;

/// Scores side by side. A mask is a vector whose lanes are all ones or all zeros.
///
/// # Safety
/// `load` and `store` touch exactly `N` cells from `at` on.
pub(super) unsafe trait Lanes: Copy {
    /// What a lane holds.
    type Cell: Cell;
    /// How many lanes there are.
    const N: usize;

    /// The cells from `at` on.
    ///
    /// # Safety
    /// The slice has `N` cells from there.
    unsafe fn load(cells: &[Self::Cell], at: usize) -> Self;
    /// Writes the cells from `at` on.
    ///
    /// # Safety
    /// The slice has `N` cells from there.
    unsafe fn store(self, cells: &mut [Self::Cell], at: usize);
    /// The same value in all lanes.
    fn splat(value: Self::Cell) -> Self;
    /// Sums, which fit.
    fn plus(self, other: Self) -> Self;
    /// Differences, or zero.
    fn minus(self, other: Self) -> Self;
    /// The larger.
    fn max(self, other: Self) -> Self;
    /// Where both are the same.
    fn equal(self, other: Self) -> Self;
    /// Bits of both.
    fn and(self, other: Self) -> Self;
    /// Bits of either.
    fn or(self, other: Self) -> Self;
    /// Bits of `other` that are not in this one.
    fn without(self, other: Self) -> Self;
    /// Every lane one up, zero in the first.
    fn up(self) -> Self;
    /// Every lane one down, zero in the last.
    fn down(self) -> Self;
}

/// An array: compiled for whatever the processor has for certain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plain<T, const N: usize>([T; N]);

impl<T: Cell, const N: usize> Plain<T, N> {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(T, T) -> T) -> Self {
        Self(std::array::from_fn(|k| f(self.0[k], other.0[k])))
    }
}

// SAFETY: both copy slices of N cells.
unsafe impl<T: Cell, const N: usize> Lanes for Plain<T, N> {
    type Cell = T;
    const N: usize = N;

    #[inline(always)]
    unsafe fn load(cells: &[T], at: usize) -> Self {
        Self(std::array::from_fn(|k| cells[at + k]))
    }
    #[inline(always)]
    unsafe fn store(self, cells: &mut [T], at: usize) {
        cells[at..at + N].copy_from_slice(&self.0);
    }
    #[inline(always)]
    fn splat(value: T) -> Self {
        Self([value; N])
    }
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self.zip(other, T::plus)
    }
    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        self.zip(other, T::minus)
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.zip(other, T::max)
    }
    #[inline(always)]
    fn equal(self, other: Self) -> Self {
        self.zip(other, |a, b| if a == b { T::ONES } else { T::ZERO })
    }
    #[inline(always)]
    fn and(self, other: Self) -> Self {
        self.zip(other, T::and)
    }
    #[inline(always)]
    fn or(self, other: Self) -> Self {
        self.zip(other, T::or)
    }
    #[inline(always)]
    fn without(self, other: Self) -> Self {
        self.zip(other, |a, b| a.not().and(b))
    }
    #[inline(always)]
    fn up(self) -> Self {
        let lane = |k: usize| k.checked_sub(1).map_or(T::ZERO, |k| self.0[k]);
        Self(std::array::from_fn(lane))
    }
    #[inline(always)]
    fn down(self) -> Self {
        let lane = |k: usize| self.0.get(k + 1).copied().unwrap_or(T::ZERO);
        Self(std::array::from_fn(lane))
    }
}

#[cfg(target_arch = "x86_64")]
macro_rules! lanes {
    ($name:ident, $vector:ty, $cell:ty, $n:literal, $bits:ty, $load:ident, $store:ident, $splat:ident, $add:ident,
     $subs:ident, $max:ident, $equal:ident, $and:ident, $or:ident, $andnot:ident, $up:ident, $down:ident) => {
        /// A vector register.
        #[derive(Clone, Copy, Debug)]
        pub(in crate::banded) struct $name($vector);

        // SAFETY: loads and stores are of one register, which is N cells.
        unsafe impl Lanes for $name {
            type Cell = $cell;
            const N: usize = $n;

            #[inline(always)]
            unsafe fn load(cells: &[$cell], at: usize) -> Self {
                debug_assert!(at + $n <= cells.len());
                // SAFETY: the caller says that N cells stand there; unaligned loads are allowed; used only where
                // the processor has them.
                Self(unsafe { arch::$load(cells.as_ptr().add(at).cast()) })
            }
            #[inline(always)]
            unsafe fn store(self, cells: &mut [$cell], at: usize) {
                debug_assert!(at + $n <= cells.len());
                // SAFETY: as for `load`.
                unsafe { arch::$store(cells.as_mut_ptr().add(at).cast(), self.0) }
            }
            #[inline(always)]
            fn splat(value: $cell) -> Self {
                // SAFETY: used only in functions compiled for, and called on, processors that have it.
                Self(unsafe { arch::$splat(value as $bits) })
            }
            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { arch::$add(self.0, other.0) })
            }
            #[inline(always)]
            fn minus(self, other: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { arch::$subs(self.0, other.0) })
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { arch::$max(self.0, other.0) })
            }
            #[inline(always)]
            fn equal(self, other: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { arch::$equal(self.0, other.0) })
            }
            #[inline(always)]
            fn and(self, other: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { arch::$and(self.0, other.0) })
            }
            #[inline(always)]
            fn or(self, other: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { arch::$or(self.0, other.0) })
            }
            #[inline(always)]
            fn without(self, other: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { arch::$andnot(self.0, other.0) })
            }
            #[inline(always)]
            fn up(self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $up::<{ size_of::<$cell>() as i32 }>(self.0) })
            }
            #[inline(always)]
            fn down(self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $down::<{ size_of::<$cell>() as i32 }>(self.0) })
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64 as arch;

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Lanes, arch};
    use arch::{_mm_slli_si128, _mm_srli_si128};

    /// Bytes moved up by so many, also across the halves.
    ///
    /// # Safety
    /// The processor has AVX2.
    #[inline(always)]
    unsafe fn up_256<const BYTES: i32>(all: arch::__m256i) -> arch::__m256i {
        // SAFETY: as the caller says.
        unsafe {
            let low_as_high = arch::_mm256_permute2x128_si256::<0x08>(all, all);
            match BYTES {
                1 => arch::_mm256_alignr_epi8::<15>(all, low_as_high),
                _ => arch::_mm256_alignr_epi8::<14>(all, low_as_high),
            }
        }
    }

    /// Bytes moved down by so many, also across the halves.
    ///
    /// # Safety
    /// The processor has AVX2.
    #[inline(always)]
    unsafe fn down_256<const BYTES: i32>(all: arch::__m256i) -> arch::__m256i {
        // SAFETY: as the caller says.
        unsafe {
            let high_as_low = arch::_mm256_permute2x128_si256::<0x81>(all, all);
            arch::_mm256_alignr_epi8::<BYTES>(high_as_low, all)
        }
    }

    lanes!(
        U8x16,
        arch::__m128i,
        u8,
        16,
        i8,
        _mm_loadu_si128,
        _mm_storeu_si128,
        _mm_set1_epi8,
        _mm_add_epi8,
        _mm_subs_epu8,
        _mm_max_epu8,
        _mm_cmpeq_epi8,
        _mm_and_si128,
        _mm_or_si128,
        _mm_andnot_si128,
        _mm_slli_si128,
        _mm_srli_si128
    );
    lanes!(
        U16x8,
        arch::__m128i,
        u16,
        8,
        i16,
        _mm_loadu_si128,
        _mm_storeu_si128,
        _mm_set1_epi16,
        _mm_add_epi16,
        _mm_subs_epu16,
        _mm_max_epu16,
        _mm_cmpeq_epi16,
        _mm_and_si128,
        _mm_or_si128,
        _mm_andnot_si128,
        _mm_slli_si128,
        _mm_srli_si128
    );
    lanes!(
        U8x32,
        arch::__m256i,
        u8,
        32,
        i8,
        _mm256_loadu_si256,
        _mm256_storeu_si256,
        _mm256_set1_epi8,
        _mm256_add_epi8,
        _mm256_subs_epu8,
        _mm256_max_epu8,
        _mm256_cmpeq_epi8,
        _mm256_and_si256,
        _mm256_or_si256,
        _mm256_andnot_si256,
        up_256,
        down_256
    );
    lanes!(
        U16x16,
        arch::__m256i,
        u16,
        16,
        i16,
        _mm256_loadu_si256,
        _mm256_storeu_si256,
        _mm256_set1_epi16,
        _mm256_add_epi16,
        _mm256_subs_epu16,
        _mm256_max_epu16,
        _mm256_cmpeq_epi16,
        _mm256_and_si256,
        _mm256_or_si256,
        _mm256_andnot_si256,
        up_256,
        down_256
    );
}
#[cfg(target_arch = "x86_64")]
pub(super) use x86::{U8x16, U8x32, U16x8, U16x16};
