//! Deletions that reach from one active region into another.
//!
//! Regions are called on their own first. Those that a deletion called in another one reaches into are then called again:
//! with haplotypes that have it, and as `*` where a fragment shows it. What a first call finds is a function of the reads
//! near it, and the second looks no farther than the longest such deletion, so tiles and shards do not matter.

use crate::event::Event;
use crate::haplotype::MAX_HAPLOTYPES;
use crate::region::Region;

/// Longer deletions end, for others, with their own region.
pub(crate) const LONGEST: i64 = 384;

/// A called deletion: the place where VCF writes it, 0-based, and one past its last base.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Deletion {
    /// The base before.
    pub locus: i64,
    /// One past the last deleted base.
    pub end: i64,
}

impl Deletion {
    /// True when it begins before the region and hides bases of it.
    fn reaches(self, region: &Region) -> bool {
        self.locus < region.start && region.start < self.end && self.end - self.locus - 1 <= LONGEST
    }

    fn event(self) -> Event {
        Event {
            pos: self.locus + 1,
            del: (self.end - self.locus - 1) as u32,
            ins: Vec::new(),
        }
    }
}

/// Those of the deletions that reach into a region, sorted, each once.
pub(crate) fn reaching(deletions: &[Deletion], region: &Region) -> Vec<Deletion> {
    let mut found: Vec<Deletion> = deletions
        .iter()
        .copied()
        .filter(|deletion| deletion.reaches(region))
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Adds to combinations of differences, each sorted and the likeliest first, the same with each deletion that fits.
pub(crate) fn laid_in(combined: &mut Vec<Vec<Event>>, deletions: &[Deletion]) {
    let before = combined.len();
    for deletion in deletions {
        let event = deletion.event();
        for number in 0..before {
            if combined.len() >= 2 * MAX_HAPLOTYPES {
                return;
            }
            let events = &combined[number];
            let fits = |other: &Event| other.end() < event.pos || other.pos > event.end();
            if events.iter().all(fits) {
                let at = events.partition_point(|other| other.pos < event.pos);
                let mut with = events.clone();
                with.insert(at, event.clone());
                combined.push(with);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Deletion, LONGEST, laid_in, reaching};
    use crate::event::Event;
    use crate::region::Region;

    #[test]
    fn only_what_begins_before_a_region_and_ends_in_or_behind_it_reaches_it() {
        let region = Region {
            start: 500,
            end: 600,
            gapped: true,
        };
        let deletion = |locus, end| Deletion { locus, end };
        let all = [
            deletion(450, 520),
            deletion(400, 900),
            deletion(500, 520),
            deletion(400, 500),
            deletion(200, 700),
            deletion(499 - LONGEST, 501),
            deletion(450, 520),
        ];
        assert_eq!(reaching(&all, &region), [deletion(450, 520)]);
    }

    #[test]
    fn a_deletion_joins_what_lies_beside_it() {
        let (inside, beside) = (Event::snv(110, b'A'), Event::snv(90, b'C'));
        let mut combined = vec![vec![], vec![inside], vec![beside.clone()]];
        let deletion = Deletion {
            locus: 99,
            end: 120,
        };
        laid_in(&mut combined, &[deletion]);
        let event = deletion.event();
        assert_eq!(combined[3..], [vec![event.clone()], vec![beside, event]]);
    }
}
