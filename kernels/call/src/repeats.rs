//! Tandem repeats, and how likely a sequencer is to gain or lose a unit in them.

/// The repeat that decides about a base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Repeat {
    /// First base of the tract, as an index.
    pub start: u32,
    /// One past its last base.
    pub end: u32,
    /// Phred probability that a gap opens here by error.
    pub gap_open: u8,
}

const MAX_PERIOD: usize = 6;
const NO_REPEAT: u8 = 45;

/// Phred gap-open penalties by period and number of units (rounded), Illumina's defaults for DRAGstr as published
/// in GATK's `DragstrParams`.
const GAP_OPEN: [[u8; 20]; MAX_PERIOD] = [
    [
        45, 45, 45, 45, 45, 45, 40, 34, 28, 24, 22, 22, 22, 22, 22, 22, 22, 22, 22, 22,
    ],
    [
        40, 40, 40, 40, 36, 30, 27, 25, 24, 25, 26, 26, 26, 26, 26, 26, 26, 26, 26, 27,
    ],
    [
        38, 41, 41, 41, 41, 38, 35, 35, 35, 33, 33, 33, 32, 31, 28, 29, 29, 29, 29, 29,
    ],
    [
        38, 39, 39, 38, 34, 34, 30, 30, 30, 30, 30, 30, 30, 30, 30, 32, 32, 32, 32, 32,
    ],
    [
        37, 40, 40, 40, 36, 35, 24, 24, 24, 24, 22, 22, 22, 24, 24, 24, 24, 24, 24, 24,
    ],
    [
        36, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40,
    ],
];

/// The repeat at every base: of the tracts with at least two units that hold it, the
/// one in which gaps open most easily.
pub(crate) fn find(bases: &[u8]) -> Vec<Repeat> {
    let mut found: Vec<Repeat> = (0..bases.len() as u32)
        .map(|at| Repeat {
            start: at,
            end: at + 1,
            gap_open: NO_REPEAT,
        })
        .collect();
    for period in 1..=MAX_PERIOD {
        let mut at = period;
        while at < bases.len() {
            if bases[at] != bases[at - period] || bases[at] == b'N' {
                at += 1;
                continue;
            }
            let start = at - period;
            while at < bases.len() && bases[at] == bases[at - period] {
                at += 1;
            }
            let units = (at - start) / period;
            if units < 2 {
                continue;
            }
            let tract = Repeat {
                start: start as u32,
                end: at as u32,
                gap_open: GAP_OPEN[period - 1][(units - 1).min(19)],
            };
            for repeat in &mut found[start..at] {
                if tract.gap_open < repeat.gap_open {
                    *repeat = tract;
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{NO_REPEAT, Repeat, find};

    #[test]
    fn the_tract_with_the_easiest_gaps_decides() {
        let repeats = find(b"GTCAAAAAAAAAACTG");
        let tract = Repeat {
            start: 3,
            end: 13,
            gap_open: 24,
        };
        assert!(repeats[3..13].iter().all(|&r| r == tract));
        assert_eq!(repeats[0].gap_open, NO_REPEAT);
        let dinucleotide = find(b"GCACACACACACAG");
        assert_eq!((dinucleotide[5].start, dinucleotide[5].end), (1, 13));
        assert_eq!(dinucleotide[5].gap_open, 30);
        assert!(
            find(b"NNNNNNNNNNNN")
                .iter()
                .all(|r| r.gap_open == NO_REPEAT)
        );
    }
}
