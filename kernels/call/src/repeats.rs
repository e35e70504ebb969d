//! Tandem repeats, and how likely a sequencer, or a genome, is to gain or lose a unit in them.

use crate::window::Window;

/// The repeat that decides about a base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Repeat {
    /// First base of the tract, as an index.
    pub start: u32,
    /// One past its last base.
    pub end: u32,
    /// Bases of a unit, and units; 1 and 1 outside repeats.
    pub period: u8,
    /// Whole units, at most 255.
    pub units: u8,
    /// Phred probability that a gap opens here by error.
    pub gap_open: u8,
}

/// Phred gap-open penalties by period and number of units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GapTable([[u8; MAX_UNITS]; MAX_PERIOD]);

impl Default for GapTable {
    fn default() -> Self {
        Self(GAP_OPEN.map(|row| std::array::from_fn(|units| row[units.min(row.len() - 1)])))
    }
}

impl GapTable {
    /// The default with all of each group (period, fewest and most units) shifted by so many phred.
    pub(crate) fn shifted(groups: &[(u8, u8, u8)], shifts: &[i32]) -> Self {
        let mut table = Self::default();
        for (&(period, from, to), shift) in groups.iter().zip(shifts) {
            for units in from..=to.min(MAX_UNITS as u8) {
                let entry = &mut table.0[usize::from(period) - 1][usize::from(units) - 1];
                // A gap at most as unlikely as outside repeats: there it is the alignment that errs.
                *entry = (i32::from(*entry) + shift).clamp(10, i32::from(NO_REPEAT)) as u8;
            }
        }
        table
    }
}

/// How many reads lose a unit of a tract of so many bases for each that has it right, as the pair-HMM has it: a gap opens at
/// any of the bases with this phred probability, takes the further ones of a unit, and ends. As many gain one.
pub(crate) fn stutter_rate(gap_open: f64, bases: u32, period: u8) -> f64 {
    let extend = 10f64.powf(-f64::from(GAP_EXTEND) / 10.0);
    let gap = extend.powi(i32::from(period) - 1) * (1.0 - extend);
    f64::from(bases) * 10f64.powf(-gap_open / 10.0) * gap
}

/// Phred probability that a gap takes one more base.
pub(crate) const GAP_EXTEND: u8 = 10;

const MAX_PERIOD: usize = 6;
const NO_REPEAT: u8 = 45;
/// More units are not told apart.
const MAX_UNITS: usize = 32;

/// Those of an unknown sample (rounded): Illumina's defaults for DRAGstr as published
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

/// Phred prior probability that a person carries a change of the length of a repeat, by period and number of units:
/// Illumina's defaults for DRAGstr, as published in GATK's `DragstrParams`.
const PRIOR: [[u8; 20]; MAX_PERIOD] = [
    [
        39, 39, 37, 35, 32, 26, 20, 16, 12, 10, 8, 7, 7, 6, 6, 5, 5, 4, 4, 4,
    ],
    [
        30, 30, 29, 22, 17, 14, 11, 8, 6, 5, 4, 4, 3, 3, 3, 3, 3, 3, 2, 2,
    ],
    [
        27, 27, 25, 18, 14, 12, 9, 7, 5, 4, 3, 3, 3, 3, 2, 2, 2, 2, 2, 2,
    ],
    [
        27, 27, 18, 9, 9, 9, 9, 3, 3, 3, 3, 3, 2, 2, 2, 2, 2, 2, 2, 2,
    ],
    [
        29, 29, 18, 8, 8, 8, 4, 3, 3, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    ],
    [
        25, 25, 10, 10, 10, 4, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3,
    ],
];

/// Phred prior probability of a gain or loss of `changed` bases before `pos`, the leftmost place of that change, when
/// these are units of a repeat of the reference; `None` when they are not.
pub(crate) fn prior(reference: &Window, pos: i64, changed: &[u8]) -> Option<u8> {
    let unit = |period: usize| {
        let continues = changed.len().is_multiple_of(period)
            && (0i64..)
                .zip(changed)
                .all(|(n, &base)| base == reference.at(pos + n % period as i64));
        let tract = continues.then(|| tract(reference, pos, period));
        tract.map(|bases| bases / period).filter(|&units| units > 1)
    };
    (1..=MAX_PERIOD)
        .filter_map(|period| Some(PRIOR[period - 1][unit(period)?.min(20) - 1]))
        .min()
}

/// The prior probability that a person carries a change of the length of so many units of a period.
pub(crate) fn prior_of(period: usize, units: usize) -> f64 {
    let phred = PRIOR[period - 1][units.clamp(1, 20) - 1];
    10f64.powf(-f64::from(phred) / 10.0)
}

/// Bases of the tract of this period that holds `pos`, as far as is worth counting.
fn tract(reference: &Window, pos: i64, period: usize) -> usize {
    let most = (20 * period) as i64;
    let same = |at: &i64| {
        let base = reference.at(*at);
        base != b'N' && base == reference.at(at + period as i64)
    };
    let right = (pos..pos + most).take_while(same).count();
    let left = (pos - most..pos).rev().take_while(same).count();
    left + right + period
}

/// The repeat at every base: of the tracts with at least two units that hold it, the
/// one in which gaps open most easily.
pub(crate) fn find(bases: &[u8], table: &GapTable) -> Vec<Repeat> {
    let mut found: Vec<Repeat> = (0..bases.len() as u32)
        .map(|at| Repeat {
            start: at,
            end: at + 1,
            period: 1,
            units: 1,
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
                period: period as u8,
                units: units.min(255) as u8,
                gap_open: table.0[period - 1][(units - 1).min(MAX_UNITS - 1)],
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
    use super::{GapTable, NO_REPEAT, Repeat, find, prior};
    use crate::window::Window;

    #[test]
    fn only_whole_units_of_a_repeat_are_likelier_to_be_gained_or_lost() {
        let window = Window {
            start: 100,
            bases: b"GTCAAAAAAAAAACTGCACACACACATTGACCTGA".to_vec(),
        };
        let cases: [(i64, &[u8], Option<u8>); 7] = [
            (103, b"A", Some(10)),
            (103, b"AA", Some(10)),
            (103, b"G", None),
            (116, b"CA", Some(17)),
            (116, b"CACA", Some(17)),
            (116, b"CAC", None),
            (129, b"AC", None),
        ];
        for (pos, changed, expected) in cases {
            assert_eq!(prior(&window, pos, changed), expected, "{pos} {changed:?}");
        }
    }

    #[test]
    fn the_tract_with_the_easiest_gaps_decides() {
        let repeats = find(b"GTCAAAAAAAAAACTG", &GapTable::default());
        let tract = Repeat {
            start: 3,
            end: 13,
            period: 1,
            units: 10,
            gap_open: 24,
        };
        assert!(repeats[3..13].iter().all(|&r| r == tract));
        assert_eq!(repeats[0].gap_open, NO_REPEAT);
        let dinucleotide = find(b"GCACACACACACAG", &GapTable::default());
        assert_eq!((dinucleotide[5].start, dinucleotide[5].end), (1, 13));
        assert_eq!(dinucleotide[5].gap_open, 30);
        assert!(
            find(b"NNNNNNNNNNNN", &GapTable::default())
                .iter()
                .all(|r| r.gap_open == NO_REPEAT)
        );
    }
}
