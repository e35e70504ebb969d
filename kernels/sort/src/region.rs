//! A part of the genome: some contigs next to each other.

/// Contigs by number, and perhaps the reads without a place, which come after the last contig. The regions of a
/// sample follow each other without a gap, the first from contig 0 on, the last to the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Region {
    /// The first contig.
    pub first: u32,
    /// One past the last; `None`: all that follow, and the reads without a place.
    pub end: Option<u32>,
}

impl Region {
    /// Everything.
    pub const WHOLE: Self = Self {
        first: 0,
        end: None,
    };

    /// True when the contig, or `u32::MAX` for reads without a place, lies behind.
    pub(crate) fn ends_before(self, contig: u32) -> bool {
        self.end.is_some_and(|end| contig >= end)
    }
}
