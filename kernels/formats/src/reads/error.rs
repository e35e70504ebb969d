//! Why reads cannot be read.

use std::io;
use std::path::PathBuf;

/// What is wrong with an input, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ReadsError {
    /// It cannot be opened or read.
    #[error("cannot read {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Reads that wait for their mate cannot be set aside.
    #[error(
        "cannot set reads aside in {directory}; free space there or choose another scratch directory"
    )]
    Scratch {
        /// The directory.
        directory: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It holds no reads.
    #[error("{path} is empty: it holds no reads; remove it from the sheet or fetch it again")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// It ends too early.
    #[error("{path} is truncated: it ends after {record} whole records; fetch it again")]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Whole records before the end.
        record: u64,
    },
    /// It lacks the marker that ends every file of its format: it was cut between two blocks.
    #[error("{path} is truncated: {marker} is missing at its end; fetch it again")]
    Unfinished {
        /// The file.
        path: PathBuf,
        /// What is missing.
        marker: &'static str,
    },
    /// It is of another format than was said.
    #[error("{path} {what}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What it is and what to do.
        what: &'static str,
    },
    /// A read group cannot be written into a header.
    #[error("{path}, read group {id}: {what}")]
    ReadGroup {
        /// The file it is of.
        path: PathBuf,
        /// Its ID.
        id: String,
        /// What is wrong and what to do.
        what: String,
    },
    /// A FASTQ record is broken.
    #[error("{path}:{line}: {what}")]
    Fastq {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        what: String,
    },
    /// The files of a pair do not belong together.
    #[error("{second}:{line}: {what}; {first} and {second} must hold the mates in the same order")]
    Mates {
        /// First segments.
        first: PathBuf,
        /// Second segments.
        second: PathBuf,
        /// The line in the second file, from 1.
        line: u64,
        /// What differs.
        what: String,
    },
    /// A BAM or CRAM file is broken or cannot be taken apart.
    #[error("{path}, record {record}: {what}")]
    Alignment {
        /// The file.
        path: PathBuf,
        /// The record, from 1; 0 for the header.
        record: u64,
        /// What is wrong and what to do.
        what: String,
    },
    /// The file belongs to another reference.
    #[error("{path} was made with another reference: {what}; give the reference it was made with")]
    Reference {
        /// The file.
        path: PathBuf,
        /// What differs.
        what: String,
    },
}

impl ReadsError {
    /// True when the file or the scratch directory could not be reached, as opposed to the file being wrong.
    #[must_use]
    pub fn is_io(&self) -> bool {
        matches!(self, Self::Io { .. } | Self::Scratch { .. })
    }
}
