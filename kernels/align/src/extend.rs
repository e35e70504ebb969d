//! From a chain to an alignment: without gaps where that is good, banded where it is not.

use kumi_index::View;
use kumi_seq::cigar::{self, Kind, Op};
use kumi_seq::contig::ContigId;
use kumi_seq::interval::Interval;
use kumi_simd::level::Level;
use kumi_simd::mismatch;

use crate::chain::Chain;
use crate::gapped::{self, Extension};
use crate::params::Params;
use crate::read::Read;

/// An alignment of a read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Alignment {
    /// Score, with a bonus for neither end.
    pub score: i32,
    /// On the reverse strand.
    pub reverse: bool,
    /// The contig.
    pub contig: ContigId,
    /// First aligned base, 0-based.
    pub start: u32,
    /// One past the last aligned base.
    pub end: u32,
    /// First and one past the last aligned base of the read, on its strand.
    pub query: (u32, u32),
    /// Operations between the clips.
    pub cigar: Vec<Op>,
}

/// Buffers of an extension.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    window: Vec<u8>,
    mismatches: Vec<u32>,
    gapped: kumi_simd::banded::Scratch,
}

/// An alignment without gaps is taken as it is with up to one mismatch in this many bases.
const BASES_PER_MISMATCH: usize = 8;

/// Extends a chain over the whole read; `None` when nothing is worth it.
pub(crate) fn extend(
    view: View<'_>,
    params: &Params,
    level: Level,
    read: &Read,
    chain: &Chain,
    buffers: &mut Buffers,
) -> Option<Alignment> {
    let query = read.codes(chain.reverse);
    let middle = (chain.diagonals.0 + i64::from(chain.query.0)).max(0) as u64;
    let (contig, _) = view.locate(middle);
    let offset = view.offset(contig) as i64;
    let length = i64::from(view.contigs().get(contig)?.length);
    let diagonals = (chain.diagonals.0 - offset, chain.diagonals.1 - offset);
    if diagonals.0 == diagonals.1 {
        let found = ungapped(
            view,
            params,
            level,
            query,
            contig,
            diagonals.0,
            length,
            buffers,
        );
        if let Some(extension) = found {
            return Some(place(
                extension,
                chain.reverse,
                contig,
                diagonals.0.max(0) as u32,
            ));
        }
    }
    let band = i64::from(params.band);
    let wide = (diagonals.0 - band, diagonals.1 + band);
    let start = wide.0.clamp(0, length);
    let end = (wide.1 + query.len() as i64).clamp(start, length);
    banded(
        view,
        params,
        level,
        query,
        chain.reverse,
        contig,
        (start as u32, end as u32),
        wide,
        buffers,
    )
}

/// Aligns a read to a window of a contig, looking at the given diagonals (position minus query).
#[allow(clippy::too_many_arguments, reason = "what to align, where, and how")]
pub(crate) fn banded(
    view: View<'_>,
    params: &Params,
    level: Level,
    query: &[u8],
    reverse: bool,
    contig: ContigId,
    window: (u32, u32),
    diagonals: (i64, i64),
    buffers: &mut Buffers,
) -> Option<Alignment> {
    if window.0 >= window.1 {
        return None;
    }
    buffers.window.clear();
    view.codes(
        Interval {
            contig,
            start: window.0,
            end: window.1,
        },
        &mut buffers.window,
    );
    let shifted = (
        diagonals.0 - i64::from(window.0),
        diagonals.1 - i64::from(window.0),
    );
    let found = gapped::align(
        params,
        level,
        query,
        &buffers.window,
        shifted,
        &mut buffers.gapped,
    )?;
    Some(place(found, reverse, contig, window.0))
}

fn place(extension: Extension, reverse: bool, contig: ContigId, origin: u32) -> Alignment {
    Alignment {
        score: extension.score,
        reverse,
        contig,
        start: origin + extension.reference.0,
        end: origin + extension.reference.1,
        query: extension.query,
        cigar: extension.cigar,
    }
}

/// The alignment of the whole read on one diagonal, unless clipping an end would score better: beyond a gap
/// three bases of four differ, so a read with a gap is one of those.
#[allow(clippy::too_many_arguments, reason = "what to align, where, and how")]
fn ungapped(
    view: View<'_>,
    params: &Params,
    level: Level,
    query: &[u8],
    contig: ContigId,
    diagonal: i64,
    length: i64,
    buffers: &mut Buffers,
) -> Option<Extension> {
    let end = diagonal + query.len() as i64;
    if diagonal < 0 || end > length {
        return None;
    }
    buffers.window.clear();
    view.codes(
        Interval {
            contig,
            start: diagonal as u32,
            end: end as u32,
        },
        &mut buffers.window,
    );
    buffers.mismatches.clear();
    mismatch::positions(level, query, &buffers.window, &mut buffers.mismatches);
    if buffers.mismatches.len() > query.len() / BASES_PER_MISMATCH {
        return None;
    }
    let last = query.len() as u32 - 1;
    let from_left = buffers.mismatches.iter().copied();
    let from_right = buffers.mismatches.iter().rev().map(|&at| last - at);
    if query.contains(&4) || clipping_gains(params, from_left) || clipping_gains(params, from_right)
    {
        return None;
    }
    let cost = buffers.mismatches.len() as i32 * (params.mismatch + params.match_score);
    let score = query.len() as i32 * params.match_score - cost;
    let mut cigar = Vec::new();
    cigar::push(&mut cigar, Kind::Match, query.len() as u32);
    Some(Extension {
        score,
        query: (0, query.len() as u32),
        reference: (0, query.len() as u32),
        cigar,
    })
}

/// True when the bases up to some mismatch score worse than clipping them. Mismatches are given by their
/// distance from the end, the nearest first.
pub(crate) fn clipping_gains(params: &Params, mismatches: impl Iterator<Item = u32>) -> bool {
    (0..).zip(mismatches).any(|(before, distance)| {
        let matches = distance as i32 - before;
        matches * params.match_score - (before + 1) * params.mismatch < -params.clip
    })
}
