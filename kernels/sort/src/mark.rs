//! The merge of a sample's chunks in parts: regions that other processes merge at the same time.
//!
//! First every region marks its duplicates: the groups of those pairs whose first end lies in it, and of the reads
//! in it. A record may lie in another region than the ends of its template, so the records of a region are merged
//! when all regions have marked theirs. The records of all regions in order, and the sums of what was counted, are
//! what [`crate::chunk::merge`] gives.

use std::io;
use std::path::{Path, PathBuf};

use crate::chunk::{Counts, Files, create, damaged, open};
use crate::decide::Duplicates;
use crate::library::Libraries;
use crate::metrics::{self, DuplicationMetrics};
use crate::region::Region;
use crate::run::{Reader, Writer};
use crate::sorter::{Medium, Params, SortError, Sorted, duplicates};

/// Where the marks of a region are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marks {
    /// The numbers of its duplicate templates.
    pub duplicates: PathBuf,
    /// How many there are of each library.
    pub counts: PathBuf,
}

/// Decides which templates of a region are duplicates, and stores that. The directories of the files must be there;
/// nothing is synced. `params` are those of the chunks.
///
/// # Errors
/// When a file cannot be read or written, is damaged, or is of another sample.
pub fn mark(
    params: &Params,
    chunks: &[Files],
    region: Region,
    to: &Marks,
) -> Result<(), SortError> {
    let mark = || {
        let libraries = params.libraries.names();
        let templates = Counts::of_chunks(libraries, chunks)?.templates;
        let pairs = open(chunks, region, |chunk| &chunk.pairs)?;
        let fragments = open(chunks, region, |chunk| &chunk.fragments)?;
        let mut counts = Counts {
            templates,
            ..Counts::none(libraries)
        };
        let distance = params.optical_distance;
        let marked = duplicates((pairs, fragments), templates, distance, &mut counts.metrics)?;
        let mut writer = Writer::new(create(&to.duplicates)?)?;
        for list in marked.encode() {
            writer.push(0, &list)?;
        }
        writer.finish()?;
        counts.store(&to.counts)
    };
    mark().map_err(SortError::Chunk)
}

/// The records of a region, in order and with duplicates flagged, when `marks` are those of all regions; and how many
/// there are. What was counted is in [`duplication`], not in what is given.
///
/// # Errors
/// When a file cannot be read, is damaged, or is of another sample.
pub fn merge(
    libraries: &Libraries,
    chunks: &[Files],
    marks: &[Marks],
    region: Region,
) -> Result<(Sorted, u64), SortError> {
    let merge = || {
        let templates = Counts::of_chunks(libraries.names(), chunks)?.templates;
        let mut duplicates = Duplicates::new(templates);
        for region in marks {
            add(&mut duplicates, &region.duplicates)?;
        }
        let records = open(chunks, region, |chunk| &chunk.records)?;
        let number = records.stored_items();
        let sorted = Sorted {
            records,
            duplicates,
            metrics: Vec::new(),
            medium: Medium::Chunks,
        };
        Ok((sorted, number))
    };
    merge().map_err(SortError::Chunk)
}

fn add(duplicates: &mut Duplicates, path: &Path) -> io::Result<()> {
    let mut reader = Reader::open(path, Region::WHOLE)?;
    let mut list = Vec::new();
    while reader.read(&mut list)? {
        let added = duplicates.add(&list);
        added.ok_or_else(|| damaged(path, "it marks templates that there are not"))?;
    }
    Ok(())
}

/// The duplicates of each library that has reads, when `marks` are those of all regions.
///
/// # Errors
/// When a file cannot be read, is damaged, or is of another sample.
pub fn duplication(
    libraries: &Libraries,
    chunks: &[Files],
    marks: &[Marks],
) -> Result<Vec<DuplicationMetrics>, SortError> {
    let add = || {
        let mut counts = Counts::of_chunks(libraries.names(), chunks)?;
        for region in marks {
            counts.add(&region.counts)?;
        }
        for (library, reads) in counts.metrics.iter_mut().zip(&counts.paired_reads) {
            library.read_pairs_examined = reads / 2;
        }
        Ok(metrics::with_reads(&counts.metrics))
    };
    add().map_err(SortError::Chunk)
}
