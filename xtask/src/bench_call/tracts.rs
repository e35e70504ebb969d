//! Homopolymers and short tandem repeats of a sequence.

/// Least units of a repeat by period: homopolymers of six bases, dinucleotides of five units, others of twelve bases
/// or more.
const LEAST_UNITS: [usize; 6] = [6, 5, 4, 3, 3, 3];

/// A repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tract {
    /// First base, 0-based.
    pub start: usize,
    /// One past its last base.
    pub end: usize,
    /// Bases of a unit.
    pub period: usize,
}

impl Tract {
    /// Whole units.
    pub(super) fn units(&self) -> usize {
        (self.end - self.start) / self.period
    }
}

/// The repeats of `bases`, by start. Where two overlap by more than a unit the shorter period stays.
pub(super) fn find(bases: &[u8]) -> Vec<Tract> {
    let mut found: Vec<Tract> = Vec::new();
    let mut taken = vec![false; bases.len()];
    for (period, least) in (1..).zip(LEAST_UNITS) {
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
            let overlap = taken[start..at].iter().filter(|&&taken| taken).count();
            if at - start >= least * period && overlap <= period {
                taken[start..at].fill(true);
                found.push(Tract {
                    start,
                    end: at,
                    period,
                });
            }
        }
    }
    found.sort_by_key(|tract| tract.start);
    found
}

/// The repeat that holds base `at`, or begins behind it.
pub(super) fn at(tracts: &[Tract], at: usize) -> Option<&Tract> {
    let next = tracts.partition_point(|tract| tract.start <= at + 1);
    tracts[..next]
        .iter()
        .rev()
        .take(2)
        .find(|tract| at < tract.end)
}

#[cfg(test)]
mod tests {
    use super::{Tract, at, find};

    #[test]
    fn short_periods_come_first_and_short_repeats_do_not_count() {
        let bases = b"GCAAAAAATGTGTGTGTGCCATCATCATCATGAAAAAG";
        let (a, tg, atc) = ((2, 8, 1), (8, 18, 2), (19, 31, 3));
        let expected = [a, tg, atc].map(|(start, end, period)| Tract { start, end, period });
        let found = find(bases);
        assert_eq!(found, expected);
        assert_eq!(found[1].units(), 5);
        assert_eq!(at(&found, 1), Some(&expected[0]));
        assert_eq!(at(&found, 0), None);
        assert_eq!(at(&found, 7), Some(&expected[1]));
        assert_eq!(at(&found, 18), Some(&expected[2]));
        assert_eq!(at(&found, 31), None);
    }
}
