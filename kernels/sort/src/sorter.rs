//! Records in, template by template; records out, in coordinate order with duplicates flagged.

use std::io;
use std::path::PathBuf;

use kumi_formats::bam::{InvalidRecord, Record, flag};

use crate::decide::{self, Duplicates};
use crate::external::{ExternalSort, Merge};
use crate::library::Libraries;
use crate::metrics::{self, DuplicationMetrics};
use crate::order::{Coordinate, TEMPLATE_BYTES};
use crate::signature::{self, Bytes, Source};

/// How to sort.
#[derive(Clone, Debug)]
pub struct Params {
    /// About how much memory to use before spilling, in bytes. No byte of the result depends on it.
    pub memory_bytes: usize,
    /// Where runs are spilled: a directory on a fast local disk.
    pub scratch: PathBuf,
    /// The libraries of the sample's read groups.
    pub libraries: Libraries,
    /// Duplicates at most this far apart on a tile are optical: 100 for unpatterned, 2,500 for patterned flow
    /// cells (in the units of the read names).
    pub optical_distance: u32,
}

/// Why sorting stopped.
#[derive(Debug, thiserror::Error)]
pub enum SortError {
    /// The scratch directory failed.
    #[error("cannot sort in {directory}; free space there or choose another scratch directory")]
    Scratch {
        /// The directory.
        directory: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A chunk cannot be stored or read back; the error names the file.
    #[error(
        "the runs of a chunk cannot be used; if they are damaged or gone, run `kumi cohort retry`"
    )]
    Chunk(#[source] io::Error),
    /// What was spilled came back damaged.
    #[error("a run spilled to {directory} came back damaged; check that disk")]
    Damaged {
        /// The directory.
        directory: PathBuf,
        /// What is wrong.
        source: InvalidRecord,
    },
}

/// Sorts the records of one sample.
pub struct Sorter {
    params: Params,
    records: ExternalSort<Coordinate>,
    pairs: ExternalSort<Bytes>,
    fragments: ExternalSort<Bytes>,
    metrics: Vec<DuplicationMetrics>,
    /// Reads of mapped pairs by library, to be halved.
    paired_reads: Vec<u64>,
    templates: u64,
    /// The records of the template that may go on.
    open: Vec<Record>,
}

impl Sorter {
    /// Starts.
    #[must_use]
    pub fn new(params: Params) -> Self {
        Self::numbering_from(params, 0)
    }

    /// Starts with the reads of a chunk, whose templates are numbered from `first_template` on: of equals the one
    /// with the lower number is the best. Numbers rise from chunk to chunk and may leave gaps.
    #[must_use]
    pub fn numbering_from(params: Params, first_template: u64) -> Self {
        let metrics = counters(params.libraries.names());
        let part = |eighths: usize| (params.memory_bytes / 8).saturating_mul(eighths);
        Self {
            records: ExternalSort::new(part(6), &params.scratch),
            pairs: ExternalSort::new(part(1), &params.scratch),
            fragments: ExternalSort::new(part(1), &params.scratch),
            paired_reads: vec![0; metrics.len()],
            metrics,
            templates: first_template,
            open: Vec::new(),
            params,
        }
    }

    /// Takes a record. All records of a template must follow each other, in any order; a record is taken to
    /// begin another template when its name is another, or when it is a second primary of the same segment.
    ///
    /// # Errors
    /// When the scratch directory fails.
    pub fn push(&mut self, record: Record) -> Result<(), SortError> {
        if self
            .open
            .first()
            .is_some_and(|first| !continues(first, &self.open, &record))
        {
            self.close().map_err(|source| self.scratch(source))?;
        }
        self.open.push(record);
        Ok(())
    }

    /// Takes records one after the other; see [`Sorter::push`].
    ///
    /// # Errors
    /// When the scratch directory fails.
    pub fn push_batch(&mut self, records: Vec<Record>) -> Result<(), SortError> {
        records.into_iter().try_for_each(|record| self.push(record))
    }

    /// Decides which templates are duplicates, and gives the records in order.
    ///
    /// # Errors
    /// When the scratch directory fails.
    pub fn finish(self) -> Result<Sorted, SortError> {
        let distance = self.params.optical_distance;
        self.end()?.decide(distance)
    }

    /// Everything that was pushed, in order.
    pub(crate) fn end(mut self) -> Result<Filed, SortError> {
        if !self.open.is_empty() {
            self.close().map_err(|source| self.scratch(source))?;
        }
        let medium = Medium::Scratch(self.params.scratch);
        let failed = |source| medium.failed(source);
        Ok(Filed {
            records: self.records.finish().map_err(failed)?,
            pairs: self.pairs.finish().map_err(failed)?,
            fragments: self.fragments.finish().map_err(failed)?,
            metrics: self.metrics,
            paired_reads: self.paired_reads,
            templates: self.templates,
            medium,
        })
    }

    fn scratch(&self, source: io::Error) -> SortError {
        SortError::Scratch {
            directory: self.params.scratch.clone(),
            source,
        }
    }

    /// Ends the open template: its signature and its records are filed.
    fn close(&mut self) -> io::Result<()> {
        let template = self.templates;
        self.templates += 1;
        self.sign(template)?;
        for mut record in self.open.drain(..) {
            let flags = record.view().flags();
            record.set_flags(flags & !flag::DUPLICATE);
            self.records
                .push(&[&template.to_le_bytes(), record.as_bytes()])?;
        }
        Ok(())
    }

    fn sign(&mut self, template: u64) -> io::Result<()> {
        let mut mapped: [Option<&Record>; 2] = [None, None];
        for record in &self.open {
            let (view, flags) = (record.view(), record.view().flags());
            let library = usize::from(self.params.libraries.of(view).library);
            let metrics = &mut self.metrics[library];
            if flags & (flag::SECONDARY | flag::SUPPLEMENTARY) != 0 {
                metrics.secondary_or_supplementary_reads += 1;
            } else if flags & flag::UNMAPPED != 0 {
                metrics.unmapped_reads += 1;
            } else if flags & (flag::PAIRED | flag::MATE_UNMAPPED) == flag::PAIRED {
                self.paired_reads[library] += 1;
                mapped[usize::from(flags & flag::LAST != 0)] = Some(record);
            } else {
                metrics.unpaired_reads_examined += 1;
                mapped[usize::from(flags & flag::LAST != 0)] = Some(record);
            }
        }
        let Some(any) = mapped[0].or(mapped[1]) else {
            return Ok(());
        };
        let source = Source::of(self.params.libraries.of(any.view()), any.view());
        let file = |sort: &mut ExternalSort<Bytes>, bytes: Vec<u8>| sort.push(&[&bytes]);
        if let [Some(first), Some(last)] = mapped.map(|record| record.map(Record::view)) {
            file(
                &mut self.pairs,
                signature::pair(source, [first, last], template),
            )?;
            for read in [first, last] {
                file(&mut self.fragments, signature::fragment(source, read, None))?;
            }
            return Ok(());
        }
        let view = any.view();
        let alone = view.flags() & (flag::PAIRED | flag::MATE_UNMAPPED) != flag::PAIRED;
        let fragment = signature::fragment(source, view, alone.then_some(template));
        file(&mut self.fragments, fragment)
    }
}

/// Counters for each library, all 0.
pub(crate) fn counters(libraries: &[String]) -> Vec<DuplicationMetrics> {
    let names = libraries.iter();
    names
        .map(|name| DuplicationMetrics {
            library: name.clone(),
            ..Default::default()
        })
        .collect()
}

/// Where runs lie: what is to be said when they cannot be read.
#[derive(Clone, Debug)]
pub(crate) enum Medium {
    /// In this scratch directory.
    Scratch(PathBuf),
    /// In the files of chunks.
    Chunks,
}

impl Medium {
    pub(crate) fn failed(&self, source: io::Error) -> SortError {
        match self {
            Self::Scratch(directory) => SortError::Scratch {
                directory: directory.clone(),
                source,
            },
            Self::Chunks => SortError::Chunk(source),
        }
    }

    fn damaged(&self, source: InvalidRecord) -> SortError {
        match self {
            Self::Scratch(directory) => SortError::Damaged {
                directory: directory.clone(),
                source,
            },
            Self::Chunks => SortError::Chunk(io::Error::new(io::ErrorKind::InvalidData, source)),
        }
    }
}

/// Records and signatures in order, before anything is decided.
pub(crate) struct Filed {
    pub(crate) records: Merge<Coordinate>,
    pub(crate) pairs: Merge<Bytes>,
    pub(crate) fragments: Merge<Bytes>,
    pub(crate) metrics: Vec<DuplicationMetrics>,
    /// Reads of mapped pairs by library, to be halved.
    pub(crate) paired_reads: Vec<u64>,
    /// One more than the number of the last template.
    pub(crate) templates: u64,
    pub(crate) medium: Medium,
}

impl Filed {
    pub(crate) fn decide(self, optical_distance: u32) -> Result<Sorted, SortError> {
        let mut metrics = self.metrics;
        for (library, reads) in metrics.iter_mut().zip(self.paired_reads) {
            library.read_pairs_examined = reads / 2;
        }
        let signatures = (self.pairs, self.fragments);
        let duplicates = duplicates(signatures, self.templates, optical_distance, &mut metrics)
            .map_err(|source| self.medium.failed(source))?;
        Ok(Sorted {
            records: self.records,
            duplicates,
            metrics,
            medium: self.medium,
        })
    }
}

/// Which templates are duplicates by their signatures, and how many of each library.
pub(crate) fn duplicates(
    (pairs, fragments): (Merge<Bytes>, Merge<Bytes>),
    templates: u64,
    optical_distance: u32,
    metrics: &mut [DuplicationMetrics],
) -> io::Result<Duplicates> {
    let mut duplicates = Duplicates::new(templates);
    decide::pairs(pairs, optical_distance, &mut duplicates, metrics)?;
    decide::fragments(fragments, &mut duplicates, metrics)?;
    Ok(duplicates)
}

/// True when `record` belongs to the template of `open`, whose first record is `first`. A pair and a single read
/// of one name are two templates, so that what stands before a template never changes it.
fn continues(first: &Record, open: &[Record], record: &Record) -> bool {
    const OTHER: u16 = flag::SECONDARY | flag::SUPPLEMENTARY;
    let segment = |record: &Record| record.view().flags() & (flag::FIRST | flag::LAST | OTHER);
    let view = record.view();
    first.view().name() == view.name()
        && (first.view().flags() ^ view.flags()) & flag::PAIRED == 0
        && (view.flags() & OTHER != 0 || open.iter().all(|other| segment(other) != segment(record)))
}

/// Records in coordinate order: contig, position, strand, then name, FLAG and the bytes themselves; those
/// without a place last.
pub struct Sorted {
    pub(crate) records: Merge<Coordinate>,
    pub(crate) duplicates: Duplicates,
    pub(crate) metrics: Vec<DuplicationMetrics>,
    pub(crate) medium: Medium,
}

impl Sorted {
    /// The duplicates of each library that has reads, in the order of the read groups.
    #[must_use]
    pub fn metrics(&self) -> Vec<DuplicationMetrics> {
        metrics::with_reads(&self.metrics)
    }
}

impl Iterator for Sorted {
    type Item = Result<Record, SortError>;

    fn next(&mut self) -> Option<Self::Item> {
        let damaged = |source| self.medium.damaged(source);
        let item = match self.records.next() {
            Ok(item) => item?,
            Err(source) => return Some(Err(self.medium.failed(source))),
        };
        let Some((template, bytes)) = item.split_first_chunk::<TEMPLATE_BYTES>() else {
            return Some(Err(damaged(InvalidRecord::Truncated)));
        };
        let mut record = match Record::from_bytes(bytes.to_vec()) {
            Ok(record) => record,
            Err(source) => return Some(Err(damaged(source))),
        };
        let flags = record.view().flags();
        if flags & flag::UNMAPPED == 0 && self.duplicates.contains(u64::from_le_bytes(*template)) {
            record.set_flags(flags | flag::DUPLICATE);
        }
        Some(Ok(record))
    }
}

#[cfg(test)]
mod tests;
