//! How a haplotype differs from the reference: one alignment, gaps moved left.

use crate::event::Event;
use crate::window::Window;

/// Scores of an alignment.
struct Scores {
    same: i32,
    substitution: i32,
    open: i32,
    extend: i32,
}

/// What is asked for: the description that is likeliest to have happened. Phred of how rare a gap is in a genome (the
/// prior of `Params`), each further base of a gap half as often as none; a substitution as rare as it is near another
/// one.
const LIKELIEST: Scores = Scores {
    same: 0,
    substitution: -20,
    open: -39,
    extend: -3,
};
/// Phred of how rare a substitution is where nothing else is near (the prior of `Params`).
const ALONE: i32 = 30;
/// One in a hundred substitutions has another one so near.
const NEAR: i64 = 10;
/// What is also tried: GATK's scores for haplotypes, to which gaps cost less than substitutions.
const GAPPED: Scores = Scores {
    same: 200,
    substitution: -150,
    open: -260,
    extend: -11,
};
/// Phred by which repeats gain or lose units more often than other sequence changes its length: they hold 45 % of
/// the indels of human genomes in 4 % of the sequence (Montgomery et al. 2013).
const SLIP: i32 = 13;
/// Repeats of fewer bases do not slip more often.
const SLIPPING: usize = 6;
const LOW: i32 = i32::MIN / 2;
/// A table of more cells than this is not worth its time: such a haplotype is left out.
const MAX_CELLS: usize = 1 << 20;

/// The differences of `bases` from the reference over `start..end`: end to end, affine gaps (Gotoh 1982), gaps as
/// far left as they go. `None` when there is no telling.
pub(crate) fn differences(
    reference: &Window,
    (start, end): (i64, i64),
    bases: &[u8],
) -> Option<Vec<Event>> {
    let whole = reference.slice(start, end);
    let shortest = whole.len().min(bases.len());
    let head = whole.iter().zip(bases).take_while(|(a, b)| a == b).count();
    let tail = whole
        .iter()
        .rev()
        .zip(bases.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let tail = tail.min(shortest - head);
    let (old, new) = (
        &whole[head..whole.len() - tail],
        &bases[head..bases.len() - tail],
    );
    if old.len().saturating_mul(new.len()) > MAX_CELLS || new.contains(&b'N') {
        return None;
    }
    let described = |scores: &Scores| {
        let mut events = events(start + head as i64, old, new, scores);
        let mut limit = start + 1;
        for event in &mut events {
            event.left_align(reference, limit);
            limit = event.end().max(event.pos + i64::from(event.del == 0));
        }
        events
    };
    [described(&LIKELIEST), described(&GAPPED)]
        .into_iter()
        .min_by_key(|events| {
            let before = [None].into_iter().chain(events.iter().map(Some));
            let rarities = before
                .zip(events)
                .map(|(before, event)| rarity(event, before, reference));
            rarities.sum::<i32>()
        })
}

/// Phred of how rare a difference is behind the one before.
fn rarity(event: &Event, before: Option<&Event>, reference: &Window) -> i32 {
    if !event.is_indel() {
        let near = before.is_some_and(|b| !b.is_indel() && event.pos < b.end() + NEAR);
        return if near { -LIKELIEST.substitution } else { ALONE };
    }
    let changed = event.ins.len().abs_diff(event.del as usize) as i32;
    let slips = i32::from(slips(event, reference)) * SLIP;
    -LIKELIEST.open - LIKELIEST.extend * (changed - 1) - slips
}

/// True when a gap, moved left, adds or takes units of a repeat of the reference.
fn slips(event: &Event, reference: &Window) -> bool {
    let gap = if event.del > 0 {
        reference.slice(event.pos, event.end())
    } else {
        &event.ins
    };
    let unit = (1..=gap.len())
        .find(|&period| gap.len() % period == 0 && gap[period..] == gap[..gap.len() - period])
        .map_or(gap, |period| &gap[..period]);
    let tract = (event.pos..reference.end())
        .zip(unit.iter().cycle())
        .take_while(|&(at, &base)| reference.at(at) == base)
        .count();
    tract >= SLIPPING.max(2 * unit.len())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Both,
    Old,
    New,
}

/// Differences of the best end-to-end alignment, in order; a gap comes as one.
fn events(start: i64, old: &[u8], new: &[u8], scores: &Scores) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    let (mut at, mut index) = (start, 0);
    let mut before = Step::Both;
    for step in steps(old, new, scores) {
        let from = (at - start) as usize;
        match step {
            Step::Both if old[from] != new[index] => events.push(Event::snv(at, new[index])),
            Step::Both => {}
            Step::Old if before == Step::Old => {
                if let Some(last) = events.last_mut() {
                    last.del += 1;
                }
            }
            Step::New if before == Step::New => {
                if let Some(last) = events.last_mut() {
                    last.ins.push(new[index]);
                }
            }
            Step::Old => events.push(Event {
                pos: at,
                del: 1,
                ins: Vec::new(),
            }),
            Step::New => events.push(Event {
                pos: at,
                del: 0,
                ins: vec![new[index]],
            }),
        }
        at += i64::from(step != Step::New);
        index += usize::from(step != Step::Old);
        before = step;
    }
    events
}

fn steps(old: &[u8], new: &[u8], scores: &Scores) -> Vec<Step> {
    let width = new.len() + 1;
    let gap = |length: usize| {
        if length == 0 {
            0
        } else {
            scores.open + scores.extend * (length as i32 - 1)
        }
    };
    // Best score that ends in each state, row by row; where each cell's states come from.
    let (mut best, mut deleted) = (vec![0; width], vec![LOW; width]);
    let mut trace = vec![[Step::Both; 3]; (old.len() + 1) * width];
    for (column, score) in best.iter_mut().enumerate() {
        *score = gap(column);
        trace[column] = [
            Step::New,
            Step::Both,
            if column > 1 { Step::New } else { Step::Both },
        ];
    }
    for (row, base) in (1..).zip(old) {
        let mut diagonal = best[0];
        best[0] = gap(row);
        deleted[0] = best[0];
        trace[row * width] = [
            Step::Old,
            if row > 1 { Step::Old } else { Step::Both },
            Step::Both,
        ];
        let mut inserted = LOW;
        for column in 1..width {
            let cell = &mut trace[row * width + column];
            let (open, extend) = (best[column] + scores.open, deleted[column] + scores.extend);
            (deleted[column], cell[1]) = if extend > open {
                (extend, Step::Old)
            } else {
                (open, Step::Both)
            };
            let (open, extend) = (best[column - 1] + scores.open, inserted + scores.extend);
            (inserted, cell[2]) = if extend > open {
                (extend, Step::New)
            } else {
                (open, Step::Both)
            };
            let both = diagonal
                + if *base == new[column - 1] {
                    scores.same
                } else {
                    scores.substitution
                };
            diagonal = best[column];
            (best[column], cell[0]) = if both >= deleted[column] && both >= inserted {
                (both, Step::Both)
            } else if deleted[column] >= inserted {
                (deleted[column], Step::Old)
            } else {
                (inserted, Step::New)
            };
        }
    }
    let mut steps = Vec::with_capacity(old.len() + new.len());
    let (mut row, mut column, mut state) = (old.len(), new.len(), Step::Both);
    while row > 0 || column > 0 {
        let cell = trace[row * width + column];
        if state == Step::Both {
            state = cell[0];
        }
        steps.push(state);
        match state {
            Step::Both => (row, column) = (row - 1, column - 1),
            Step::Old => (row, state) = (row - 1, cell[1]),
            Step::New => (column, state) = (column - 1, cell[2]),
        }
    }
    steps.reverse();
    steps
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::differences;
    use crate::event::{Event, apply};
    use crate::window::Window;

    fn window(bases: &[u8]) -> Window {
        Window {
            start: 100,
            bases: bases.to_vec(),
        }
    }

    fn check(reference: &str, haplotype: &str, expected: &[(i64, u32, &str)]) {
        let window = window(reference.as_bytes());
        let found = differences(&window, (100, window.end()), haplotype.as_bytes()).expect("small");
        let expected: Vec<Event> = expected
            .iter()
            .map(|&(pos, del, ins)| Event {
                pos,
                del,
                ins: ins.as_bytes().to_vec(),
            })
            .collect();
        assert_eq!(found, expected, "{reference} {haplotype}");
    }

    #[test]
    fn differences_are_minimal_and_left_aligned() {
        check("GATTACAGATTACA", "GATTACAGATTACA", &[]);
        check("GATTACAGATTACA", "GATTGCAGATTACA", &[(104, 1, "G")]);
        check("GCAAAAATTCG", "GCAAAATTCG", &[(102, 1, "")]);
        check("GCACACATTCG", "GCACACACATTCG", &[(101, 0, "CA")]);
        // Six substitutions on one haplotype, not twelve bases lost and gained that hide those of the other.
        check(
            "ATGGGACCCTGACCGAGGTAACATC",
            "AAGGGGCCCCGGCTGAAGTAACATC",
            &[
                (101, 1, "A"),
                (105, 1, "G"),
                (109, 1, "C"),
                (111, 1, "G"),
                (113, 1, "T"),
                (116, 1, "A"),
            ],
        );
        // The poly-C of human mitochondria: one more C on each side of the T.
        check(
            "GACCCCCCCTCCCCCGC",
            "GACCCCCCCCTCCCCCCGC",
            &[(102, 0, "C"), (110, 0, "C")],
        );
        // Seven bases more and a substitution, not two insertions that no neighbour shares.
        check(
            "TCAGAGAAAGAGAGAGACCTTGC",
            "TCAGAAAAAGAGAGGGAGGAGAGACCTTGC",
            &[(105, 1, "A"), (111, 0, "GAGGGAG")],
        );
    }

    proptest! {
        #[test]
        fn laying_the_differences_in_gives_the_haplotype(
            old in "[ACGT]{4,40}", new in "[ACGT]{4,40}"
        ) {
            let window = window(format!("GATC{old}CTAG").as_bytes());
            let new = format!("GATC{new}CTAG");
            let found = differences(&window, (100, window.end()), new.as_bytes()).expect("small");
            let laid: Vec<&Event> = found.iter().collect();
            prop_assert!(found.windows(2).all(|pair| pair[0].end() <= pair[1].pos), "{found:?}");
            prop_assert_eq!(apply(&window, 100, window.end(), &laid), new.into_bytes());
        }
    }
}
