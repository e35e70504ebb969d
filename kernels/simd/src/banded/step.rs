//! One step of the matrix: cells from those around them (Gotoh 1982).

use crate::banded::Scheme;
use crate::banded::buffers::{BEGIN, DELETION, DELETION_GOES_ON, INSERTION, INSERTION_GOES_ON};
use crate::banded::cell::Cell;
use crate::banded::lanes::Lanes;

/// What cells are made from.
pub(super) struct Around<V> {
    /// Where query and window have the same base.
    pub same: V,
    /// What a difference costs.
    pub cost: V,
    /// Scores one row and column before.
    pub before: V,
    /// Scores one row before.
    pub above: V,
    /// Those that end with an insertion.
    pub above_gap: V,
    /// Scores one column before.
    pub left: V,
    /// Those that end with a deletion.
    pub left_gap: V,
}

/// Cells side by side.
pub(super) struct Cells<V> {
    pub score: V,
    pub insertion: V,
    pub deletion: V,
    pub trace: V,
}

/// Costs and trace bits in every lane.
pub(super) struct Costs<V> {
    matched: V,
    gap_first: V,
    gap_next: V,
    zero: V,
    bits: [V; 5],
}

impl<V: Lanes> Costs<V> {
    #[inline(always)]
    pub(super) fn new(scheme: &Scheme) -> Self {
        let splat = |byte| V::splat(V::Cell::from_byte(byte));
        Self {
            matched: splat(scheme.matched),
            gap_first: splat(scheme.gap_first),
            gap_next: splat(scheme.gap_next),
            zero: splat(0),
            bits: [
                DELETION,
                INSERTION,
                BEGIN,
                DELETION_GOES_ON,
                INSERTION_GOES_ON,
            ]
            .map(splat),
        }
    }

    /// The cells next to those around them.
    #[inline(always)]
    pub(super) fn cells(&self, around: Around<V>) -> Cells<V> {
        let Around {
            same,
            cost,
            before,
            above,
            above_gap,
            left,
            left_gap,
        } = around;
        let straight = same
            .and(before.plus(self.matched))
            .or(same.without(before.minus(cost)));
        let (e_first, e_next) = (above.minus(self.gap_first), above_gap.minus(self.gap_next));
        let (f_first, f_next) = (left.minus(self.gap_first), left_gap.minus(self.gap_next));
        let (insertion, deletion) = (e_first.max(e_next), f_first.max(f_next));
        let most = straight.max(insertion);
        // Bits where one is larger than the other: their difference is not zero.
        let larger = |a: V, b: V, bits: V| a.minus(b).equal(self.zero).without(bits);
        let deleted = larger(deletion, most, self.bits[0]);
        let inserted = larger(insertion, straight, self.bits[1]);
        let source = deleted.or(deleted.equal(self.zero).and(inserted));
        let trace = source
            .or(before.equal(self.zero).and(self.bits[2]))
            .or(larger(f_next, f_first, self.bits[3]))
            .or(larger(e_next, e_first, self.bits[4]));
        Cells {
            score: most.max(deletion),
            insertion,
            deletion,
            trace,
        }
    }
}
