//! BAM and CRAM files, read whole or by region, as raw records.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kumi_seq::interval::Interval;
use noodles::core::Position;
use noodles::csi::BinningIndex;
use noodles::{bam as noodles_bam, bgzf};

use crate::bam::{self, Record};
use crate::binning;
use crate::cram::{self, Shared};
use crate::header::Header;
use crate::open;
use crate::reference::ReferenceSource;

/// Why alignments cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum AlignmentsError {
    /// It cannot be opened or read.
    #[error("cannot read {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It belongs to another reference.
    #[error("{path} was made with another reference: {what}")]
    Reference {
        /// The file.
        path: PathBuf,
        /// What differs.
        what: String,
    },
    /// It lacks the marker that ends every file of its format.
    #[error("{path} is truncated: {marker} is missing at its end")]
    Truncated {
        /// The file.
        path: PathBuf,
        /// What is missing.
        marker: &'static str,
    },
    /// It is neither BAM nor CRAM.
    #[error("{path} is neither BAM nor CRAM")]
    Kind {
        /// The file.
        path: PathBuf,
    },
    /// The index is missing or cannot be read.
    #[error("{path} has no usable index; make one with `samtools index`")]
    Index {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// BAM or CRAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// BAM.
    Bam,
    /// CRAM.
    Cram,
}

/// The end of a CRAM 3 file: an empty container (CRAM 3.0, section 9).
pub(crate) const CRAM_EOF: [u8; 38] = [
    0x0f, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 0xe0, 0x45, 0x4f, 0x46, 0, 0, 0, 0, 0x01, 0, 0x05,
    0xbd, 0xd9, 0x4f, 0, 0x01, 0, 0x06, 0x06, 0x01, 0, 0x01, 0, 0x01, 0, 0xee, 0x63, 0x01, 0x4b,
];

enum Inner<'r> {
    Bam {
        reader: Box<bam::Reader<BufReader<File>>>,
        index: Option<noodles_bam::Index>,
    },
    Cram(Box<cram::Reader<'r>>),
}

/// A BAM or CRAM file.
pub struct AlignmentFile<'r> {
    path: PathBuf,
    inner: Inner<'r>,
    header: Header,
}

impl<'r> AlignmentFile<'r> {
    /// What a file is by its first bytes; `None` for neither.
    ///
    /// # Errors
    /// Those of reading it.
    pub fn kind(path: &Path) -> io::Result<Option<Kind>> {
        let mut magic = Vec::new();
        open::regular(path)?.take(4).read_to_end(&mut magic)?;
        if magic == *b"CRAM" {
            return Ok(Some(Kind::Cram));
        }
        if open::compression(path)? != open::Compression::Bgzf {
            return Ok(None);
        }
        let mut head = [0; 4];
        match bgzf::io::Reader::new(File::open(path)?).read_exact(&mut head) {
            Ok(()) => Ok((head == *b"BAM\x01").then_some(Kind::Bam)),
            Err(_) => Ok(None),
        }
    }

    /// True when the file ends with the marker of its format.
    ///
    /// # Errors
    /// Those of reading it.
    pub fn has_eof(path: &Path) -> io::Result<bool> {
        if Self::kind(path)? != Some(Kind::Cram) {
            return open::has_bgzf_eof(path);
        }
        open::ends_with(path, &CRAM_EOF)
    }

    /// Opens a file. CRAM needs the reference it was made with; its contigs are compared.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn open(
        path: &Path,
        reference: Option<&'r dyn ReferenceSource>,
    ) -> Result<Self, AlignmentsError> {
        Self::open_with(path, reference.map(Shared::Borrowed))
    }

    /// Opens a file that keeps its reference.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn open_shared(
        path: &Path,
        reference: Option<Arc<dyn ReferenceSource>>,
    ) -> Result<AlignmentFile<'static>, AlignmentsError> {
        AlignmentFile::open_with(path, reference.map(Shared::Counted))
    }

    fn open_with(path: &Path, reference: Option<Shared<'r>>) -> Result<Self, AlignmentsError> {
        let path = path.to_owned();
        let io = |source| AlignmentsError::Io {
            path: path.clone(),
            source,
        };
        let kind = Self::kind(&path)
            .map_err(io)?
            .ok_or_else(|| AlignmentsError::Kind { path: path.clone() })?;
        // Cut between two blocks, a file reads like a whole one: only the marker at its end tells.
        if !Self::has_eof(&path).map_err(io)? {
            let marker = match kind {
                Kind::Bam => "the end-of-file marker of BGZF",
                Kind::Cram => "the end-of-file container of CRAM",
            };
            return Err(AlignmentsError::Truncated { path, marker });
        }
        if kind == Kind::Bam {
            let file = BufReader::with_capacity(256 << 10, File::open(&path).map_err(io)?);
            let reader = Box::new(bam::Reader::new(file).map_err(io)?);
            let header = reader.header().clone();
            let index = None;
            let inner = Inner::Bam { reader, index };
            return Ok(Self {
                path,
                inner,
                header,
            });
        }
        let reader = cram::Reader::open(&path, reference.clone()).map_err(io)?;
        let header = reader.header().clone();
        if let Some(reference) = reference {
            let checked = header.check_reference(reference.source().contigs());
            checked.map_err(|what| AlignmentsError::Reference {
                path: path.clone(),
                what,
            })?;
        }
        Ok(Self {
            path,
            inner: Inner::Cram(Box::new(reader)),
            header,
        })
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The next record of the whole file; `None` at its end.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn read(&mut self) -> Result<Option<Record>, AlignmentsError> {
        let io = |source| AlignmentsError::Io {
            path: self.path.clone(),
            source,
        };
        match &mut self.inner {
            Inner::Bam { reader, .. } => reader.read().map_err(io),
            Inner::Cram(reader) => reader.read().map_err(io),
        }
    }

    /// The records that overlap an interval, in file order, through the index beside the file (`.crai`;
    /// `.bai` or `.csi`). The index is read once; of CRAM, what the last query decoded stays decoded, so
    /// that small steps along the genome are cheap.
    ///
    /// # Errors
    /// What is wrong with the file or its index.
    pub fn query(&mut self, interval: Interval) -> Result<Vec<Record>, AlignmentsError> {
        let io = |source| AlignmentsError::Io {
            path: self.path.clone(),
            source,
        };
        let index_error = |source| AlignmentsError::Index {
            path: self.path.clone(),
            source,
        };
        match &mut self.inner {
            Inner::Cram(reader) => {
                reader.load_index().map_err(index_error)?;
                reader.query(interval).map_err(io)
            }
            Inner::Bam { reader, index } => {
                let index = match index {
                    Some(index) => index,
                    None => index.insert(binning::beside_bam(&self.path).map_err(index_error)?),
                };
                let start = Position::try_from(interval.start as usize + 1);
                let end = Position::try_from(interval.end.max(1) as usize);
                let start = start.expect("positions start at 1");
                let range = start..=end.expect("positions start at 1");
                let chunks = index
                    .query(interval.contig.index(), range.into())
                    .map_err(index_error)?;
                let mut records = Vec::new();
                for chunk in chunks {
                    reader.inner_mut().seek(chunk.start()).map_err(io)?;
                    while reader.inner_mut().virtual_position() < chunk.end() {
                        let Some(record) = reader.read().map_err(io)? else {
                            break;
                        };
                        let view = record.view();
                        let there = view.ref_id() == interval.contig.0 as i32;
                        if there
                            && view.pos() < interval.end as i32
                            && view.end() > interval.start as i32
                        {
                            records.push(record);
                        }
                    }
                }
                Ok(records)
            }
        }
    }
}
