//! Walks through BCF: its header, where its records lie, and of how many samples they are. What the samples have is
//! not decoded.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use kumi_seq::interval::Interval;
use noodles::bgzf;
use noodles::core::Position;
use noodles::csi::{self, BinningIndex};

use crate::binning;
use crate::open;
use crate::vcf::error::{Place, VcfError};
use crate::vcf::header::Header;

/// The major version, and the minor ones that differ in nothing that is read here.
const MAGIC: [u8; 4] = *b"BCF\x02";
/// A longer header is a damaged file.
const HEADER_BYTES_MAX: u32 = 1 << 30;
/// Bytes of a record from CHROM to the number of samples (section 6.3.1 of the VCF specification).
const FIXED: usize = 24;

/// Reads a BCF file record by record.
pub struct BcfReader {
    path: PathBuf,
    source: bgzf::io::Reader<BufReader<File>>,
    header: Header,
    index: Option<csi::Index>,
    /// Records read so far, or since a jump through the index.
    records: u64,
}

/// Where a record lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BcfSite {
    /// Number of the contig, from 0, in the order of the header.
    pub contig: u32,
    /// 0-based.
    pub start: u32,
    /// How many samples it has values of.
    pub samples: u32,
}

impl BcfReader {
    /// Opens a file and reads its header. One without an end-of-file marker is refused.
    ///
    /// # Errors
    /// What makes it unreadable.
    pub fn open(path: &Path) -> Result<Self, VcfError> {
        let io = |source| VcfError::Io {
            path: path.to_owned(),
            source,
        };
        if !open::has_bgzf_eof(path).map_err(io)? {
            return Err(VcfError::Truncated {
                path: path.to_owned(),
                what: "the BGZF end-of-file marker is missing",
            });
        }
        let file = open::regular(path).map_err(io)?;
        let mut source = bgzf::io::Reader::new(BufReader::new(file));
        let text = header(&mut source).map_err(io)?;
        let header = Header::parse(&text).map_err(|source| VcfError::Header {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path: path.to_owned(),
            source,
            header,
            index: None,
            records: 0,
        })
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Reads the `.csi` beside the file, so that [`BcfReader::seek`] works. False when there is none.
    ///
    /// # Errors
    /// When there is one that cannot be used.
    pub fn load_index(&mut self) -> Result<bool, VcfError> {
        match binning::csi_beside(&self.path) {
            Ok(index) => {
                self.index = Some(index);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.bad_index(error.to_string())),
        }
    }

    /// Goes to the first record that can overlap `interval`, whose contig is a number in the order of the header, through
    /// the index. False when the index knows of none.
    ///
    /// # Errors
    /// `Index` without a loaded index or when it does not fit the file.
    pub fn seek(&mut self, interval: Interval) -> Result<bool, VcfError> {
        let position = |at: u32| Position::try_from(at as usize);
        let (Ok(first), Ok(last)) = (position(interval.start + 1), position(interval.end)) else {
            return Ok(false);
        };
        let Some(index) = &self.index else {
            return Err(self.bad_index("there is none beside it".to_owned()));
        };
        let chunks = index.query(interval.contig.index(), (first..=last).into());
        let chunks = chunks.map_err(|error| self.bad_index(error.to_string()))?;
        let Some(start) = chunks.iter().map(|chunk| chunk.start()).min() else {
            return Ok(false);
        };
        self.records = 0;
        let sought = self.source.seek(start).map(|_| true);
        sought.map_err(|error| self.bad_index(error.to_string()))
    }

    /// The next record; `None` at the end of the file.
    ///
    /// # Errors
    /// The number of the record and what is wrong with it.
    pub fn read(&mut self) -> Result<Option<BcfSite>, VcfError> {
        let mut lengths = [0; 8];
        if !self.begins(&mut lengths)? {
            return Ok(None);
        }
        self.records += 1;
        let (shared, samples) = (number(&lengths, 0), number(&lengths, 4));
        let mut fixed = [0; FIXED];
        let rest = (u64::from(shared) + u64::from(samples)).checked_sub(FIXED as u64);
        let Some(rest) = rest.filter(|_| shared as usize >= FIXED) else {
            return Err(self.wrong(format!("its fields have {shared} bytes")));
        };
        let read = self.source.read_exact(&mut fixed);
        read.map_err(|source| self.failed(source))?;
        let skipped = io::copy(&mut (&mut self.source).take(rest), &mut io::sink());
        if skipped.map_err(|source| self.failed(source))? != rest {
            return Err(self.failed(io::ErrorKind::UnexpectedEof.into()));
        }
        let contigs = self.header.contigs().len();
        let (contig, start) = (number(&fixed, 0), number(&fixed, 4));
        if contig as usize >= contigs || i32::try_from(start).is_err() {
            return Err(self.wrong(format!("contig {contig} of {contigs}, position {start}")));
        }
        Ok(Some(BcfSite {
            contig,
            start,
            // Beside it, in the uppermost byte, how many fields they have.
            samples: number(&fixed, 20) & 0x00ff_ffff,
        }))
    }

    /// Fills the lengths of the next record; false at the end of the file.
    fn begins(&mut self, lengths: &mut [u8; 8]) -> Result<bool, VcfError> {
        let mut read = 0;
        while read < lengths.len() {
            match self.source.read(&mut lengths[read..]) {
                Ok(0) if read == 0 => return Ok(false),
                Ok(0) => return Err(self.failed(io::ErrorKind::UnexpectedEof.into())),
                Ok(bytes) => read += bytes,
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok(true)
    }

    fn failed(&self, source: io::Error) -> VcfError {
        VcfError::Io {
            path: self.path.clone(),
            source,
        }
    }

    fn wrong(&self, what: String) -> VcfError {
        VcfError::Record {
            path: self.path.clone(),
            place: Place::Number(self.records),
            what,
        }
    }

    fn bad_index(&self, what: String) -> VcfError {
        VcfError::Index {
            path: self.path.clone(),
            what,
        }
    }
}

/// The text of the header, up to the byte 0 that ends it.
fn header(source: &mut impl Read) -> io::Result<String> {
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what);
    let mut head = [0; 9];
    source.read_exact(&mut head)?;
    let length = number(&head, 5);
    if !head.starts_with(&MAGIC) || length > HEADER_BYTES_MAX {
        return Err(invalid("it is no BCF of version 2"));
    }
    let mut text = Vec::new();
    source.take(length.into()).read_to_end(&mut text)?;
    if text.len() as u64 != u64::from(length) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let end = text.iter().position(|byte| *byte == 0);
    text.truncate(end.unwrap_or(text.len()));
    String::from_utf8(text).map_err(|_| invalid("its header is not UTF-8"))
}

/// A number of four bytes.
fn number(bytes: &[u8], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(number)
}
