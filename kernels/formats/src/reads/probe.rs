//! A quick look at an input before hours are spent on it: its head and its end.

use std::path::{Path, PathBuf};

use crate::alignments::{AlignmentFile, Kind};
use crate::fastq::{Reader, Record};
use crate::reads::apart::from_alignments;
use crate::reads::error::ReadsError;
use crate::reference::ReferenceSource;

/// What a quick look finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The file.
    pub path: PathBuf,
    /// Name of the first read; empty when it cannot be told without the reference.
    pub first_name: Vec<u8>,
}

/// Looks at the first read of a FASTQ file and, of BGZF, at its end.
///
/// # Errors
/// What is wrong and what to do.
pub fn probe_fastq(path: &Path) -> Result<Probe, ReadsError> {
    let mut reader = Reader::open(path)?;
    let mut record = Record::default();
    reader.read(&mut record)?;
    Ok(Probe {
        path: path.to_owned(),
        first_name: record.name().to_vec(),
    })
}

/// Looks at the header, the first read and the end of a BAM or CRAM file. Of CRAM the contigs and, under
/// the first reads, the bases are compared with the reference; without one no read of it is looked at.
///
/// # Errors
/// What is wrong and what to do.
pub fn probe_alignment(
    path: &Path,
    reference: Option<&dyn ReferenceSource>,
) -> Result<Probe, ReadsError> {
    let io = |source| ReadsError::Io {
        path: path.to_owned(),
        source,
    };
    let failed = |error| from_alignments(path, 0, error);
    let empty = || ReadsError::Empty {
        path: path.to_owned(),
    };
    if std::fs::metadata(path).map_err(io)?.len() == 0 {
        return Err(empty());
    }
    let mut file = AlignmentFile::open(path, reference).map_err(failed)?;
    let readable = reference.is_some() || AlignmentFile::kind(path).map_err(io)? == Some(Kind::Bam);
    let first = if readable {
        Some(file.read().map_err(failed)?.ok_or_else(empty)?)
    } else {
        None
    };
    Ok(Probe {
        path: path.to_owned(),
        first_name: first.map_or_else(Vec::new, |record| record.view().name().to_vec()),
    })
}
