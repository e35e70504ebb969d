//! What a cell of the matrix holds.

/// A score that stops at zero.
pub(super) trait Cell: Copy + Ord + Default {
    /// Nothing.
    const ZERO: Self;
    /// All bits.
    const ONES: Self;
    /// From a byte.
    fn from_byte(byte: u8) -> Self;
    /// The lowest byte.
    fn to_byte(self) -> u8;
    /// The sum; the widths are chosen so that it fits.
    fn plus(self, other: Self) -> Self;
    /// The difference, or zero.
    fn minus(self, other: Self) -> Self;
    /// Bits of both.
    fn and(self, other: Self) -> Self;
    /// Bits of either.
    fn or(self, other: Self) -> Self;
    /// The other bits.
    fn not(self) -> Self;
    /// As a number.
    fn get(self) -> u32;
}

macro_rules! cell {
    ($($kind:ty),*) => {$(
        impl Cell for $kind {
            const ZERO: Self = 0;
            const ONES: Self = Self::MAX;
            #[inline(always)]
            fn from_byte(byte: u8) -> Self {
                Self::from(byte)
            }
            #[inline(always)]
            fn to_byte(self) -> u8 {
                self as u8
            }
            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            #[inline(always)]
            fn minus(self, other: Self) -> Self {
                self.saturating_sub(other)
            }
            #[inline(always)]
            fn and(self, other: Self) -> Self {
                self & other
            }
            #[inline(always)]
            fn or(self, other: Self) -> Self {
                self | other
            }
            #[inline(always)]
            fn not(self) -> Self {
                !self
            }
            #[inline(always)]
            fn get(self) -> u32 {
                u32::from(self)
            }
        }
    )*};
}
cell!(u8, u16, u32);
