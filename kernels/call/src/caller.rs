//! Tiles on the rayon pool, their records in order.

use std::path::Path;
use std::sync::Mutex;

use kumi_formats::alignments::{AlignmentFile, AlignmentsError};
use kumi_formats::reference::ReferenceSource;
use kumi_formats::vcf::Record;
use kumi_seq::interval::Interval;
use kumi_seq::ploidy::PloidyMap;
use rayon::prelude::*;

use crate::learned::{self, Learned};
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

/// Calls one sample, stretch by stretch: what is learned from the file is learned once, when it is opened.
pub struct Caller<'a> {
    alignments: &'a Path,
    reference: &'a (dyn ReferenceSource + 'a),
    ploidy: &'a PloidyMap,
    params: &'a Params,
    /// None where nothing is to be called.
    opened: Option<Opened<'a>>,
}

struct Opened<'a> {
    learned: Learned,
    /// Files that no tile is read from now.
    files: Mutex<Vec<AlignmentFile<'a>>>,
}

impl<'a> Caller<'a> {
    /// Opens the alignments of one sample and looks at what its reads are like. `regions` are all that will be called:
    /// where every one of them has ploidy 0, no file is looked at.
    ///
    /// # Errors
    /// See [`CallError`]; the sink is not part of it yet.
    pub fn open<E>(
        alignments: &'a Path,
        reference: &'a (dyn ReferenceSource + 'a),
        ploidy: &'a PloidyMap,
        regions: &[Interval],
        params: &'a Params,
    ) -> Result<Self, CallError<E>> {
        let opened = if tiles::<E>(reference, ploidy, regions, params)?.is_empty() {
            None
        } else {
            let mut first = AlignmentFile::open(alignments, Some(reference))?;
            check_reference(&first, alignments, reference)?;
            Some(Opened {
                learned: learned::learn(&mut first, reference, params)?,
                files: Mutex::new(vec![first]),
            })
        };
        Ok(Self {
            alignments,
            reference,
            ploidy,
            params,
            opened,
        })
    }

    /// Calls some of the regions that it was opened for, which are sorted and apart; `sink` gets records in that order,
    /// those of a region being the ones that start in it. Stretches of ploidy 0 are left out. Runs on the current
    /// rayon pool.
    ///
    /// # Errors
    /// See [`CallError`].
    pub fn call<E: Send>(
        &self,
        regions: &[Interval],
        mut sink: impl FnMut(Vec<Record>) -> Result<(), E> + Send,
    ) -> Result<Stats, CallError<E>> {
        let mut stats = Stats::default();
        let Some(opened) = &self.opened else {
            return Ok(stats);
        };
        let tiles = tiles(self.reference, self.ploidy, regions, self.params)?;
        let one = |tile: &Tile| self.one(opened, tile);
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

    fn one(
        &self,
        opened: &Opened<'a>,
        tile: &Tile,
    ) -> Result<(Vec<Record>, Stats), AlignmentsError> {
        let files = || opened.files.lock().expect("no thread panics with the lock");
        let waiting = files().pop();
        let mut file = match waiting {
            Some(file) => file,
            None => AlignmentFile::open(self.alignments, Some(self.reference))?,
        };
        let records = tile::call(
            tile,
            &mut file,
            self.reference,
            &opened.learned,
            self.params,
        );
        files().push(file);
        records
    }
}

/// Calls one sample at once: [`Caller::open`] and [`Caller::call`] for all of `regions`.
///
/// # Errors
/// See [`CallError`].
pub fn call_all<E: Send>(
    alignments: &Path,
    reference: &dyn ReferenceSource,
    ploidy: &PloidyMap,
    regions: &[Interval],
    params: &Params,
    sink: impl FnMut(Vec<Record>) -> Result<(), E> + Send,
) -> Result<Stats, CallError<E>> {
    Caller::open(alignments, reference, ploidy, regions, params)?.call(regions, sink)
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
