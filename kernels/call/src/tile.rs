//! One tile: from its alignments to its records.

use kumi_formats::alignments::{AlignmentFile, AlignmentsError};
use kumi_formats::reference::ReferenceSource;
use kumi_seq::interval::Interval;

use crate::blocks::{self, Confidence};
use crate::line;
use crate::params::Params;
use crate::record::Record;
use crate::stats::Stats;

/// A stretch of one ploidy, above 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tile {
    /// The bases whose records it owns.
    pub interval: Interval,
    /// Copies.
    pub ploidy: u8,
}

/// The records that start in the tile.
pub(crate) fn call(
    tile: &Tile,
    _file: &mut AlignmentFile,
    reference: &dyn ReferenceSource,
    _params: &Params,
) -> Result<(Vec<Record>, Stats), AlignmentsError> {
    let mut cut = Vec::new();
    let bases = vec![Confidence::default(); tile.interval.len() as usize];
    blocks::cut(tile.interval.start, &bases, &mut cut);
    let mut window = Vec::new();
    reference.bases(tile.interval, &mut window);
    let contig = tile.interval.contig;
    let name = reference
        .contigs()
        .get(contig)
        .map_or("", |c| c.name.as_str());
    let records = cut
        .iter()
        .map(|block| Record {
            contig,
            start: block.start,
            end: block.end,
            line: line::block(
                name,
                window[(block.start - tile.interval.start) as usize],
                tile.ploidy,
                block,
            ),
        })
        .collect();
    Ok((records, Stats::default()))
}
