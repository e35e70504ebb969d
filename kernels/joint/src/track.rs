//! What is known of one sample in the current window.

use std::sync::Arc;

use crate::evidence::{Block, Call};

/// Bases up to `end`, from where the run before ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// One past the last base, 0-based.
    pub(crate) end: u32,
    /// The place in the table of blocks, from 1; 0 where no block covers the bases.
    pub(crate) block: u32,
}

/// A sample's records around a window, ready to be asked about a base of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Track {
    /// The window from its first base to its last, without gaps.
    runs: Vec<Run>,
    blocks: Arc<Vec<Block>>,
    /// By start; those that start at one base in the order of the file.
    calls: Vec<Call>,
    /// The greatest end of `calls[..=i]`.
    reach: Vec<u32>,
}

impl Track {
    /// A track of runs that cover a window, and of calls in order of their starts.
    pub(crate) fn new(runs: Vec<Run>, blocks: Arc<Vec<Block>>, calls: Vec<Call>) -> Self {
        let mut last = 0;
        let reach = calls.iter().map(|call| {
            last = call.end.max(last);
            last
        });
        Self {
            reach: reach.collect(),
            runs,
            blocks,
            calls,
        }
    }

    /// The runs of the window.
    pub(crate) fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// The block of a run.
    pub(crate) fn block(&self, run: Run) -> Option<&Block> {
        self.blocks.get((run.block as usize).checked_sub(1)?)
    }

    /// The blocks that runs name.
    pub(crate) fn blocks(&self) -> &Arc<Vec<Block>> {
        &self.blocks
    }

    /// True when no block covers a base of `from..to`, which lie in the window.
    pub(crate) fn is_uncovered(&self, from: u32, to: u32) -> bool {
        let at = self.runs.partition_point(|run| run.end <= from);
        let run = self.runs.get(at);
        run.is_some_and(|run| run.block == 0 && run.end >= to)
    }

    /// The calls that speak of a base of `from..to`, sorted by start.
    pub(crate) fn calls_in(&self, from: u32, to: u32) -> impl Iterator<Item = &Call> {
        let first = self.reach.partition_point(|reach| *reach <= from);
        let calls = self.calls[first..].iter();
        let calls = calls.take_while(move |call| call.start < to);
        calls.filter(move |call| call.end > from)
    }

    /// Takes the calls out.
    pub(crate) fn into_calls(self) -> Vec<Call> {
        self.calls
    }

    fn calls_before(&self, from: usize, position: u32) -> impl Iterator<Item = &Call> {
        (0..from)
            .rev()
            .take_while(move |&at| self.reach[at] > position)
            .map(|at| &self.calls[at])
            .filter(move |call| call.end > position)
    }

    /// Starts to look at bases one after the other, with `position`.
    pub(crate) fn walk(&self, position: u32) -> Walk<'_> {
        self.walk_from(Place::default(), position)
    }

    /// As [`Track::walk`], from a place that lies before.
    pub(crate) fn walk_from(&self, place: Place, position: u32) -> Walk<'_> {
        let place = self.place_from(place, position);
        let mut walk = Walk {
            track: self,
            place,
            run: place.run,
            calls: place.call,
        };
        walk.go(position);
        walk
    }

    /// The place of a base, from one that lies before.
    pub(crate) fn place_from(&self, place: Place, position: u32) -> Place {
        Place {
            run: beyond(&self.runs, place.run, |run| run.end <= position),
            call: beyond(&self.reach, place.call, |end| *end <= position),
        }
    }
}

/// The first from `at` on for which `before` does not hold; what it holds for comes first. It mostly lies near.
fn beyond<T>(items: &[T], mut at: usize, before: impl Fn(&T) -> bool) -> usize {
    let mut step = 1;
    while items.get(at + step - 1).is_some_and(&before) {
        at += step;
        step *= 2;
    }
    let rest = &items[at.min(items.len())..items.len().min(at + step - 1)];
    at + rest.partition_point(before)
}

/// Where a base lies in a track.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    /// Its run.
    run: usize,
    /// The first call that ends after it.
    call: usize,
}

/// Looks at bases in order, which costs less than looking each up.
pub(crate) struct Walk<'a> {
    track: &'a Track,
    /// Of the base that was begun with.
    place: Place,
    /// The run of the base.
    run: usize,
    /// How many calls start at or before the base.
    calls: usize,
}

impl<'a> Walk<'a> {
    /// Goes on to a base, which does not lie before the one looked at last.
    pub(crate) fn go(&mut self, position: u32) {
        let (runs, calls) = (&self.track.runs, &self.track.calls);
        while runs.get(self.run).is_some_and(|run| run.end <= position) {
            self.run += 1;
        }
        while calls
            .get(self.calls)
            .is_some_and(|call| call.start <= position)
        {
            self.calls += 1;
        }
    }

    /// The runs from that of the base on that was begun with.
    pub(crate) fn runs(&self) -> &'a [Run] {
        &self.track.runs[self.place.run..]
    }

    /// The calls from the first one on that ends after the base that was begun with.
    pub(crate) fn ahead(&self) -> &'a [Call] {
        &self.track.calls[self.place.call..]
    }

    /// The place of a base that does not lie before the one that was begun with, when so many runs from that one's on
    /// end before it.
    pub(crate) fn place_after(&self, runs: usize, position: u32) -> Place {
        let Place { run, call } = self.place;
        Place {
            run: run + runs,
            call: beyond(&self.track.reach, call, |end| *end <= position),
        }
    }

    /// The calls that speak of the base, which was gone to, the one that starts last first.
    pub(crate) fn calls(&self, position: u32) -> impl Iterator<Item = &'a Call> + use<'a> {
        self.track.calls_before(self.calls, position)
    }

    /// The block that speaks of the base, which was gone to; the one that starts last if there are several.
    pub(crate) fn block(&self) -> Option<&'a Block> {
        self.track.block(*self.track.runs.get(self.run)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::beyond;

    proptest! {
        #[test]
        fn what_lies_beyond_is_found(length in 0usize..70, from in 0usize..70, to in 0usize..70) {
            let items: Vec<usize> = (0..length).collect();
            let expected = to.clamp(from.min(length), length);
            prop_assert_eq!(beyond(&items, from.min(length), |item| *item < to), expected);
        }
    }
}
