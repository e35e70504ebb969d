//! The runs of a chunk of a sample's reads, stored by the process that aligned it and merged by another.
//!
//! What the merge of all chunks gives is what one sorter would have given for all reads. Instead of all at once,
//! regions can be merged apart: see [`crate::mark`].

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::external::{Merge, Order};
use crate::metrics::DuplicationMetrics;
use crate::region::Region;
use crate::run::{Reader, Writer};
use crate::sorter::{Filed, Medium, Params, SortError, Sorted, Sorter, counters};

/// Where the runs of a chunk are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The records, in coordinate order.
    pub records: PathBuf,
    /// The signatures of pairs.
    pub pairs: PathBuf,
    /// The signatures of single ends.
    pub fragments: PathBuf,
    /// What was counted.
    pub counts: PathBuf,
}

impl Sorter {
    /// Stores what was pushed. The directories of the files must be there; nothing is synced.
    ///
    /// # Errors
    /// When the scratch directory or one of the files fails.
    pub fn store(self, files: &Files) -> Result<(), SortError> {
        let filed = self.end()?;
        let write = || {
            store(filed.records, create(&files.records)?)?;
            store(filed.pairs, create(&files.pairs)?)?;
            store(filed.fragments, create(&files.fragments)?)?;
            Counts {
                templates: filed.templates,
                metrics: filed.metrics,
                paired_reads: filed.paired_reads,
            }
            .store(&files.counts)
        };
        write().map_err(SortError::Chunk)
    }
}

pub(crate) fn create(path: &Path) -> io::Result<File> {
    let file = File::create(path);
    file.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

fn store<O: Order>(mut items: Merge<O>, to: File) -> io::Result<()> {
    let mut writer = Writer::new(to)?;
    while let Some(item) = items.next()? {
        writer.push((O::prefix(item) >> 32) as u32, item)?;
    }
    writer.finish()
}

/// Merges the chunks of a sample, which were sorted with the same libraries.
///
/// # Errors
/// When a file cannot be read, is damaged, or is of another sample.
pub fn merge(params: &Params, chunks: &[Files]) -> Result<Sorted, SortError> {
    let filed = || {
        let counts = Counts::of_chunks(params.libraries.names(), chunks)?;
        Ok(Filed {
            records: open(chunks, Region::WHOLE, |chunk| &chunk.records)?,
            pairs: open(chunks, Region::WHOLE, |chunk| &chunk.pairs)?,
            fragments: open(chunks, Region::WHOLE, |chunk| &chunk.fragments)?,
            metrics: counts.metrics,
            paired_reads: counts.paired_reads,
            templates: counts.templates,
            medium: Medium::Chunks,
        })
    };
    let filed = filed().map_err(SortError::Chunk)?;
    filed.decide(params.optical_distance)
}

/// The items of a region, of all chunks.
pub(crate) fn open<O: Order>(
    chunks: &[Files],
    region: Region,
    which: impl Fn(&Files) -> &PathBuf,
) -> io::Result<Merge<O>> {
    let runs = chunks
        .iter()
        .map(|chunk| Reader::open(which(chunk), region));
    Merge::of_stored(runs.collect::<io::Result<_>>()?)
}

/// What was counted of some templates.
pub(crate) struct Counts {
    /// One more than the number of the last template.
    pub(crate) templates: u64,
    pub(crate) metrics: Vec<DuplicationMetrics>,
    /// Reads of mapped pairs by library, to be halved.
    pub(crate) paired_reads: Vec<u64>,
}

impl Counts {
    /// Of no templates.
    pub(crate) fn none(libraries: &[String]) -> Self {
        Self {
            templates: 0,
            metrics: counters(libraries),
            paired_reads: vec![0; libraries.len()],
        }
    }

    /// What all chunks counted.
    pub(crate) fn of_chunks(libraries: &[String], chunks: &[Files]) -> io::Result<Self> {
        let mut counts = Self::none(libraries);
        for chunk in chunks {
            counts.add(&chunk.counts)?;
        }
        Ok(counts)
    }

    pub(crate) fn store(&self, path: &Path) -> io::Result<()> {
        let mut writer = Writer::new(create(path)?)?;
        writer.push(0, &self.templates.to_le_bytes())?;
        for library in self.metrics.iter().zip(&self.paired_reads) {
            writer.push(0, &encode(library))?;
        }
        writer.finish()
    }

    /// Adds what was stored in a file.
    pub(crate) fn add(&mut self, path: &Path) -> io::Result<()> {
        let other = || damaged(path, "it counts other libraries");
        let mut reader = Reader::open(path, Region::WHOLE)?;
        let mut item = Vec::new();
        let mut read = || Ok::<_, io::Error>(reader.read(&mut item)?.then(|| item.clone()));
        let templates = read()?.and_then(|item| item.try_into().ok());
        let templates = u64::from_le_bytes(templates.ok_or_else(other)?);
        self.templates = self.templates.max(templates);
        for (library, paired) in self.metrics.iter_mut().zip(&mut self.paired_reads) {
            let (counted, reads) = read()?.and_then(|item| decode(&item)).ok_or_else(other)?;
            if counted.library != library.library {
                return Err(other());
            }
            *library += &counted;
            *paired += reads;
        }
        match read()? {
            None => Ok(()),
            Some(_) => Err(other()),
        }
    }
}

pub(crate) fn damaged(path: &Path, what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("{}: {what}", path.display()),
    )
}

/// Seven counts of a library, little-endian, and its name.
fn encode((library, paired_reads): (&DuplicationMetrics, &u64)) -> Vec<u8> {
    let counts = [
        library.unpaired_reads_examined,
        *paired_reads,
        library.secondary_or_supplementary_reads,
        library.unmapped_reads,
        library.unpaired_read_duplicates,
        library.read_pair_duplicates,
        library.read_pair_optical_duplicates,
    ];
    let mut bytes: Vec<u8> = counts.into_iter().flat_map(u64::to_le_bytes).collect();
    bytes.extend_from_slice(library.library.as_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<(DuplicationMetrics, u64)> {
    let (counts, name) = bytes.split_at_checked(7 * 8)?;
    let mut counts = counts
        .chunks_exact(8)
        .map(|count| u64::from_le_bytes(std::array::from_fn(|i| count[i])));
    let mut next = || counts.next();
    let (unpaired, paired) = (next()?, next()?);
    let library = DuplicationMetrics {
        library: String::from_utf8(name.to_vec()).ok()?,
        unpaired_reads_examined: unpaired,
        read_pairs_examined: 0,
        secondary_or_supplementary_reads: next()?,
        unmapped_reads: next()?,
        unpaired_read_duplicates: next()?,
        read_pair_duplicates: next()?,
        read_pair_optical_duplicates: next()?,
    };
    Some((library, paired))
}

#[cfg(test)]
mod tests;
