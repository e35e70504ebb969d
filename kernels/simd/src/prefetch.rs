//! Asks for memory before it is needed.
#![allow(unsafe_code, reason = "the prefetch instruction is an intrinsic")]

/// Begins to load the cache line of `at`. Nothing happens where the processor cannot.
#[inline(always)]
pub fn fetch<T>(at: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch reads and writes nothing and never faults; every x86-64 processor has it.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(at).cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}
