//! A segment without some of its samples.

use std::collections::BTreeSet;
use std::io::Write;

use kumi_seq::contig::ContigId;

use crate::store::error::SegmentError;
use crate::store::segment::{Segment, SegmentWriter};
use crate::store::tiles;
use crate::store::window::Window;
use crate::track::Track;

/// Writes `segment` without the samples that are named: what ingesting the others alone, with windows of the same
/// length, would have given, byte for byte. Names that the segment does not have are no error.
///
/// # Errors
/// `Empty` when nobody is left; `Damaged`; `Arrow` when `output` takes no more.
pub fn purge<W: Write>(
    segment: &Segment,
    samples: &BTreeSet<String>,
    output: W,
) -> Result<W, SegmentError> {
    let mut header = segment.header().clone();
    let keep: Vec<bool> = header
        .samples
        .iter()
        .map(|name| !samples.contains(name))
        .collect();
    header.samples.retain(|name| !samples.contains(name));
    if header.samples.is_empty() {
        return Err(SegmentError::Empty {
            name: segment.name().to_owned(),
        });
    }
    let region = header.interval(ContigId(0));
    let tiles = tiles::all(region, header.window);
    let mut writer = SegmentWriter::new(output, &header)?;
    for (at, tile) in tiles.enumerate() {
        let tracks = segment.tracks(at, &keep)?;
        let kept = tracks.iter().zip(&keep).filter(|(_, keep)| **keep);
        let kept: Vec<&Track> = kept.map(|(track, _)| track).collect();
        writer.write(&Window::of(tile, &kept))?;
    }
    Ok(writer.finish()?)
}
