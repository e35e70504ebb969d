//! Reference blocks: neighbouring bases without a variant and of like confidence, in one record.

use crate::BLOCK_EDGE;

/// Lower ends of the GQ bands. Below 10 a block never mixes bases with another number of reads (each adds
/// about 3), for there the lowest of them would be nothing. From 30 on a genotype is certain enough for any use, and finer
/// bands would cut at every sequencing error: two and a half times the blocks at 30x.
pub(crate) const BANDS: [u8; 7] = [0, 1, 4, 7, 10, 20, 30];

/// Confidence that a base is as in the reference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Confidence {
    /// Fragments that cover it.
    pub depth: u32,
    /// Genotype quality, at most 99.
    pub gq: u8,
    /// PL of the genotypes without, with one and with two unknown alleles; haploid: the last is 0.
    pub pl: [u16; 3],
}

/// Bases `start..end` in one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// First base, 0-based.
    pub start: u32,
    /// One past the last.
    pub end: u32,
    /// Median depth.
    pub depth: u32,
    /// Lowest depth.
    pub min_depth: u32,
    /// Lowest GQ.
    pub gq: u8,
    /// Lowest PL of each genotype.
    pub pl: [u16; 3],
}

/// Cuts consecutive bases, the first at `start`, into blocks. Cuts lie where the GQ band changes, where the highest depth
/// would be more than 5 above twice the lowest (chance alone keeps within that from 10x on, and cuts that follow chance
/// treble the file at 30x), and at multiples of [`BLOCK_EDGE`].
pub(crate) fn cut(start: u32, bases: &[Confidence], into: &mut Vec<Block>) {
    let mut from = 0;
    let (mut low, mut high) = (u32::MAX, 0);
    for (at, base) in bases.iter().enumerate() {
        let position = start + at as u32;
        let (new_low, new_high) = (low.min(base.depth), high.max(base.depth));
        let cuts = at > from
            && (position.is_multiple_of(BLOCK_EDGE)
                || band(base.gq) != band(bases[from].gq)
                || new_high > 2 * new_low + 5);
        if cuts {
            into.push(summarise(start + from as u32, &bases[from..at]));
            from = at;
            (low, high) = (base.depth, base.depth);
        } else {
            (low, high) = (new_low, new_high);
        }
    }
    if from < bases.len() {
        into.push(summarise(start + from as u32, &bases[from..]));
    }
}

fn band(gq: u8) -> usize {
    BANDS.partition_point(|&from| from <= gq)
}

fn summarise(start: u32, bases: &[Confidence]) -> Block {
    let mut depths: Vec<u32> = bases.iter().map(|base| base.depth).collect();
    let middle = depths.len() / 2;
    let (_, &mut depth, _) = depths.select_nth_unstable(middle);
    let lowest = |genotype: usize| bases.iter().map(|b| b.pl[genotype]).min().unwrap_or(0);
    Block {
        start,
        end: start + bases.len() as u32,
        depth,
        min_depth: bases.iter().map(|base| base.depth).min().unwrap_or(0),
        gq: bases.iter().map(|base| base.gq).min().unwrap_or(0),
        pl: [lowest(0), lowest(1), lowest(2)],
    }
}

#[cfg(test)]
mod tests {
    use super::{Block, Confidence, cut};

    fn base(depth: u32, gq: u8) -> Confidence {
        Confidence {
            depth,
            gq,
            pl: [0, u16::from(gq), 10 * u16::from(gq)],
        }
    }

    fn spans(start: u32, bases: &[Confidence]) -> Vec<(u32, u32)> {
        let mut blocks = Vec::new();
        cut(start, bases, &mut blocks);
        blocks.iter().map(|b| (b.start, b.end)).collect()
    }

    #[test]
    fn bands_depth_and_absolute_edges_cut() {
        type Case<'a> = (u32, &'a [(u32, u8)], &'a [(u32, u32)]);
        let cases: [Case<'_>; 5] = [
            (10, &[(30, 60), (31, 99), (29, 50)], &[(10, 13)]),
            (10, &[(30, 60), (31, 29)], &[(10, 11), (11, 12)]),
            (
                10,
                &[(2, 6), (3, 9), (2, 6)],
                &[(10, 11), (11, 12), (12, 13)],
            ),
            (
                10,
                &[(30, 60), (65, 60), (66, 60), (5, 60)],
                &[(10, 12), (12, 13), (13, 14)],
            ),
            (4_094, &[(3, 9); 4], &[(4_094, 4_096), (4_096, 4_098)]),
        ];
        for (start, bases, expected) in cases {
            let bases: Vec<_> = bases.iter().map(|&(depth, gq)| base(depth, gq)).collect();
            assert_eq!(spans(start, &bases), expected);
        }
        assert_eq!(spans(0, &[]), []);
    }

    #[test]
    fn a_block_keeps_the_lowest_confidence_and_the_median_depth() {
        let mut blocks = Vec::new();
        cut(7, &[base(10, 25), base(12, 22), base(11, 29)], &mut blocks);
        let expected = Block {
            start: 7,
            end: 10,
            depth: 11,
            min_depth: 10,
            gq: 22,
            pl: [0, 22, 220],
        };
        assert_eq!(blocks, [expected]);
    }
}
