//! What is learned from a file before anything is called.
//!
//! Cells of the genome are looked at in an order that only a hash decides, until enough of them have reads: what is
//! learned depends on the file and the reference, not on regions, shards or threads.

use kumi_formats::alignments::{AlignmentFile, AlignmentsError};
use kumi_formats::reference::ReferenceSource;
use kumi_seq::contig::ContigId;
use kumi_seq::interval::Interval;

use crate::contamination::Contamination;
use crate::params::Params;
use crate::quality::{Errors, Qualities};
use crate::read::{self, Read};
use crate::repeats::GapTable;
use crate::stutter::{Skew, Stutter};
use crate::window::Window;

/// Bases of a cell.
const CELL: u32 = 1 << 17;
/// Cells with reads that are enough, and cells looked at before giving up.
const ENOUGH: usize = 24;
const MOST: usize = 1_024;
/// A cell with fewer reads has none.
const COVERED: usize = 200;
/// Reads that are enough: a second's work.
const ENOUGH_READS: usize = 250_000;
/// Bases around a cell that reads and repeats may reach into.
const AROUND: u32 = 1_024;

/// What a sample's reads are like.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Learned {
    /// How easily gaps open in repeats.
    pub gaps: GapTable,
    /// How losses and gains of repeats differ.
    pub skew: Skew,
    /// What reported base qualities are worth.
    pub qualities: Qualities,
    /// Share of the fragments that come from elsewhere and show it, when it can be told.
    pub contamination: Option<f64>,
}

/// Looks at the file.
///
/// # Errors
/// Those of reading it.
pub(crate) fn learn(
    file: &mut AlignmentFile,
    reference: &dyn ReferenceSource,
    params: &Params,
) -> Result<Learned, AlignmentsError> {
    let (mut stutter, mut contamination) = (Stutter::default(), Contamination::default());
    let (reported, mut errors) = (Qualities::reported(file.header()), Errors::default());
    let (mut covered, mut seen) = (0, 0);
    for cell in cells(reference) {
        if covered == ENOUGH || seen >= ENOUGH_READS {
            break;
        }
        let length = reference.contigs().get(cell.contig).map_or(0, |c| c.length);
        let wide = cell.padded(AROUND, length);
        let mut window = Window {
            start: i64::from(wide.start),
            bases: Vec::new(),
        };
        let mut reads = reads(file, reference, cell, &reported, params)?;
        if reads.is_empty() {
            continue;
        }
        reference.bases(wide, &mut window.bases);
        reads.iter_mut().for_each(|read| read.left_align(&window));
        let ends = (i64::from(cell.start), i64::from(cell.end));
        errors.count(&reads, &window, ends);
        stutter.count(&reads, &window, ends);
        if !reference
            .contigs()
            .get(cell.contig)
            .is_some_and(|contig| contig.alternate)
        {
            contamination.count(&reads, &window, ends);
        }
        covered += usize::from(reads.len() >= COVERED);
        seen += reads.len();
    }
    let (gaps, skew) = stutter.tables();
    Ok(Learned {
        gaps,
        skew,
        qualities: errors.qualities(reported),
        contamination: contamination.share(),
    })
}

/// Cells in the order in which they are looked at.
fn cells(reference: &dyn ReferenceSource) -> Vec<Interval> {
    let mut cells: Vec<(u64, Interval)> = Vec::new();
    for (number, contig) in (0u32..).zip(reference.contigs().as_slice()) {
        for start in (0..contig.length).step_by(CELL as usize) {
            let place = (u64::from(number) << 32 | u64::from(start)).to_le_bytes();
            let cell = Interval {
                contig: ContigId(number),
                start,
                end: start.saturating_add(CELL).min(contig.length),
            };
            cells.push((read::hash(&place), cell));
        }
    }
    cells.sort_unstable_by_key(|(hash, cell)| (*hash, cell.contig.0, cell.start));
    cells.truncate(MOST);
    cells.into_iter().map(|(_, cell)| cell).collect()
}

/// The reads that are evidence in a cell.
fn reads(
    file: &mut AlignmentFile,
    reference: &dyn ReferenceSource,
    cell: Interval,
    qualities: &Qualities,
    params: &Params,
) -> Result<Vec<Read>, AlignmentsError> {
    let Some(contig) = reference.contigs().get(cell.contig) else {
        return Ok(Vec::new());
    };
    // The file may order its contigs in another way.
    let names = file.header().references();
    let Some(there) = names.iter().position(|(name, _)| *name == contig.name) else {
        return Ok(Vec::new());
    };
    let records = file.query(Interval {
        contig: ContigId(there as u32),
        ..cell
    })?;
    let evidence = records
        .iter()
        .filter_map(|record| read::take(&record.view(), contig.length, qualities, params));
    Ok(evidence.collect())
}
