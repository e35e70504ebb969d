//! What is wrong with a VCF file, and where.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::vcf::header::HeaderError;

/// Where in a file: by line, or by position when it was reached through its index; of BCF by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The line, from 1.
    Line(u64),
    /// Columns CHROM and POS as they are written.
    Near(String),
    /// The number of the record, from 1.
    Number(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "{line}"),
            Self::Near(position) => write!(f, "record at {position}"),
            Self::Number(number) => write!(f, "record {number}"),
        }
    }
}

/// Why a VCF file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum VcfError {
    /// It cannot be read.
    #[error("cannot read {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It ends too early.
    #[error("{path} is truncated: {what}; copy or make it again")]
    Truncated {
        /// The file.
        path: PathBuf,
        /// How one can tell.
        what: &'static str,
    },
    /// It is the binary form.
    #[error("{path} is BCF; give VCF: `bcftools view -Oz`, and `tabix`")]
    Bcf {
        /// The file.
        path: PathBuf,
    },
    /// Its header is no VCF header.
    #[error("the header of {path} is not usable")]
    Header {
        /// The file.
        path: PathBuf,
        /// Why.
        source: HeaderError,
    },
    /// A record is wrong.
    #[error("{path}:{place}: {what}")]
    Record {
        /// The file.
        path: PathBuf,
        /// Where.
        place: Place,
        /// What is wrong and what to do.
        what: String,
    },
    /// Its index is wrong.
    #[error("the index of {path} is not usable: {what}; make it again (tabix -f -p vcf)")]
    Index {
        /// The file.
        path: PathBuf,
        /// Why.
        what: String,
    },
}
