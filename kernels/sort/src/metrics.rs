//! How many duplicates a library has, and how large it seems to be: Picard's `DuplicationMetrics`.

use std::ops::AddAssign;

/// Counts of one library, named as Picard names its columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DuplicationMetrics {
    /// The library (`@RG LB`).
    pub library: String,
    /// Mapped reads without a mapped mate.
    pub unpaired_reads_examined: u64,
    /// Pairs of which both reads are mapped.
    pub read_pairs_examined: u64,
    /// Secondary and supplementary records.
    pub secondary_or_supplementary_reads: u64,
    /// Reads that are not mapped.
    pub unmapped_reads: u64,
    /// Duplicates among the unpaired reads.
    pub unpaired_read_duplicates: u64,
    /// Duplicate pairs.
    pub read_pair_duplicates: u64,
    /// Duplicate pairs seen next to another one of the same group.
    pub read_pair_optical_duplicates: u64,
}

impl DuplicationMetrics {
    /// The share of mapped reads that are duplicates, 0 to 1 (Picard's `PERCENT_DUPLICATION`).
    #[must_use]
    pub fn duplication(&self) -> f64 {
        let examined = self.unpaired_reads_examined + 2 * self.read_pairs_examined;
        let duplicates = self.unpaired_read_duplicates + 2 * self.read_pair_duplicates;
        if examined == 0 {
            0.0
        } else {
            duplicates as f64 / examined as f64
        }
    }

    /// How many distinct molecules the library seems to have; `None` when there are no duplicates to tell
    /// from. Solves `unique / size = 1 - exp(-pairs / size)` (Lander and Waterman 1988), optical duplicates
    /// left out, as Picard does.
    #[must_use]
    pub fn estimated_library_size(&self) -> Option<u64> {
        let pairs = self
            .read_pairs_examined
            .checked_sub(self.read_pair_optical_duplicates)?;
        let unique = self
            .read_pairs_examined
            .checked_sub(self.read_pair_duplicates)?;
        if unique == 0 || pairs <= unique {
            return None;
        }
        let (pairs, unique) = (pairs as f64, unique as f64);
        let excess = |size: f64| unique / size - 1.0 + (-pairs / size).exp();
        let (mut low, mut high) = (1.0, 100.0);
        while excess(high * unique) > 0.0 && high < 1e15 {
            high *= 10.0;
        }
        for _ in 0..40 {
            let middle = (low + high) / 2.0;
            if excess(middle * unique) > 0.0 {
                low = middle;
            } else {
                high = middle;
            }
        }
        Some((unique * (low + high) / 2.0) as u64)
    }
}

/// Those libraries that have reads.
pub(crate) fn with_reads(metrics: &[DuplicationMetrics]) -> Vec<DuplicationMetrics> {
    let has_reads = |library: &&DuplicationMetrics| {
        **library
            != DuplicationMetrics {
                library: library.library.clone(),
                ..Default::default()
            }
    };
    metrics.iter().filter(has_reads).cloned().collect()
}

impl AddAssign<&Self> for DuplicationMetrics {
    fn add_assign(&mut self, other: &Self) {
        self.unpaired_reads_examined += other.unpaired_reads_examined;
        self.read_pairs_examined += other.read_pairs_examined;
        self.secondary_or_supplementary_reads += other.secondary_or_supplementary_reads;
        self.unmapped_reads += other.unmapped_reads;
        self.unpaired_read_duplicates += other.unpaired_read_duplicates;
        self.read_pair_duplicates += other.read_pair_duplicates;
        self.read_pair_optical_duplicates += other.read_pair_optical_duplicates;
    }
}

#[cfg(test)]
mod tests {
    use super::DuplicationMetrics;

    fn of(pairs: u64, duplicates: u64, optical: u64) -> DuplicationMetrics {
        DuplicationMetrics {
            read_pairs_examined: pairs,
            read_pair_duplicates: duplicates,
            read_pair_optical_duplicates: optical,
            ..Default::default()
        }
    }

    #[test]
    fn library_size_solves_the_equation() {
        for (pairs, duplicates) in [(1_000, 100), (1_000_000, 3), (50_000, 40_000)] {
            let metrics = of(pairs, duplicates, 0);
            let size = metrics.estimated_library_size().expect("duplicates") as f64;
            let unique = size * (1.0 - (-(pairs as f64) / size).exp());
            let expected = (pairs - duplicates) as f64;
            assert!(
                (unique / expected - 1.0).abs() < 1e-3,
                "{pairs} {duplicates}: {unique}"
            );
        }
    }

    #[test]
    fn nothing_is_said_without_duplicates() {
        assert_eq!(of(10, 0, 0).estimated_library_size(), None);
        assert_eq!(of(10, 5, 5).estimated_library_size(), None);
        assert_eq!(of(10, 10, 0).estimated_library_size(), None);
        assert!(of(0, 0, 0).duplication().abs() < f64::EPSILON);
    }
}
