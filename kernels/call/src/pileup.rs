//! What reads say about each base: confidence in the reference, and the differences they show.

use kumi_seq::cigar::Kind;

use crate::event::Event;
use crate::informative;
use crate::params::Params;
use crate::phred::{self, Scaled};
use crate::read::{Mate, Read};
use crate::window::Window;

/// Quality at which a gap in a read speaks against the reference, as in GATK's reference confidence model.
const GAP_QUALITY: u8 = 30;
/// Shorter soft clips are the ends of reads, not evidence.
const MIN_CLIP: u32 = 10;
/// Clips of a lower mean quality are bad ends, not evidence.
const MIN_CLIP_QUALITY: u32 = 20;

/// One reference base.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Column {
    /// Fragments that cover it with a base or a deletion.
    pub depth: u32,
    /// Log likelihood of no, one and two copies of anything but the reference base.
    pub likelihoods: [Scaled; 3],
    /// Fragments that could not hide an indel here.
    pub informative: u32,
}

/// A difference from the reference in one read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Observation {
    /// What differs.
    pub event: Event,
    /// Number of the read.
    pub read: u32,
    /// Base quality of a substitution; not used for gaps.
    pub quality: u8,
}

/// Everything seen in a stretch of the reference.
#[derive(Debug, Default)]
pub(crate) struct Pileup {
    /// Position of the first column.
    pub start: i64,
    /// The columns.
    pub columns: Vec<Column>,
    /// Differences, sorted by event and read.
    pub observations: Vec<Observation>,
    /// Positions at which reads are clipped, sorted: a clip lies before or after it.
    pub clips: Vec<i64>,
}

impl Pileup {
    /// The column at a position; an empty one outside.
    pub(crate) fn at(&self, position: i64) -> Column {
        usize::try_from(position - self.start)
            .ok()
            .and_then(|at| self.columns.get(at))
            .copied()
            .unwrap_or_default()
    }

    fn column(&mut self, position: i64) -> Option<&mut Column> {
        self.columns
            .get_mut(usize::try_from(position - self.start).ok()?)
    }
}

/// Piles reads up over `start..end`.
pub(crate) fn pile(
    reads: &[Read],
    reference: &Window,
    start: i64,
    end: i64,
    params: &Params,
) -> Pileup {
    let mut pileup = Pileup {
        start,
        columns: vec![Column::default(); (end - start).max(0) as usize],
        ..Pileup::default()
    };
    let mut informative = Vec::new();
    for (number, read) in (0u32..).zip(reads) {
        informative::bases(read, reference, &mut informative);
        add(&mut pileup, number, read, reference, &informative, params);
    }
    pileup.observations.sort_unstable();
    pileup.clips.sort_unstable();
    pileup
}

fn add(
    pileup: &mut Pileup,
    number: u32,
    read: &Read,
    reference: &Window,
    informative: &[bool],
    params: &Params,
) {
    let (mut index, mut at) = (0usize, read.start);
    for (place, op) in read.ops.iter().enumerate() {
        let len = op.len as usize;
        match op.kind {
            Kind::Match => {
                let next = read.ops.get(place + 1).map(|op| op.kind);
                let before_gap = matches!(next, Some(Kind::Insertion | Kind::Deletion));
                for n in 0..len {
                    let gap = before_gap && n + 1 == len;
                    add_base(
                        pileup,
                        number,
                        read,
                        (index + n, at + n as i64),
                        reference,
                        informative,
                        gap,
                        params,
                    );
                }
            }
            Kind::Insertion | Kind::Deletion => {
                let inside = place > 0
                    && place + 1 < read.ops.len()
                    && read.ops[place - 1].kind == Kind::Match
                    && read.ops[place + 1].kind == Kind::Match;
                let quality = read.quals[index.saturating_sub(1)]
                    .min(read.quals[index.min(read.quals.len() - 1)]);
                let del = if op.kind == Kind::Deletion { op.len } else { 0 };
                let end = at + i64::from(del);
                // What lies beyond the columns belongs to another tile.
                let inside = inside && pileup.column(at).is_some() && end <= reference.end();
                if inside && read.mate[index.saturating_sub(1)] != Mate::Counts {
                    let inserted = if op.kind == Kind::Insertion { len } else { 0 };
                    let ins = read.bases[index..index + inserted].to_vec();
                    if !ins.contains(&b'N') {
                        let event = Event { pos: at, del, ins };
                        pileup.observations.push(Observation {
                            event,
                            read: number,
                            quality,
                        });
                    }
                    for position in at..end {
                        if let Some(column) = pileup.column(position) {
                            column.depth += 1;
                            phred::add(&mut column.likelihoods, false, GAP_QUALITY);
                        }
                    }
                }
            }
            Kind::SoftClip => {
                let mean: u32 = read.quals[index..index + len]
                    .iter()
                    .map(|&q| u32::from(q))
                    .sum::<u32>()
                    / op.len;
                if op.len >= MIN_CLIP && mean >= MIN_CLIP_QUALITY {
                    pileup.clips.push(at);
                }
            }
            _ => {}
        }
        index += if op.kind.consumes_read() { len } else { 0 };
        at += if op.kind.consumes_reference() {
            len as i64
        } else {
            0
        };
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "the innermost step of a loop over three tables"
)]
fn add_base(
    pileup: &mut Pileup,
    number: u32,
    read: &Read,
    (index, at): (usize, i64),
    reference: &Window,
    informative: &[bool],
    before_gap: bool,
    params: &Params,
) {
    if matches!(read.mate[index], Mate::Counts | Mate::Contradicts) {
        return;
    }
    let (base, quality) = (read.bases[index], read.quals[index]);
    let expected = reference.at(at);
    let Some(column) = pileup.column(at) else {
        return;
    };
    column.depth += 1;
    column.informative += u32::from(informative[index]);
    if expected == b'N' || base == b'N' {
        return;
    }
    if before_gap {
        phred::add(&mut column.likelihoods, false, GAP_QUALITY);
    } else if quality >= params.min_base_quality {
        phred::add(&mut column.likelihoods, base == expected, quality);
    }
    if base != expected && quality >= params.min_base_quality {
        pileup.observations.push(Observation {
            event: Event::snv(at, base),
            read: number,
            quality,
        });
    }
}
