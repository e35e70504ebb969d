//! Vectors of `f32` and `f64` with the few operations the model needs.

use crate::pairhmm::model::Real;

/// `N` numbers side by side.
///
/// # Safety
/// The type is exactly `N` values of `Real` in memory, lane 0 first, and any of them may be written.
pub(super) unsafe trait Lanes: Copy {
    /// What a lane holds.
    type Real: Real;
    /// How many lanes there are.
    const N: usize;

    /// The same value in all lanes.
    fn splat(value: Self::Real) -> Self;
    /// Sums.
    fn add(self, other: Self) -> Self;
    /// Products.
    fn mul(self, other: Self) -> Self;
    /// The larger, lane by lane.
    fn max(self, other: Self) -> Self;
}

/// Vectors as the numbers in them, one vector's lanes after the other's.
pub(super) fn flat<V: Lanes>(vectors: &mut [V]) -> &mut [V::Real] {
    let (start, lanes) = (vectors.as_mut_ptr(), vectors.len() * V::N);
    // SAFETY: `Lanes` says that each vector is exactly N numbers; the borrow passes on.
    unsafe { std::slice::from_raw_parts_mut(start.cast::<V::Real>(), lanes) }
}

macro_rules! lanes {
    ($name:ident, $vector:ty, $real:ty, $n:literal, $splat:ident, $add:ident, $mul:ident, $max:ident) => {
        /// A vector register.
        #[derive(Clone, Copy, Debug)]
        #[repr(transparent)]
        pub(in crate::pairhmm) struct $name($vector);

        // SAFETY: the vector type is that many numbers, and any bits are valid in it.
        unsafe impl Lanes for $name {
            type Real = $real;
            const N: usize = $n;

            #[inline(always)]
            fn splat(value: $real) -> Self {
                // SAFETY: used only in functions compiled for, and called on, processors that have it.
                Self(unsafe { arch::$splat(value) })
            }
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { arch::$add(self.0, other.0) })
            }
            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { arch::$mul(self.0, other.0) })
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { arch::$max(self.0, other.0) })
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64 as arch;

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Lanes, arch};
    lanes!(
        F32x4,
        arch::__m128,
        f32,
        4,
        _mm_set1_ps,
        _mm_add_ps,
        _mm_mul_ps,
        _mm_max_ps
    );
    lanes!(
        F64x2,
        arch::__m128d,
        f64,
        2,
        _mm_set1_pd,
        _mm_add_pd,
        _mm_mul_pd,
        _mm_max_pd
    );
    lanes!(
        F32x8,
        arch::__m256,
        f32,
        8,
        _mm256_set1_ps,
        _mm256_add_ps,
        _mm256_mul_ps,
        _mm256_max_ps
    );
    lanes!(
        F64x4,
        arch::__m256d,
        f64,
        4,
        _mm256_set1_pd,
        _mm256_add_pd,
        _mm256_mul_pd,
        _mm256_max_pd
    );
    lanes!(
        F32x16,
        arch::__m512,
        f32,
        16,
        _mm512_set1_ps,
        _mm512_add_ps,
        _mm512_mul_ps,
        _mm512_max_ps
    );
    lanes!(
        F64x8,
        arch::__m512d,
        f64,
        8,
        _mm512_set1_pd,
        _mm512_add_pd,
        _mm512_mul_pd,
        _mm512_max_pd
    );
}
#[cfg(target_arch = "x86_64")]
pub(super) use x86::{F32x4, F32x8, F32x16, F64x2, F64x4, F64x8};

#[cfg(target_arch = "aarch64")]
use std::arch::aarch64 as arch;

#[cfg(target_arch = "aarch64")]
mod neon {
    use super::{Lanes, arch};
    lanes!(
        F32x4,
        arch::float32x4_t,
        f32,
        4,
        vdupq_n_f32,
        vaddq_f32,
        vmulq_f32,
        vmaxq_f32
    );
    lanes!(
        F64x2,
        arch::float64x2_t,
        f64,
        2,
        vdupq_n_f64,
        vaddq_f64,
        vmulq_f64,
        vmaxq_f64
    );
}
#[cfg(target_arch = "aarch64")]
pub(super) use neon::{F32x4, F64x2};
