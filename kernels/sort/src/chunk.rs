//! The runs of a chunk of a sample's reads, stored by the process that aligned it and merged by another.
//!
//! What the merge of all chunks gives is what one sorter would have given for all reads.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use crate::external::{Merge, Order};
use crate::metrics::DuplicationMetrics;
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
        let create = |path: &PathBuf| {
            let file = File::create(path);
            file.map_err(|error| {
                io::Error::new(error.kind(), format!("{}: {error}", path.display()))
            })
        };
        let write = || {
            store(filed.records, create(&files.records)?)?;
            store(filed.pairs, create(&files.pairs)?)?;
            store(filed.fragments, create(&files.fragments)?)?;
            let counts = (filed.metrics.iter().zip(&filed.paired_reads)).map(encode);
            let mut writer = Writer::new(create(&files.counts)?)?;
            writer.push(&filed.templates.to_le_bytes())?;
            for library in counts {
                writer.push(&library)?;
            }
            writer.finish()
        };
        write().map_err(SortError::Chunk)
    }
}

fn store<O: Order>(mut items: Merge<O>, to: File) -> io::Result<()> {
    let mut writer = Writer::new(to)?;
    while let Some(item) = items.next()? {
        writer.push(item)?;
    }
    writer.finish()
}

/// Merges the chunks of a sample, which were sorted with the same libraries.
///
/// # Errors
/// When a file cannot be read, is damaged, or is of another sample.
pub fn merge(params: &Params, chunks: &[Files]) -> Result<Sorted, SortError> {
    let filed = || {
        let mut metrics = counters(&params.libraries);
        let mut paired_reads = vec![0; metrics.len()];
        let mut templates = 0;
        for chunk in chunks {
            let end = add_counts(chunk, &mut metrics, &mut paired_reads)?;
            templates = end.max(templates);
        }
        Ok(Filed {
            records: open(chunks, |chunk| &chunk.records)?,
            pairs: open(chunks, |chunk| &chunk.pairs)?,
            fragments: open(chunks, |chunk| &chunk.fragments)?,
            metrics,
            paired_reads,
            templates,
            medium: Medium::Chunks,
        })
    };
    let filed = filed().map_err(SortError::Chunk)?;
    filed.decide(params.optical_distance)
}

fn open<O: Order>(chunks: &[Files], which: impl Fn(&Files) -> &PathBuf) -> io::Result<Merge<O>> {
    let runs = chunks.iter().map(|chunk| Reader::open(which(chunk)));
    Merge::of_stored(runs.collect::<io::Result<_>>()?)
}

/// Adds what a chunk counted; one more than the number of its last template.
fn add_counts(
    chunk: &Files,
    metrics: &mut [DuplicationMetrics],
    paired_reads: &mut [u64],
) -> io::Result<u64> {
    let other = || {
        let what = format!("{}: it counts other libraries", chunk.counts.display());
        io::Error::new(io::ErrorKind::InvalidData, what)
    };
    let mut reader = Reader::open(&chunk.counts)?;
    let mut item = Vec::new();
    let mut read = || Ok::<_, io::Error>(reader.read(&mut item)?.then(|| item.clone()));
    let templates = read()?.and_then(|item| item.try_into().ok());
    let templates = u64::from_le_bytes(templates.ok_or_else(other)?);
    for (library, paired) in metrics.iter_mut().zip(paired_reads) {
        let (counted, reads) = read()?.and_then(|item| decode(&item)).ok_or_else(other)?;
        if counted.library != library.library {
            return Err(other());
        }
        *library += &counted;
        *paired += reads;
    }
    match read()? {
        None => Ok(templates),
        Some(_) => Err(other()),
    }
}

/// Four counts of a library, little-endian, and its name. Duplicates are counted when all is merged.
fn encode((library, paired_reads): (&DuplicationMetrics, &u64)) -> Vec<u8> {
    let counts = [
        library.unpaired_reads_examined,
        *paired_reads,
        library.secondary_or_supplementary_reads,
        library.unmapped_reads,
    ];
    let mut bytes: Vec<u8> = counts.into_iter().flat_map(u64::to_le_bytes).collect();
    bytes.extend_from_slice(library.library.as_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<(DuplicationMetrics, u64)> {
    let (counts, name) = bytes.split_at_checked(32)?;
    let mut counts = counts
        .chunks_exact(8)
        .map(|count| u64::from_le_bytes(std::array::from_fn(|i| count[i])));
    let mut next = || counts.next();
    let (unpaired, paired, other, unmapped) = (next()?, next()?, next()?, next()?);
    let library = DuplicationMetrics {
        library: String::from_utf8(name.to_vec()).ok()?,
        unpaired_reads_examined: unpaired,
        secondary_or_supplementary_reads: other,
        unmapped_reads: unmapped,
        ..Default::default()
    };
    Some((library, paired))
}

#[cfg(test)]
mod tests;
