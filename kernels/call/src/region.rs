//! Active regions: where reads may differ from the reference.
//!
//! A region's ends are functions of the reads near them. Activity in neighbouring bases is joined, and cut
//! again in every absolute cell of 256 bases at the middle of its longest quiet stretch; no chain of activity is
//! therefore longer than two cells, and no cut depends on where the looking began.

use crate::candidate::{ACTIVE, Candidate};
use crate::repeats::Repeat;

const CELL: i64 = 256;
/// Activity closer than this is one region.
const JOIN: i64 = 20;
/// Bases on both sides of activity that belong to its region: the same sequence may be described by differences that
/// begin beside those that reads show. Less than half of what keeps regions apart.
const REACH: i64 = 9;
/// Bases around a clip in which its cause may lie.
const CLIP_REACH: i64 = 10;

/// Repeats in which gaps open more easily than this, phred, belong to the region whole ...
const STUTTERS: u8 = 38;
/// ... as do those of so many bases ...
const LONG: u32 = 7;
/// ... as far as this.
const TRACT_REACH: i64 = 50;

/// Bases `start..end`, and why they are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Region {
    /// First base, 0-based.
    pub start: i64,
    /// One past the last base.
    pub end: i64,
    /// Something other than substitutions is there: reads are clipped or gapped.
    pub gapped: bool,
}

/// The regions that touch `start..end`, the stretch that `candidates`, `clips` and `repeats` were made of.
pub(crate) fn find(
    (start, end): (i64, i64),
    candidates: &[Candidate],
    clips: &[i64],
    repeats: &[Repeat],
) -> Vec<Region> {
    let mut spans: Vec<(i64, i64, bool)> = Vec::new();
    for candidate in candidates.iter().filter(|c| c.odds >= ACTIVE) {
        let event = &candidate.event;
        let (from, to, stutters) = with_tracts(
            event.vcf_start(),
            event.end().max(event.pos + 1),
            start,
            repeats,
        );
        spans.push((from, to, stutters || event.is_indel()));
    }
    spans.extend(
        clips
            .iter()
            .map(|&at| (at - CLIP_REACH, at + CLIP_REACH, true)),
    );
    spans.retain_mut(|span| {
        *span = (span.0.max(start), span.1.min(end), span.2);
        span.0 < span.1
    });
    spans.sort_unstable();
    let cuts = cuts((start, end), &spans);
    let mut regions: Vec<Region> = Vec::new();
    for (from, to, gapped) in spans {
        match regions.last_mut() {
            Some(last) if from < last.end + JOIN => {
                last.end = last.end.max(to);
                last.gapped |= gapped;
            }
            _ => regions.push(Region {
                start: from,
                end: to,
                gapped,
            }),
        }
    }
    for region in &mut regions {
        region.start = (region.start - REACH).max(start);
        region.end = (region.end + REACH).min(end);
    }
    regions
        .into_iter()
        .flat_map(|region| split(region, &cuts))
        .collect()
}

/// Bases `from..to` with the repeats in or beside them, a gap in which may show as whatever was seen; and
/// whether there are such.
fn with_tracts(from: i64, to: i64, start: i64, repeats: &[Repeat]) -> (i64, i64, bool) {
    let (mut low, mut high, mut stutters) = (from, to, false);
    for position in from - 1..=to {
        let tract = usize::try_from(position - start)
            .ok()
            .and_then(|at| repeats.get(at));
        if let Some(tract) = tract.filter(|t| t.gap_open < STUTTERS || t.end - t.start >= LONG) {
            // A gap stands at the base before the tract.
            low = low.min((start + i64::from(tract.start) - 1).max(from - TRACT_REACH));
            high = high.max((start + i64::from(tract.end) + 1).min(to + TRACT_REACH));
            stutters = true;
        }
    }
    (low, high, stutters)
}

/// The middle of the longest stretch of each cell that no span touches; the middle of a cell without one.
fn cuts((start, end): (i64, i64), spans: &[(i64, i64, bool)]) -> Vec<i64> {
    let first = start.div_euclid(CELL);
    let mut cuts = Vec::new();
    let mut next = 0;
    let mut active: Vec<(i64, i64)> = Vec::new();
    for cell in first..=end.div_euclid(CELL) {
        let (low, high) = (cell * CELL, (cell + 1) * CELL);
        while next < spans.len() && spans[next].0 < high {
            active.push((spans[next].0, spans[next].1));
            next += 1;
        }
        active.retain(|span| span.1 > low);
        let (mut quiet_from, mut best) = (low, (0, low + CELL / 2));
        for &(from, to) in active.iter().chain(&[(high, high)]) {
            let (from, to) = (from.clamp(low, high), to.clamp(low, high));
            if from - quiet_from > best.0 {
                best = (from - quiet_from, quiet_from + (from - quiet_from) / 2);
            }
            quiet_from = quiet_from.max(to);
        }
        cuts.push(best.1);
    }
    cuts
}

fn split(region: Region, cuts: &[i64]) -> Vec<Region> {
    let from = cuts.partition_point(|&cut| cut <= region.start);
    let mut parts = Vec::new();
    let mut start = region.start;
    for &cut in cuts[from..].iter().take_while(|&&cut| cut < region.end) {
        parts.push(Region {
            start,
            end: cut,
            gapped: region.gapped,
        });
        start = cut;
    }
    parts.push(Region { start, ..region });
    parts
}

#[cfg(test)]
mod tests {
    use super::find;
    use crate::candidate::Candidate;
    use crate::event::Event;

    fn candidates(positions: impl IntoIterator<Item = i64>) -> Vec<Candidate> {
        let make = |pos| Candidate {
            event: Event::snv(pos, b'A'),
            odds: 9.0,
            fragments: Vec::new(),
        };
        positions.into_iter().map(make).collect()
    }

    fn spans(start: i64, end: i64, candidates: &[Candidate], clips: &[i64]) -> Vec<(i64, i64)> {
        let regions = find((start, end), candidates, clips, &[]);
        regions.iter().map(|r| (r.start, r.end)).collect()
    }

    #[test]
    fn near_activity_is_joined() {
        let found = spans(0, 2_000, &candidates([300, 310, 340]), &[600]);
        assert_eq!(found, [(291, 320), (331, 350), (581, 619)]);
    }

    #[test]
    fn long_chains_are_cut_at_places_that_do_not_depend_on_the_view() {
        let chain = candidates((0..4_000).step_by(7));
        let whole = spans(0, 4_096, &chain, &[]);
        assert!(whole.iter().all(|(from, to)| to - from < 512), "{whole:?}");
        let part: Vec<Candidate> = chain
            .iter()
            .filter(|c| (1_024..3_072).contains(&c.event.pos))
            .cloned()
            .collect();
        let part = spans(1_024, 3_072, &part, &[]);
        let inner = |spans: &[(i64, i64)]| -> Vec<(i64, i64)> {
            spans
                .iter()
                .copied()
                .filter(|s| s.0 >= 1_600 && s.1 <= 2_500)
                .collect()
        };
        assert!(!inner(&part).is_empty());
        assert_eq!(inner(&part), inner(&whole));
    }
}
