//! Mates found where a proper pair would have them.

use crate::extend::{Alignment, Buffers, banded};
use crate::insert_size::InsertSize;
use crate::pair::proper;
use crate::read::Read;
use crate::seed::SCORE_MIN;
use crate::setting::Setting;

/// Alignments of a read from which its mate is looked for.
const ANCHORS: usize = 4;

/// What is looked for.
pub(crate) struct Wanted<'a> {
    /// Both reads.
    pub reads: [&'a Read; 2],
    /// The insert sizes.
    pub expected: &'a InsertSize,
    /// Pairs that score less matter to nobody.
    pub least: i32,
    /// The most that each read may score where it was not found.
    pub unseen: [i32; 2],
}

/// Looks for the mate of each good alignment where a proper pair would have it, unless one is known there or the pair
/// could not matter. Adds what it finds to `found`; false when it looked for nothing.
pub(crate) fn mates(
    setting: Setting<'_>,
    wanted: &Wanted<'_>,
    found: &mut [Vec<Alignment>; 2],
    buffers: &mut Buffers,
) -> bool {
    let mut rescued: [Vec<Alignment>; 2] = Default::default();
    let mut looked = false;
    for side in 0..2 {
        let other = 1 - side;
        let Some(top) = found[side].first().map(|best| best.score) else {
            continue;
        };
        let least =
            (top - setting.params.unpaired).max(wanted.least.saturating_sub(wanted.unseen[other]));
        let good = found[side]
            .iter()
            .take_while(|anchor| anchor.score >= least);
        for anchor in good.take(ANCHORS) {
            let is_partner = |mate: &Alignment| proper(anchor, mate, wanted.expected).is_some();
            if found[other].iter().any(is_partner) {
                continue;
            }
            looked = true;
            let read = wanted.reads[other];
            rescued[other].extend(look(setting, read, anchor, wanted.expected, buffers));
        }
    }
    for (all, rescued) in found.iter_mut().zip(rescued) {
        all.extend(rescued);
    }
    looked
}

/// Aligns a read to the stretch of reference in which the mate of `anchor` would lie: so close, less is enough than
/// anywhere (as for bwa mem).
fn look(
    setting: Setting<'_>,
    read: &Read,
    anchor: &Alignment,
    expected: &InsertSize,
    buffers: &mut Buffers,
) -> Option<Alignment> {
    let view = setting.view;
    let length = view.contigs().get(anchor.contig)?.length;
    let (start, end) = if anchor.reverse {
        (
            anchor.end.saturating_sub(expected.high),
            anchor.end.saturating_sub(expected.low) + read.len() as u32,
        )
    } else {
        let low = (anchor.start + expected.low).saturating_sub(read.len() as u32);
        (low, anchor.start.saturating_add(expected.high))
    };
    let (start, end) = (start.min(length), end.min(length));
    let diagonals = (
        i64::from(start) - read.len() as i64 / 2,
        i64::from(end) - read.len() as i64 / 2,
    );
    let reverse = !anchor.reverse;
    banded(
        setting,
        read.codes(reverse),
        reverse,
        anchor.contig,
        (start, end),
        diagonals,
        buffers,
    )
    .filter(|found| found.score >= SCORE_MIN)
}
