//! Tiles on the rayon pool, their records in order.

use std::path::Path;
use std::sync::Mutex;

use kumi_formats::alignments::{AlignmentFile, AlignmentsError};
use kumi_formats::reference::ReferenceSource;
use kumi_formats::vcf::Record;
use kumi_seq::interval::Interval;
use kumi_seq::ploidy::PloidyMap;
use rayon::prelude::*;

use crate::learned;
use crate::params::Params;
use crate::stats::Stats;
use crate::tile::{self, Tile};

/// Why calling stopped.
#[derive(Debug, thiserror::Error)]
pub enum CallError<E> {
    /// The alignments cannot be read or belong to another reference.
    #[error(transparent)]
    Alignments(#[from] AlignmentsError),
    /// A region does not lie inside the reference.
    #[error("a region lies outside the reference: contig {contig}, {start}..{end}")]
    Region {
        /// Number of the contig.
        contig: u32,
        /// First base, 0-based.
        start: u32,
        /// One past the last base.
        end: u32,
    },
    /// The sink refused the records.
    #[error("the records cannot be written")]
    Sink(E),
}

/// Calls one sample. `regions` are sorted and apart; `sink` gets records in that order, those of a region
/// being the ones that start in it. Stretches of ploidy 0 are left out. Runs on the current rayon pool.
///
/// # Errors
/// See [`CallError`].
pub fn call_all<E: Send>(
    alignments: &Path,
    reference: &dyn ReferenceSource,
    ploidy: &PloidyMap,
    regions: &[Interval],
    params: &Params,
    mut sink: impl FnMut(Vec<Record>) -> Result<(), E> + Send,
) -> Result<Stats, CallError<E>> {
    let tiles = tiles(reference, ploidy, regions, params)?;
    if tiles.is_empty() {
        return Ok(Stats::default());
    }
    let mut first = AlignmentFile::open(alignments, Some(reference))?;
    check_reference(&first, alignments, reference)?;
    let learned = learned::learn(&mut first, reference, params)?;
    let files = Mutex::new(vec![first]);
    let one = |tile: &Tile| -> Result<(Vec<Record>, Stats), AlignmentsError> {
        let waiting = files.lock().expect("no thread panics with the lock").pop();
        let mut file = match waiting {
            Some(file) => file,
            None => AlignmentFile::open(alignments, Some(reference))?,
        };
        let records = tile::call(tile, &mut file, reference, &learned, params);
        files
            .lock()
            .expect("no thread panics with the lock")
            .push(file);
        records
    };
    let mut stats = Stats::default();
    let mut ready: Vec<(Vec<Record>, Stats)> = Vec::new();
    for batch in tiles.chunks(4 * rayon::current_num_threads()) {
        let done = std::mem::take(&mut ready);
        let (called, written) = rayon::join(
            || batch.par_iter().map(one).collect::<Result<Vec<_>, _>>(),
            || write(done, &mut sink, &mut stats),
        );
        written.map_err(CallError::Sink)?;
        ready = called?;
    }
    write(ready, &mut sink, &mut stats).map_err(CallError::Sink)?;
    Ok(stats)
}

fn write<E>(
    tiles: Vec<(Vec<Record>, Stats)>,
    sink: &mut impl FnMut(Vec<Record>) -> Result<(), E>,
    stats: &mut Stats,
) -> Result<(), E> {
    for (records, counts) in tiles {
        *stats += counts;
        if !records.is_empty() {
            sink(records)?;
        }
    }
    Ok(())
}

/// Cuts regions at absolute multiples of the tile and where the ploidy changes.
fn tiles<E>(
    reference: &dyn ReferenceSource,
    ploidy: &PloidyMap,
    regions: &[Interval],
    params: &Params,
) -> Result<Vec<Tile>, CallError<E>> {
    let mut tiles = Vec::new();
    for &region in regions {
        let length = reference
            .contigs()
            .get(region.contig)
            .map_or(0, |c| c.length);
        if region.end > length {
            return Err(CallError::Region {
                contig: region.contig.0,
                start: region.start,
                end: region.end,
            });
        }
        for (segment, copies) in ploidy.segments(region) {
            let mut start = segment.start;
            while copies > 0 && start < segment.end {
                let end = ((start / params.tile + 1) * params.tile).min(segment.end);
                tiles.push(Tile {
                    interval: Interval {
                        contig: region.contig,
                        start,
                        end,
                    },
                    ploidy: copies,
                });
                start = end;
            }
        }
    }
    Ok(tiles)
}

/// CRAM is checked when it is opened; BAM here.
fn check_reference(
    file: &AlignmentFile,
    path: &Path,
    reference: &dyn ReferenceSource,
) -> Result<(), AlignmentsError> {
    let checked = file.header().check_reference(reference.contigs());
    checked.map_err(|what| AlignmentsError::Reference {
        path: path.to_owned(),
        what,
    })
}
