//! From a chain to an alignment: without gaps where that is good, banded where it is not.

use kumi_seq::cigar::Op;
use kumi_seq::contig::ContigId;
use kumi_seq::interval::Interval;

use crate::chain::Chain;
use crate::gapped::{self, Extension};
use crate::read::Read;
use crate::setting::Setting;

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
    /// Where a read and the reference differ.
    pub mismatches: Vec<u32>,
    gapped: kumi_simd::banded::Scratch,
}

/// Extends a chain over the whole read, with gaps; `None` when nothing is worth it.
pub(crate) fn gapped(
    setting: Setting<'_>,
    read: &Read,
    chain: &Chain,
    buffers: &mut Buffers,
) -> Option<Alignment> {
    let view = setting.view;
    let middle = (chain.diagonals.0 + i64::from(chain.query.0)).max(0) as u64;
    let (contig, _) = view.locate(middle);
    let offset = view.offset(contig) as i64;
    let band = i64::from(setting.params.band);
    let wide = (
        chain.diagonals.0 - offset - band,
        chain.diagonals.1 - offset + band,
    );
    on_diagonals(setting, read, chain.reverse, contig, wide, buffers)
}

/// Extends a read around diagonals of the concatenation, with gaps.
pub(crate) fn around(
    setting: Setting<'_>,
    read: &Read,
    reverse: bool,
    diagonals: (u64, u64),
    buffers: &mut Buffers,
) -> Option<Alignment> {
    let Setting { view, params, .. } = setting;
    let (contig, start) = view.locate(diagonals.0 + read.len() as u64 / 2);
    let band = i64::from(params.band);
    let first = start as i64 - read.len() as i64 / 2;
    let wide = (
        first - band,
        first + (diagonals.1 - diagonals.0) as i64 + band,
    );
    on_diagonals(setting, read, reverse, contig, wide, buffers)
}

/// Extends a read on diagonals of a contig (position minus query), with gaps.
pub(crate) fn on_diagonals(
    setting: Setting<'_>,
    read: &Read,
    reverse: bool,
    contig: ContigId,
    diagonals: (i64, i64),
    buffers: &mut Buffers,
) -> Option<Alignment> {
    let length = i64::from(setting.view.contigs().get(contig)?.length);
    let start = diagonals.0.clamp(0, length);
    let end = (diagonals.1 + read.len() as i64).clamp(start, length);
    let window = (start as u32, end as u32);
    let codes = read.codes(reverse);
    banded(setting, codes, reverse, contig, window, diagonals, buffers)
}

/// Aligns a read to a window of a contig, looking at the given diagonals (position minus query).
#[allow(clippy::too_many_arguments, reason = "what to align, where, and how")]
pub(crate) fn banded(
    setting: Setting<'_>,
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
    let Setting {
        view,
        params,
        level,
    } = setting;
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
