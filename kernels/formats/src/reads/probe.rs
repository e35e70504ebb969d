//! A quick look at an input before hours are spent on it: its first read and its end.

use std::path::{Path, PathBuf};

use crate::alignments::AlignmentFile;
use crate::fastq::{Reader, Record};
use crate::open::{self, Compression};
use crate::reads::apart::from_alignments;
use crate::reads::error::ReadsError;
use crate::reference::ReferenceSource;

/// What a quick look finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The file.
    pub path: PathBuf,
    /// Name of the first read.
    pub first_name: Vec<u8>,
}

/// Looks at the head and the end of a FASTQ, BAM or CRAM file: its first read, and where the format has
/// one, the marker that shows that the file is whole. With a reference, the contigs of BAM and CRAM files
/// are compared with it.
///
/// # Errors
/// What is wrong and what to do.
pub fn probe(path: &Path, reference: Option<&dyn ReferenceSource>) -> Result<Probe, ReadsError> {
    let io = |source| ReadsError::Io {
        path: path.to_owned(),
        source,
    };
    if std::fs::metadata(path).map_err(io)?.len() == 0 {
        return Err(ReadsError::Empty {
            path: path.to_owned(),
        });
    }
    let kind = AlignmentFile::kind(path).map_err(io)?;
    if kind.is_none() {
        if open::compression(path).map_err(io)? == Compression::Bgzf
            && !open::has_bgzf_eof(path).map_err(io)?
        {
            return Err(ReadsError::Truncated {
                path: path.to_owned(),
                record: 0,
            });
        }
        let mut record = Record::default();
        Reader::open(path)?.read(&mut record)?;
        return Ok(Probe {
            path: path.to_owned(),
            first_name: record.name().to_vec(),
        });
    }
    if !AlignmentFile::has_eof(path).map_err(io)? {
        return Err(ReadsError::Truncated {
            path: path.to_owned(),
            record: 0,
        });
    }
    let mut file =
        AlignmentFile::open(path, reference).map_err(|error| from_alignments(path, 0, error))?;
    if let Some(reference) = reference {
        let checked = file.header().check_reference(reference.contigs());
        checked.map_err(|what| ReadsError::Reference {
            path: path.to_owned(),
            what,
        })?;
    }
    match file
        .read()
        .map_err(|error| from_alignments(path, 0, error))?
    {
        Some(record) => Ok(Probe {
            path: path.to_owned(),
            first_name: record.view().name().to_vec(),
        }),
        None => Err(ReadsError::Empty {
            path: path.to_owned(),
        }),
    }
}
