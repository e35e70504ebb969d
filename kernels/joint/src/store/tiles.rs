//! The windows of a region: from multiples of their length, or the start of the region, to the next, or its end.

use kumi_seq::interval::Interval;

/// Number of windows of a region that has bases.
pub(crate) fn count(region: Interval, length: u32) -> usize {
    ((region.end - 1) / length - region.start / length) as usize + 1
}

/// The place of the window that holds a base of the region.
pub(crate) fn place(region: Interval, length: u32, position: u32) -> usize {
    (position / length).saturating_sub(region.start / length) as usize
}

/// The window at a place.
pub(crate) fn at(region: Interval, length: u32, place: usize) -> Interval {
    let start = (region.start / length + place as u32).saturating_mul(length);
    Interval {
        contig: region.contig,
        start: start.max(region.start),
        end: start.saturating_add(length).min(region.end),
    }
}

/// All windows, in order.
pub(crate) fn all(region: Interval, length: u32) -> impl Iterator<Item = Interval> {
    (0..count(region, length)).map(move |place| at(region, length, place))
}

#[cfg(test)]
mod tests {
    use kumi_seq::contig::ContigId;
    use kumi_seq::interval::Interval;
    use proptest::prelude::*;

    use super::{all, place};

    proptest! {
        #[test]
        fn windows_tile_their_region(start in 0u32..500, bases in 1u32..500, length in 1u32..200) {
            let region = Interval { contig: ContigId(0), start, end: start + bases };
            let windows: Vec<Interval> = all(region, length).collect();
            prop_assert_eq!(windows[0].start, start);
            prop_assert_eq!(windows[windows.len() - 1].end, start + bases);
            for pair in windows.windows(2) {
                prop_assert_eq!(pair[0].end, pair[1].start);
                prop_assert_eq!(pair[0].end % length, 0);
            }
            for (at, window) in windows.iter().enumerate() {
                prop_assert!(!window.is_empty());
                prop_assert_eq!(place(region, length, window.start), at);
                prop_assert_eq!(place(region, length, window.end - 1), at);
            }
        }
    }
}
