//! Stretches of a contig.

use crate::contig::ContigId;

/// Bases `start..end` of a contig: 0-based, half-open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval {
    /// The contig.
    pub contig: ContigId,
    /// First base, 0-based.
    pub start: u32,
    /// One past the last base.
    pub end: u32,
}

impl Interval {
    /// Number of bases.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.end.saturating_sub(self.start)
    }

    /// True without a base.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start >= self.end
    }

    /// True when `position` of `contig` lies inside.
    #[must_use]
    pub fn contains(&self, contig: ContigId, position: u32) -> bool {
        contig == self.contig && (self.start..self.end).contains(&position)
    }

    /// True when the two share a base.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.contig == other.contig && self.start < other.end && other.start < self.end
    }

    /// The shared bases, if any.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        self.overlaps(other).then(|| Self {
            contig: self.contig,
            start: self.start.max(other.start),
            end: self.end.min(other.end),
        })
    }

    /// Wider by `margin` on both sides, kept inside a contig of `length` bases.
    #[must_use]
    pub fn padded(&self, margin: u32, length: u32) -> Self {
        Self {
            contig: self.contig,
            start: self.start.saturating_sub(margin),
            end: self.end.saturating_add(margin).min(length),
        }
    }
}

/// Sorts intervals and joins those that overlap or touch.
#[must_use]
pub fn merge(mut intervals: Vec<Interval>) -> Vec<Interval> {
    intervals.retain(|interval| !interval.is_empty());
    intervals.sort_unstable();
    let mut merged: Vec<Interval> = Vec::with_capacity(intervals.len());
    for next in intervals {
        match merged.last_mut() {
            Some(last) if last.contig == next.contig && next.start <= last.end => {
                last.end = last.end.max(next.end);
            }
            _ => merged.push(next),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::{Interval, merge};
    use crate::contig::ContigId;

    fn at(contig: u32, start: u32, end: u32) -> Interval {
        Interval {
            contig: ContigId(contig),
            start,
            end,
        }
    }

    #[test]
    fn touching_intervals_do_not_overlap_but_merge() {
        assert!(!at(0, 0, 5).overlaps(&at(0, 5, 9)));
        assert_eq!(at(0, 0, 6).intersection(&at(0, 5, 9)), Some(at(0, 5, 6)));
        let merged = merge(vec![
            at(1, 3, 4),
            at(0, 5, 9),
            at(0, 0, 5),
            at(0, 7, 7),
            at(0, 2, 3),
        ]);
        assert_eq!(merged, [at(0, 0, 9), at(1, 3, 4)]);
    }

    #[test]
    fn padding_stays_inside_the_contig() {
        assert_eq!(at(0, 3, 8).padded(5, 10), at(0, 0, 10));
    }
}
