//! BAM and CRAM files, read whole or by region, as raw records.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use kumi_seq::interval::Interval;
use noodles::core::{Position, Region};
use noodles::csi::BinningIndex;
use noodles::{bam as noodles_bam, bgzf, cram as noodles_cram, fasta, sam};

use crate::bam::{self, Record};
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
const CRAM_EOF: [u8; 38] = [
    0x0f, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 0xe0, 0x45, 0x4f, 0x46, 0, 0, 0, 0, 0x01, 0, 0x05,
    0xbd, 0xd9, 0x4f, 0, 0x01, 0, 0x06, 0x06, 0x01, 0, 0x01, 0, 0x01, 0, 0xee, 0x63, 0x01, 0x4b,
];

enum Inner {
    Bam(bam::Reader<BufReader<File>>),
    Cram {
        reader: noodles_cram::io::Reader<BufReader<File>>,
        header: sam::Header,
        waiting: std::vec::IntoIter<Record>,
    },
}

/// A BAM or CRAM file.
pub struct AlignmentFile {
    path: PathBuf,
    inner: Inner,
    header: Header,
    reference: fasta::Repository,
}

impl AlignmentFile {
    /// What a file is by its first bytes; `None` for neither.
    ///
    /// # Errors
    /// Those of reading it.
    pub fn kind(path: &Path) -> io::Result<Option<Kind>> {
        let mut magic = Vec::new();
        File::open(path)?.take(4).read_to_end(&mut magic)?;
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
        let mut file = File::open(path)?;
        if file.metadata()?.len() < CRAM_EOF.len() as u64 {
            return Ok(false);
        }
        file.seek(SeekFrom::End(-(CRAM_EOF.len() as i64)))?;
        let mut tail = [0; CRAM_EOF.len()];
        file.read_exact(&mut tail)?;
        Ok(tail == CRAM_EOF)
    }

    /// Opens a file. CRAM needs the reference it was made with; its contigs are compared.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn open(
        path: &Path,
        reference: Option<&dyn ReferenceSource>,
    ) -> Result<Self, AlignmentsError> {
        let io = |source| AlignmentsError::Io {
            path: path.to_owned(),
            source,
        };
        let kind = Self::kind(path)
            .map_err(io)?
            .ok_or_else(|| AlignmentsError::Kind {
                path: path.to_owned(),
            })?;
        let file = BufReader::with_capacity(256 << 10, File::open(path).map_err(io)?);
        if kind == Kind::Bam {
            let reader = bam::Reader::new(file).map_err(io)?;
            let header = reader.header().clone();
            return Ok(Self {
                path: path.to_owned(),
                inner: Inner::Bam(reader),
                header,
                reference: Default::default(),
            });
        }
        let repository = reference.map(crate::cram::repository).unwrap_or_default();
        let mut reader = noodles_cram::io::reader::Builder::default()
            .set_reference_sequence_repository(repository.clone())
            .build_from_reader(file);
        let header = reader.read_header().map_err(io)?;
        let ours = Header::from_noodles(header.clone());
        if let Some(reference) = reference {
            let checked = ours.check_reference(reference.contigs());
            checked.map_err(|what| AlignmentsError::Reference {
                path: path.to_owned(),
                what,
            })?;
        }
        let inner = Inner::Cram {
            reader,
            header,
            waiting: Vec::new().into_iter(),
        };
        Ok(Self {
            path: path.to_owned(),
            inner,
            header: ours,
            reference: repository,
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
            Inner::Bam(reader) => reader.read().map_err(io),
            Inner::Cram {
                reader,
                header,
                waiting,
            } => loop {
                if let Some(record) = waiting.next() {
                    return Ok(Some(record));
                }
                let mut container = noodles_cram::io::reader::Container::default();
                if reader.read_container(&mut container).map_err(io)? == 0 {
                    return Ok(None);
                }
                *waiting = container_records(&container, header, &self.reference)
                    .map_err(io)?
                    .into_iter();
            },
        }
    }

    /// The records that overlap an interval, in file order, through the index beside the file (`.crai`;
    /// `.bai` or `.csi`).
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
        let names = self.header.references();
        let name = &names[interval.contig.index()].0;
        let start = Position::try_from(interval.start as usize + 1).expect("positions start at 1");
        let end = Position::try_from(interval.end.max(1) as usize).expect("positions start at 1");
        let region = Region::new(name.as_str(), start..=end);
        match &mut self.inner {
            Inner::Cram { reader, header, .. } => {
                let index =
                    noodles_cram::fs::read_associated_index(&self.path).map_err(index_error)?;
                let query = reader.query(header, &index, &region).map_err(io)?;
                query
                    .records()
                    .map(|record| to_raw(header, &record?))
                    .collect::<io::Result<_>>()
                    .map_err(io)
            }
            Inner::Bam(reader) => {
                let index =
                    noodles_bam::fs::read_associated_index(&self.path).map_err(index_error)?;
                let chunks = index
                    .query(interval.contig.index(), region.interval())
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

fn container_records(
    container: &noodles_cram::io::reader::Container,
    header: &sam::Header,
    reference: &fasta::Repository,
) -> io::Result<Vec<Record>> {
    let compression = container.compression_header()?;
    let mut records = Vec::new();
    for slice in container.slices() {
        let slice = slice?;
        let (core, external) = slice.decode_blocks()?;
        for record in slice.records(reference.clone(), header, &compression, &core, &external)? {
            let record = sam::alignment::RecordBuf::try_from_alignment_record(header, &record)?;
            records.push(to_raw(header, &record)?);
        }
    }
    Ok(records)
}

/// A noodles record as raw bytes.
pub(crate) fn to_raw(
    header: &sam::Header,
    record: &sam::alignment::RecordBuf,
) -> io::Result<Record> {
    use sam::alignment::io::Write as _;
    let mut writer = noodles_bam::io::Writer::from(Vec::with_capacity(512));
    writer.write_alignment_record(header, record)?;
    let mut bytes = writer.into_inner();
    bytes.drain(..4);
    Record::from_bytes(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}
