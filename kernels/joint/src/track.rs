//! What is known of one sample in the current window.

use crate::evidence::{Block, Call, Evidence};

/// A sample's records around a window, ready to be asked about a base.
#[derive(Debug, Default)]
pub(crate) struct Track {
    blocks: Vec<Block>,
    calls: Vec<Call>,
    /// The greatest end of `blocks[..=i]` and of `calls[..=i]`.
    block_reach: Vec<u32>,
    call_reach: Vec<u32>,
}

impl Track {
    /// Adds a record; [`Track::settle`] must follow before the track is asked.
    pub(crate) fn add(&mut self, evidence: Evidence) {
        match evidence {
            Evidence::Block(block) => self.blocks.push(block),
            Evidence::Call(call) => self.calls.push(call),
        }
    }

    /// Forgets what ends at or before `position`.
    pub(crate) fn forget(&mut self, position: u32) {
        self.blocks.retain(|block| block.end > position);
        self.calls.retain(|call| call.end > position);
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.blocks.clear();
        self.calls.clear();
    }

    /// Sorts what was added; records that start at one base keep the order of the file.
    pub(crate) fn settle(&mut self) {
        self.blocks.sort_by_key(|block| block.start);
        self.calls.sort_by_key(|call| call.start);
        self.block_reach = reach(self.blocks.iter().map(|block| block.end));
        self.call_reach = reach(self.calls.iter().map(|call| call.end));
    }

    /// The calls, sorted by start.
    pub(crate) fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// The calls that speak of a base, the one that starts last first.
    pub(crate) fn calls_at(&self, position: u32) -> impl Iterator<Item = &Call> {
        let from = self.calls.partition_point(|call| call.start <= position);
        self.calls_before(from, position)
    }

    fn calls_before(&self, from: usize, position: u32) -> impl Iterator<Item = &Call> {
        (0..from)
            .rev()
            .take_while(move |&at| self.call_reach[at] > position)
            .map(|at| &self.calls[at])
            .filter(move |call| call.end > position)
    }

    /// The block that speaks of a base; the one that starts last if there are several.
    pub(crate) fn block_at(&self, position: u32) -> Option<&Block> {
        let from = self.blocks.partition_point(|block| block.start <= position);
        self.block_before(from, position).map(|(_, block)| block)
    }

    fn block_before(&self, from: usize, position: u32) -> Option<(usize, &Block)> {
        (0..from)
            .rev()
            .take_while(|&at| self.block_reach[at] > position)
            .map(|at| (at, &self.blocks[at]))
            .find(|(_, block)| block.end > position)
    }

    /// Starts to look at bases one after the other, from `position` on.
    pub(crate) fn walk(&self, position: u32) -> Walk<'_> {
        Walk {
            track: self,
            blocks: self.blocks.partition_point(|block| block.start <= position),
            calls: self.calls.partition_point(|call| call.start <= position),
        }
    }
}

/// Looks at bases in order, which costs less than looking each up.
pub(crate) struct Walk<'a> {
    track: &'a Track,
    /// How many start at or before the base.
    blocks: usize,
    calls: usize,
}

impl<'a> Walk<'a> {
    /// Goes on to a base, which does not lie before the one looked at last.
    pub(crate) fn go(&mut self, position: u32) {
        let (blocks, calls) = (&self.track.blocks, &self.track.calls);
        while blocks
            .get(self.blocks)
            .is_some_and(|block| block.start <= position)
        {
            self.blocks += 1;
        }
        while calls
            .get(self.calls)
            .is_some_and(|call| call.start <= position)
        {
            self.calls += 1;
        }
    }

    /// Whether calls may speak of the base, which was gone to.
    pub(crate) fn has_calls(&self, position: u32) -> bool {
        self.calls > 0 && self.track.call_reach[self.calls - 1] > position
    }

    /// As [`Track::calls_at`] for the base, which was gone to.
    pub(crate) fn calls(&self, position: u32) -> impl Iterator<Item = &'a Call> {
        self.track.calls_before(self.calls, position)
    }

    /// As [`Track::block_at`] for the base, which was gone to, with the place of the block.
    pub(crate) fn block(&self, position: u32) -> Option<(usize, &'a Block)> {
        self.track.block_before(self.blocks, position)
    }
}

fn reach(ends: impl Iterator<Item = u32>) -> Vec<u32> {
    ends.scan(0, |reach, end| {
        *reach = end.max(*reach);
        Some(*reach)
    })
    .collect()
}
