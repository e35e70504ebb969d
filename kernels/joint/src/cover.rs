//! From blocks as they stand in a file to what covers each base.

use crate::evidence::{Block, Stretch};
use crate::track::Run;

/// The runs of the bases `start..end`, and their blocks. Of stretches that overlap the one that starts last
/// counts, and of those that start at one base the last; they must be sorted by start. Runs that follow each
/// other differ.
pub(crate) fn cover(stretches: &[Stretch], start: u32, end: u32) -> (Vec<Run>, Vec<Block>) {
    let mut cover = Cover {
        at: start,
        end,
        runs: Vec::with_capacity(2 * stretches.len() + 1),
        blocks: Vec::with_capacity(stretches.len()),
    };
    // Those that have started and may go on below the one on top.
    let mut open: Vec<Stretch> = Vec::new();
    for stretch in stretches.iter().filter(|s| s.end > start && s.start < end) {
        cover.up_to(stretch.start, &mut open);
        open.retain(|below| below.end > stretch.end);
        open.push(*stretch);
    }
    cover.up_to(end, &mut open);
    (cover.runs, cover.blocks)
}

struct Cover {
    at: u32,
    end: u32,
    runs: Vec<Run>,
    blocks: Vec<Block>,
}

impl Cover {
    /// Goes on to `position` under what is open.
    fn up_to(&mut self, position: u32, open: &mut Vec<Stretch>) {
        while self.at < position {
            let Some(top) = open.last() else {
                self.run(position, None);
                return;
            };
            let (end, block) = (top.end.min(position), top.block);
            if end > self.at {
                self.run(end, Some(block));
            }
            if top.end <= self.at {
                open.pop();
            }
        }
    }

    fn run(&mut self, end: u32, block: Option<Block>) {
        let end = end.min(self.end);
        if end <= self.at {
            return;
        }
        self.at = end;
        let last = self.runs.last_mut();
        match (last, block) {
            (Some(last), None) if last.block == 0 => last.end = end,
            (Some(last), Some(block))
                if last.block > 0 && self.blocks[last.block as usize - 1] == block =>
            {
                last.end = end;
            }
            (_, None) => self.runs.push(Run { end, block: 0 }),
            (_, Some(block)) => {
                self.blocks.push(block);
                let block = self.blocks.len() as u32;
                self.runs.push(Run { end, block });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::cover;
    use crate::evidence::{Block, Stretch};

    proptest! {
        #[test]
        fn each_base_has_the_block_that_starts_last(
            mut spans in prop::collection::vec((0u32..60, 1u32..30, 0u32..4), 0..12),
            start in 0u32..40,
            length in 1u32..50,
        ) {
            spans.sort_by_key(|span| span.0);
            let block = |quality| Block { ploidy: 2, depth: None, quality: Some(quality), likelihoods: [0; 3] };
            let stretches: Vec<Stretch> = spans
                .iter()
                .map(|(at, length, quality)| Stretch { start: *at, end: at + length, block: block(*quality) })
                .collect();
            let end = start + length;
            let (runs, blocks) = cover(&stretches, start, end);
            prop_assert_eq!(runs.last().map(|run| run.end), Some(end));
            prop_assert!(runs.windows(2).all(|pair| pair[0].end < pair[1].end));
            let of = |run: &crate::track::Run| run.block.checked_sub(1).map(|at| blocks[at as usize]);
            prop_assert!(runs.windows(2).all(|pair| of(&pair[0]) != of(&pair[1])));
            for position in start..end {
                let run = runs.iter().find(|run| run.end > position).expect("covered");
                let expected = stretches.iter().rev().find(|s| s.start <= position && s.end > position);
                prop_assert_eq!(of(run), expected.map(|s| s.block));
            }
        }
    }
}
