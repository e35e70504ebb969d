//! Reads as evidence: which are taken, and what of them.

use kumi_formats::bam::View;
use kumi_seq::cigar::{self, Kind, Op};

use crate::params::Params;
use crate::quality::{Origin, Qualities};
use crate::window::Window;

const PAIRED: u16 = 0x1;
const UNMAPPED: u16 = 0x4;
const MATE_UNMAPPED: u16 = 0x8;
const REVERSE: u16 = 0x10;
const MATE_REVERSE: u16 = 0x20;
const SECOND: u16 = 0x80;
/// Secondary, failed, duplicate, supplementary.
const LEFT_OUT: u16 = 0x100 | 0x200 | 0x400 | 0x800;
/// Ends of a lower quality are cut off, as in GATK (`--min-base-quality-score` 10).
const TAIL_QUALITY: u8 = 10;
/// The quality of bases that come without one.
const UNKNOWN_QUALITY: u8 = 20;

/// A read, cut to what is evidence.
#[derive(Clone, Debug, Default)]
pub(crate) struct Read {
    /// Hash of its name, the same for its mate.
    pub name: u64,
    /// First aligned base, 0-based.
    pub start: i64,
    /// One past the last aligned base.
    pub end: i64,
    /// On the reverse strand.
    pub reverse: bool,
    /// Mapping quality.
    pub mapq: u8,
    /// Read group, and where its bases stood in the sequencer's read.
    pub origin: Origin,
    /// M, I, D, N and S only; gaps are left-aligned.
    pub ops: Vec<Op>,
    /// Upper-case ASCII on the reference's forward strand.
    pub bases: Vec<u8>,
    /// A quality a base.
    pub quals: Vec<u8>,
    /// What the mate says about each base.
    pub mate: Vec<Mate>,
}

/// What the mate says about a base.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mate {
    /// Nothing.
    #[default]
    Silent,
    /// The same; this one counts.
    Agrees,
    /// The same; the mate's counts.
    Counts,
    /// Another base: neither counts.
    Contradicts,
}

/// Mapping quality; 0 when it is not known.
fn mapq(view: &View<'_>) -> u8 {
    if view.mapq() == 255 { 0 } else { view.mapq() }
}

fn is_usable(view: &View<'_>, contig_length: u32) -> bool {
    view.flags() & (UNMAPPED | LEFT_OUT) == 0
        && view.pos() >= 0
        && view.end() <= contig_length as i32
}

/// Where the read of a record lies that is no evidence because it may belong elsewhere.
pub(crate) fn doubtful(view: &View<'_>, contig_length: u32, params: &Params) -> Option<(i64, i64)> {
    let is_doubtful = is_usable(view, contig_length) && mapq(view) < params.min_mapq;
    is_doubtful.then(|| (i64::from(view.pos()), i64::from(view.end())))
}

/// The read of a record, its qualities as they are worth; `None` when it is no evidence.
pub(crate) fn take(
    view: &View<'_>,
    contig_length: u32,
    qualities: &Qualities,
    params: &Params,
) -> Option<Read> {
    let (flags, mapq) = (view.flags(), mapq(view));
    if !is_usable(view, contig_length) || mapq < params.min_mapq {
        return None;
    }
    let mut ops = Vec::new();
    for op in view.cigar() {
        match op.kind {
            // Of a transcript: what it skips says nothing of the genome.
            Kind::Skip => return None,
            Kind::HardClip | Kind::Padding => {}
            kind if kind.is_aligned() => cigar::push(&mut ops, Kind::Match, op.len),
            kind => cigar::push(&mut ops, kind, op.len),
        }
    }
    if cigar::read_length(&ops) as usize != view.read_length()
        || !ops.iter().any(|op| op.kind == Kind::Match)
    {
        return None;
    }
    let mut quals = view.qualities().to_vec();
    if quals.iter().all(|&q| q == 255) {
        quals.fill(UNKNOWN_QUALITY);
    }
    let reverse = flags & REVERSE != 0;
    let origin = Origin {
        group: qualities.group(view),
        second: flags & SECOND != 0,
        cycle: if reverse { quals.len() as u32 - 1 } else { 0 },
    };
    let mut read = Read {
        name: hash(view.name()),
        start: i64::from(view.pos()),
        end: i64::from(view.end()),
        reverse,
        mapq,
        origin,
        ops,
        bases: view.bases().collect(),
        mate: vec![Mate::Silent; quals.len()],
        quals,
    };
    let (from, to) = evidence(&read, view)?;
    qualities.apply(&mut read.quals, origin, reverse);
    let most = mapq.max(2);
    read.quals.iter_mut().for_each(|q| *q = (*q).min(most));
    read.keep(from, to).then_some(read)
}

/// FNV-1a with a finishing mix.
pub(crate) fn hash(name: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for &byte in name {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ hash >> 33
}

/// The read bases between low-quality tails and adaptor.
fn evidence(read: &Read, view: &View<'_>) -> Option<(usize, usize)> {
    let mut from = read.quals.iter().position(|&q| q >= TAIL_QUALITY)?;
    let mut to = read.quals.iter().rposition(|&q| q >= TAIL_QUALITY)? + 1;
    if let Some(boundary) = adaptor(read, view) {
        // Bases beyond the fragment's far end come from the adaptor.
        if read.reverse {
            from = from.max(read.index_of(boundary));
        } else {
            to = to.min(read.index_of(boundary));
        }
    }
    (from < to).then_some((from, to))
}

/// Where the fragment of a pair that faces inward ends: for a forward read one past its last base, for a
/// reverse read its first. As GATK's `ReadUtils.getAdaptorBoundary`.
fn adaptor(read: &Read, view: &View<'_>) -> Option<i64> {
    let flags = view.flags();
    let tlen = i64::from(view.template_length());
    let pair = flags & PAIRED != 0
        && flags & MATE_UNMAPPED == 0
        && view.mate_ref_id() == view.ref_id()
        && (flags & REVERSE != 0) != (flags & MATE_REVERSE != 0)
        && tlen != 0;
    if !pair {
        return None;
    }
    let mate = i64::from(view.mate_pos());
    if read.reverse {
        (read.end > mate).then_some(mate)
    } else {
        let length = tlen.abs();
        (read.start <= mate + length && tlen > 0).then_some(read.start + length)
    }
}

impl Read {
    /// Index of the first read base at or after a reference position; clips lie where they would align.
    pub(crate) fn index_of(&self, position: i64) -> usize {
        let mut index = 0usize;
        let mut at = self.start;
        for (number, op) in self.ops.iter().enumerate() {
            let len = i64::from(op.len);
            match op.kind {
                Kind::SoftClip if number == 0 => {
                    if position < at {
                        return (len - (at - position)).max(0) as usize;
                    }
                    index += op.len as usize;
                }
                Kind::Insertion => index += op.len as usize,
                Kind::Deletion | Kind::Skip => at += len,
                _ => {
                    if position < at + len {
                        return index + (position - at).max(0) as usize;
                    }
                    index += op.len as usize;
                    at += len;
                }
            }
        }
        index
    }

    /// Index of the read base that lies on a reference base.
    pub(crate) fn base_at(&self, position: i64) -> Option<usize> {
        let (mut index, mut at) = (0usize, self.start);
        for op in &self.ops {
            let len = i64::from(op.len);
            if op.kind == Kind::Match && (at..at + len).contains(&position) {
                return Some(index + (position - at) as usize);
            }
            index += if op.kind.consumes_read() {
                op.len as usize
            } else {
                0
            };
            at += if op.kind.consumes_reference() { len } else { 0 };
        }
        None
    }

    /// Cuts the read to its bases `from..to`. False when no aligned base is left.
    pub(crate) fn keep(&mut self, from: usize, to: usize) -> bool {
        if from > 0 || to < self.bases.len() {
            let mut ops: Vec<Op> = Vec::with_capacity(self.ops.len());
            let (mut index, mut at) = (0usize, self.start);
            let mut start = None;
            for op in &self.ops {
                let len = op.len as usize;
                if op.kind.consumes_read() {
                    let (low, high) = (index.max(from), (index + len).min(to));
                    if low < high {
                        if op.kind == Kind::Match && start.is_none() {
                            start = Some(at + (low - index) as i64);
                        }
                        cigar::push(&mut ops, op.kind, (high - low) as u32);
                    }
                    index += len;
                } else if start.is_some() && index < to {
                    cigar::push(&mut ops, op.kind, op.len);
                }
                if op.kind.consumes_reference() {
                    at += len as i64;
                }
            }
            let Some(start) = start else { return false };
            while ops
                .last()
                .is_some_and(|op| matches!(op.kind, Kind::Deletion | Kind::Skip))
            {
                ops.pop();
            }
            let cut = from as u32;
            self.origin.cycle = if self.reverse {
                self.origin.cycle.saturating_sub(cut)
            } else {
                self.origin.cycle + cut
            };
            self.ops = ops;
            self.start = start;
            self.end = start + i64::from(cigar::reference_length(&self.ops));
            self.bases = self.bases[from..to].to_vec();
            self.quals = self.quals[from..to].to_vec();
            self.mate = self.mate[from..to].to_vec();
        }
        self.ops.iter().any(|op| op.kind == Kind::Match)
    }

    /// Moves gaps as far left as their sequence allows, as VCF wants them.
    pub(crate) fn left_align(&mut self, reference: &Window) {
        let mut number = 1;
        let (mut index, mut at) = (0usize, self.start);
        if let Some(first) = self.ops.first() {
            index += if first.kind.consumes_read() {
                first.len as usize
            } else {
                0
            };
            at += if first.kind.consumes_reference() {
                i64::from(first.len)
            } else {
                0
            };
        }
        while number + 1 < self.ops.len() {
            let gap = self.ops[number];
            let (before, after) = (self.ops[number - 1], self.ops[number + 1]);
            let is_gap = matches!(gap.kind, Kind::Insertion | Kind::Deletion);
            let mut shift = 0u32;
            if is_gap && before.kind == Kind::Match && after.kind == Kind::Match {
                while shift + 1 < before.len && self.can_shift(reference, gap, index, at, shift) {
                    shift += 1;
                }
                self.ops[number - 1].len -= shift;
                self.ops[number + 1].len += shift;
            }
            index -= shift as usize;
            at -= i64::from(shift);
            index += if gap.kind.consumes_read() {
                gap.len as usize
            } else {
                0
            };
            at += if gap.kind.consumes_reference() {
                i64::from(gap.len)
            } else {
                0
            };
            number += 1;
        }
    }

    fn can_shift(&self, reference: &Window, gap: Op, index: usize, at: i64, shift: u32) -> bool {
        let (index, at) = (index - 1 - shift as usize, at - 1 - i64::from(shift));
        if gap.kind == Kind::Deletion {
            let base = reference.at(at);
            base != b'N' && base == reference.at(at + i64::from(gap.len))
        } else {
            self.bases[index] == self.bases[index + gap.len as usize]
                && self.bases[index] == reference.at(at)
        }
    }
}

impl Read {
    /// Reference position and read index of every base on a reference base.
    pub(crate) fn aligned(&self) -> impl Iterator<Item = (i64, usize)> + '_ {
        let (mut index, mut at) = (0usize, self.start);
        self.ops.iter().flat_map(move |op| {
            let (from, position) = (index, at);
            index += if op.kind.consumes_read() {
                op.len as usize
            } else {
                0
            };
            at += if op.kind.consumes_reference() {
                i64::from(op.len)
            } else {
                0
            };
            let len = if op.kind == Kind::Match { op.len } else { 0 };
            (0..len as usize).map(move |n| (position + n as i64, from + n))
        })
    }
}
