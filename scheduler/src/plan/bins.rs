//! Bins: equal stretches of contigs, by which the cost of calling is kept.

use kumi_proto::v1::{Contig, Region};

use crate::limits::{BIN_BASES_MIN, BINS_MAX};

/// The bins of a genome. They begin anew at each contig and are numbered through all contigs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bins<'a> {
    contigs: &'a [Contig],
    /// A power of two; the last bin of a contig may be shorter.
    bases: u64,
}

/// A part of a region that lies in one bin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) bin: usize,
    /// 0-based, half-open, of the region's contig.
    pub(crate) start: u64,
    pub(crate) end: u64,
}

impl Piece {
    pub(crate) fn bases(&self) -> u64 {
        self.end - self.start
    }
}

impl<'a> Bins<'a> {
    /// The smallest bins of which there are at most [`BINS_MAX`] more than contigs.
    pub(crate) fn new(contigs: &'a [Contig]) -> Self {
        let mut bins = Self {
            contigs,
            bases: BIN_BASES_MIN,
        };
        while bins.count() > BINS_MAX + contigs.len() {
            bins.bases *= 2;
        }
        bins
    }

    /// Bases of a bin.
    pub(crate) fn bases(&self) -> u64 {
        self.bases
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        let contigs = self.contigs.iter();
        contigs.map(|contig| self.of_contig(contig)).sum()
    }

    fn of_contig(&self, contig: &Contig) -> usize {
        usize::try_from(contig.length.div_ceil(self.bases)).expect("lengths are below 2^31")
    }

    /// The pieces of each region. Regions are in the order of the contigs.
    pub(crate) fn pieces(&self, regions: &[Region]) -> Vec<Vec<Piece>> {
        let mut contigs = self.contigs.iter();
        let mut contig = contigs.next();
        let mut first = 0;
        let pieces = regions.iter().map(|region| {
            while let Some(passed) = contig.filter(|contig| contig.name != region.contig) {
                first += self.of_contig(passed);
                contig = contigs.next();
            }
            self.of_region(region, first)
        });
        pieces.collect()
    }

    fn of_region(&self, region: &Region, first: usize) -> Vec<Piece> {
        let numbers = region.start / self.bases..region.end.div_ceil(self.bases);
        let piece = |number: u64| Piece {
            bin: first + usize::try_from(number).expect("positions are below 2^31"),
            start: region.start.max(number * self.bases),
            end: region.end.min((number + 1) * self.bases),
        };
        numbers.map(piece).collect()
    }

    /// The bins that regions touch, in order, and how many of their bases.
    pub(crate) fn touched(&self, regions: &[Region]) -> Vec<(usize, u64)> {
        let mut touched: Vec<(usize, u64)> = Vec::new();
        for piece in self.pieces(regions).into_iter().flatten() {
            match touched.last_mut() {
                Some((bin, bases)) if *bin == piece.bin => *bases += piece.bases(),
                _ => touched.push((piece.bin, piece.bases())),
            }
        }
        touched
    }
}

#[cfg(test)]
mod tests {
    use super::Bins;
    use crate::plan::places::{contigs, region};

    #[test]
    fn a_human_genome_has_bins_of_a_megabase_and_many_contigs_are_no_more_than_they_are() {
        assert_eq!(Bins::new(&contigs(&[20_000_000])).bases(), 65_536);
        let human = contigs(&[248_956_422; 13]);
        let bins = Bins::new(&human);
        assert_eq!((bins.bases(), bins.count()), (1 << 20, 13 * 238));
        let draft = contigs(&[1_000; 50_000]);
        assert_eq!(Bins::new(&draft).count(), 50_000);
    }

    #[test]
    fn regions_of_one_bin_count_together() {
        let contigs = contigs(&[70_000, 10, 200_000]);
        let bins = Bins::new(&contigs);
        let regions = [
            region("0", 10, 20),
            region("0", 65_000, 65_600),
            region("2", 65_535, 65_537),
            region("2", 70_000, 140_000),
        ];
        let touched = bins.touched(&regions);
        let expected = [(0, 546), (1, 64), (3, 1), (4, 61_073), (5, 8_928)];
        assert_eq!(touched, expected);
    }
}
