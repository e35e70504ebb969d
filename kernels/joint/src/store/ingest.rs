//! From gVCFs to a segment.

use std::io::Write;
use std::path::PathBuf;

use kumi_formats::reference::ReferenceSource;
use kumi_seq::interval::Interval;

use crate::error::JointError;
use crate::near::Near;
use crate::source::{Source, each, open};
use crate::store::header::SegmentHeader;
use crate::store::segment::SegmentWriter;
use crate::store::tiles;
use crate::store::window::Window;
use crate::track::Track;

/// Samples of a segment.
pub const SAMPLES_MAX: usize = 1_000;
/// Bases of a window, as powers of two, and samples times bases of one: so much is held at a time.
const WINDOW_BITS_MIN: u32 = 14;
const WINDOW_BITS_MAX: u32 = 18;
const SAMPLE_BASES_MAX: u64 = 1 << 24;

/// Choices of ingestion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngestParams {
    /// What the segment says of who made it: a program and its version.
    pub made_by: String,
    /// Bases of a window, 1 to 2^18: what is outside is taken for the nearest; by the number of samples if not given.
    pub window: Option<u32>,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IngestStats {
    /// Samples of the segment.
    pub samples: u64,
    /// gVCF records that start in the region.
    pub records: u64,
    /// Windows written.
    pub windows: u64,
}

/// The window that is used for so many samples: the fewer, the longer.
fn window_of(samples: usize) -> u32 {
    let bits = WINDOW_BITS_MIN..=WINDOW_BITS_MAX;
    let fits = |bits: &u32| (samples as u64) << bits <= SAMPLE_BASES_MAX;
    1 << bits.rev().find(fits).unwrap_or(WINDOW_BITS_MIN)
}

/// Writes a segment of what `gvcfs`, one of each sample, say of `region`. They are read once, forward, all
/// at the same pace, so that memory holds one window of every sample. Nothing of what was written may be used when
/// it fails. Runs on the current rayon pool.
///
/// # Errors
/// See [`JointError`]; the sink is `output`.
pub fn ingest<W: Write>(
    gvcfs: &[PathBuf],
    reference: &dyn ReferenceSource,
    region: Interval,
    params: &IngestParams,
    output: W,
) -> Result<(W, IngestStats), JointError<std::io::Error>> {
    if gvcfs.len() > SAMPLES_MAX {
        return Err(JointError::TooManySamples {
            found: gvcfs.len(),
            most: SAMPLES_MAX,
        });
    }
    let mut sources: Vec<Source> = Vec::with_capacity(gvcfs.len());
    let mut samples = Vec::with_capacity(gvcfs.len());
    for (sample, source) in open(gvcfs, reference)? {
        samples.push(sample);
        sources.push(source);
    }
    let contigs = reference.contigs();
    let contig = contigs.get(region.contig);
    let Some(contig) = contig.filter(|c| !region.is_empty() && region.end <= c.length) else {
        return Err(JointError::Region(region));
    };
    let header = SegmentHeader {
        made_by: params.made_by.clone(),
        contig: contig.name.clone(),
        contig_length: contig.length,
        contig_m5: contig.m5(),
        start: region.start,
        end: region.end,
        window: params
            .window
            .unwrap_or_else(|| window_of(samples.len()))
            .clamp(1, 1 << WINDOW_BITS_MAX),
        samples,
    };
    let mut stats = IngestStats {
        samples: sources.len() as u64,
        ..IngestStats::default()
    };
    let length = header.window;
    let mut writer = SegmentWriter::new(output, &header).map_err(arrow)?;
    each(&mut sources, |_, source| source.enter(region, contigs))?;
    for tile in tiles::all(region, length) {
        let near = Near::new(reference, tile);
        each(&mut sources, |lists, source| {
            source.advance(tile, &near, lists)
        })?;
        let tracks: Vec<&Track> = sources.iter().map(|source| &source.track).collect();
        writer.write(&Window::of(tile, &tracks)).map_err(arrow)?;
        stats.windows += 1;
    }
    stats.records = sources.iter().map(|source| source.counted).sum();
    Ok((writer.finish().map_err(arrow)?, stats))
}

fn arrow(error: arrow_schema::ArrowError) -> JointError<std::io::Error> {
    match error {
        arrow_schema::ArrowError::IoError(_, error) => JointError::Sink(error),
        error => JointError::Segment(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::window_of;

    #[test]
    fn few_samples_have_long_windows() {
        for (samples, bases) in [(1, 262_144), (64, 262_144), (65, 131_072), (1_000, 16_384)] {
            assert_eq!(window_of(samples), bases, "{samples}");
        }
    }
}
