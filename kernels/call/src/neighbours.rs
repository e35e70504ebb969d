//! What a region has to know of the regions beside it, into which its reads reach.

use std::borrow::Cow;

use crate::candidate::{ACTIVE, Candidate};
use crate::event::Event;
use crate::read::Read;
use crate::region::Region;
use crate::window::Window;

/// The span without what lies beyond deletions of other regions that reach over its ends: bases of a read before such a
/// one are not where the reference has them. All candidates of the region end at `reach` or before.
pub(crate) fn shortened(
    region: &Region,
    reach: i64,
    (mut from, mut to): (i64, i64),
    candidates: &[Candidate],
) -> (i64, i64) {
    let is_deletion = |c: &&Candidate| c.odds >= ACTIVE && c.event.del > 0;
    for candidate in candidates.iter().filter(is_deletion) {
        let (start, end) = (candidate.event.vcf_start(), candidate.event.end());
        if start <= from && from < end && end < region.start {
            from = end;
        }
        if start < to && to <= end && start > reach {
            to = start;
        }
    }
    (from, to)
}

/// Gaps of other regions within the span, which haplotypes of this one need to have.
pub(crate) fn gaps<'a>(
    region: &'a Region,
    (from, to): (i64, i64),
    candidates: &'a [Candidate],
) -> impl Iterator<Item = &'a Candidate> {
    candidates.iter().filter(move |candidate| {
        let (start, end) = (candidate.event.vcf_start(), candidate.event.end());
        candidate.odds >= ACTIVE
            && candidate.event.is_indel()
            && (start < region.start || start >= region.end)
            && from < start
            && end < to
    })
}

/// The reads with the reference's bases where other regions have substitutions: no haplotype of this one has those, and
/// reads would seem not to belong here.
pub(crate) fn calmed<'a>(
    reads: &[&'a Read],
    region: &Region,
    (from, to): (i64, i64),
    candidates: &[Candidate],
    window: &Window,
) -> Vec<Cow<'a, Read>> {
    let others: Vec<&Event> = candidates
        .iter()
        .filter(|candidate| candidate.odds >= ACTIVE && !candidate.event.is_indel())
        .map(|candidate| &candidate.event)
        .filter(|event| (from..to).contains(&event.pos))
        .filter(|event| event.pos < region.start || event.pos >= region.end)
        .collect();
    let calm = |&read: &&'a Read| {
        let mut calmed = Cow::Borrowed(read);
        for event in &others {
            let Some(index) = read.base_at(event.pos) else {
                continue;
            };
            if read.bases[index] == event.ins[0] {
                calmed.to_mut().bases[index] = window.at(event.pos);
            }
        }
        calmed
    };
    reads.iter().map(calm).collect()
}

#[cfg(test)]
mod tests {
    use super::shortened;
    use crate::candidate::Candidate;
    use crate::event::Event;
    use crate::region::Region;

    #[test]
    fn deletions_over_the_ends_of_the_span_shorten_it() {
        let region = Region {
            start: 200,
            end: 220,
            gapped: false,
        };
        let deletion = |pos, del| Candidate {
            event: Event {
                pos,
                del,
                ins: Vec::new(),
            },
            odds: 9.0,
            fragments: Vec::new(),
        };
        let cases = [
            (deletion(100, 50), (150, 300)),
            (deletion(280, 50), (120, 279)),
            (deletion(130, 20), (120, 300)),
            (deletion(100, 150), (120, 300)),
        ];
        for (candidate, expected) in cases {
            let found = shortened(&region, region.end, (120, 300), &[candidate]);
            assert_eq!(found, expected);
        }
        // A candidate of the region that ends behind the deletion's start needs the bases there.
        let other = deletion(280, 50);
        assert_eq!(shortened(&region, 290, (120, 300), &[other]), (120, 300));
    }
}
