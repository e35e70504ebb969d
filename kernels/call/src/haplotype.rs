//! Sequences a region may have: candidates laid into the reference as reads combine them.

use std::collections::BTreeMap;

use crate::align;
use crate::candidate::Candidate;
use crate::event::{self, Event};
use crate::read::Read;
use crate::window::Window;

/// More candidates than this are not combined; the ones with the best odds are.
const MAX_CANDIDATES: usize = 20;
/// More haplotypes than this are not compared.
pub(crate) const MAX_HAPLOTYPES: usize = 64;
/// A combination that fewer of the fragments show is an error in one of them.
const MIN_SHARE: f64 = 0.04;

/// A sequence over the window of a region, and how it differs from the reference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Haplotype {
    /// Its bases.
    pub bases: Vec<u8>,
    /// Its differences, sorted and apart.
    pub events: Vec<Event>,
}

impl Haplotype {
    /// The haplotype with `events`, which are sorted and apart, over `start..end`.
    pub(crate) fn new(reference: &Window, (start, end): (i64, i64), events: Vec<Event>) -> Self {
        let laid: Vec<&Event> = events.iter().collect();
        Self {
            bases: event::apply(reference, start, end, &laid),
            events,
        }
    }

    /// The same sequence with the differences that an alignment gives; `None` when it cannot be aligned.
    pub(crate) fn canonical(self, reference: &Window, span: (i64, i64)) -> Option<Self> {
        if !self.events.iter().any(Event::is_indel) {
            return Some(self);
        }
        let events = align::differences(reference, span, &self.bases)?;
        Some(Self { events, ..self })
    }
}

/// One way per sequence, the reference first, then by sequence. Of several ways to make one sequence the one
/// with the fewest differences stays.
pub(crate) fn distinct(mut haplotypes: Vec<Haplotype>) -> Vec<Haplotype> {
    haplotypes.sort_by(|a, b| {
        (&a.bases, a.events.len(), &a.events).cmp(&(&b.bases, b.events.len(), &b.events))
    });
    haplotypes.dedup_by(|a, b| a.bases == b.bases);
    haplotypes.sort_by_key(|haplotype| !haplotype.events.is_empty());
    haplotypes
}

/// How the haplotypes of a region go on from one candidate to the next, by the fragments that cover both.
struct Links {
    /// `[i][state of i][state of i + 1]`
    counts: Vec<[[u32; 2]; 2]>,
}

/// Combines candidates into lists of events; the empty list, the reference, is among them. The most likely
/// come first.
pub(crate) fn combine(candidates: &[&Candidate], reads: &[&Read]) -> Vec<Vec<Event>> {
    let mut chosen: Vec<&Candidate> = candidates.to_vec();
    chosen.sort_by(|a, b| {
        b.odds
            .total_cmp(&a.odds)
            .then_with(|| a.event.cmp(&b.event))
    });
    chosen.truncate(MAX_CANDIDATES);
    chosen.sort_by(|a, b| a.event.cmp(&b.event));
    let links = links(&chosen, reads);
    // State of the last candidate, score, numbers of the candidates that are in.
    let mut beam: Vec<(usize, f64, Vec<usize>)> = vec![(0, 0.0, Vec::new())];
    for number in 0..chosen.len() {
        let mut next = Vec::with_capacity(2 * beam.len());
        for (last, score, inside) in &beam {
            for state in 0..2 {
                let fits = state == 0
                    || inside
                        .last()
                        .is_none_or(|&before| apart(&chosen[before].event, &chosen[number].event));
                let weight = number
                    .checked_sub(1)
                    .map_or(Some(0.0), |link| links.weight(link, *last, state));
                if let (true, Some(weight)) = (fits, weight) {
                    let mut inside = inside.clone();
                    inside.extend((state == 1).then_some(number));
                    next.push((state, score + weight, inside));
                }
            }
        }
        next.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.2.cmp(&b.2)));
        next.truncate(MAX_HAPLOTYPES);
        beam = next;
    }
    if !beam.iter().any(|(_, _, inside)| inside.is_empty()) {
        beam.truncate(MAX_HAPLOTYPES - 1);
        beam.push((0, 0.0, Vec::new()));
    }
    beam.into_iter()
        .map(|(_, _, inside)| {
            inside
                .into_iter()
                .map(|n| chosen[n].event.clone())
                .collect()
        })
        .collect()
}

/// True when one haplotype may carry both, `b` not before `a`.
fn apart(a: &Event, b: &Event) -> bool {
    // An insertion directly behind a substitution is apart; two changes of one base are not.
    a.end() <= b.pos && (a.pos < b.pos || a.del > 0)
}

impl Links {
    /// log of the share of fragments that go from one state to the other; `None` when practically none does.
    fn weight(&self, link: usize, from: usize, to: usize) -> Option<f64> {
        let counts = self.counts[link][from];
        let total: u32 = self.counts[link].iter().flatten().sum();
        let here = counts[to];
        if total == 0 {
            return Some(0.5f64.ln());
        }
        let enough = here > 0 && f64::from(here) >= MIN_SHARE * f64::from(total);
        enough.then(|| (f64::from(here) / f64::from(total)).ln())
    }
}

fn links(chosen: &[&Candidate], reads: &[&Read]) -> Links {
    let mut spans: BTreeMap<u64, Vec<(i64, i64)>> = BTreeMap::new();
    for read in reads {
        spans
            .entry(read.name)
            .or_default()
            .push((read.start, read.end));
    }
    let states: Vec<Vec<Option<usize>>> = chosen
        .iter()
        .map(|candidate| {
            let (from, to) = (candidate.event.vcf_start(), candidate.event.end());
            spans
                .iter()
                .map(|(name, spans)| {
                    if candidate.fragments.binary_search(name).is_ok() {
                        return Some(1);
                    }
                    let covered = spans.iter().any(|&(start, end)| start <= from && to < end);
                    covered.then_some(0)
                })
                .collect()
        })
        .collect();
    let counts = states
        .windows(2)
        .map(|pair| {
            let mut counts = [[0; 2]; 2];
            for (&a, &b) in pair[0].iter().zip(&pair[1]) {
                if let (Some(a), Some(b)) = (a, b) {
                    counts[a][b] += 1;
                }
            }
            counts
        })
        .collect();
    Links { counts }
}

#[cfg(test)]
mod tests {
    use super::{Haplotype, combine, distinct};
    use crate::candidate::Candidate;
    use crate::event::Event;
    use crate::read::Read;
    use crate::window::Window;

    fn candidate(event: Event, fragments: &[u64]) -> Candidate {
        Candidate {
            event,
            odds: 5.0,
            fragments: fragments.to_vec(),
        }
    }

    fn reads(names: std::ops::Range<u64>) -> Vec<Read> {
        let make = |name| Read {
            name,
            start: 0,
            end: 100,
            ..Read::default()
        };
        names.map(make).collect()
    }

    #[test]
    fn reads_decide_which_alleles_go_together() {
        let (a, b) = (Event::snv(10, b'A'), Event::snv(20, b'C'));
        let reads = reads(0..8);
        let reads: Vec<&Read> = reads.iter().collect();
        let (first, second) = (
            candidate(a.clone(), &[0, 1, 2, 3]),
            candidate(b.clone(), &[0, 1, 2, 3]),
        );
        let mut cis = combine(&[&first, &second], &reads);
        cis.sort();
        assert_eq!(cis, [vec![], vec![a.clone(), b.clone()]]);
        let second = candidate(b.clone(), &[4, 5, 6, 7]);
        let mut trans = combine(&[&first, &second], &reads);
        trans.sort();
        assert_eq!(trans, [vec![], vec![a], vec![b]]);
    }

    #[test]
    fn one_sequence_is_kept_once() {
        let window = Window {
            start: 0,
            bases: b"GCAAAT".to_vec(),
        };
        let deletion = |pos| Event {
            pos,
            del: 1,
            ins: Vec::new(),
        };
        let make = |events| Haplotype::new(&window, (0, 6), events);
        let all = distinct(vec![
            make(vec![deletion(4)]),
            make(vec![]),
            make(vec![deletion(2)]),
        ]);
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].events, []);
        assert_eq!(all[1].events, [deletion(2)]);
    }
}
