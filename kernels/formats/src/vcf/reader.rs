//! Reads VCF: plain, gzip or BGZF, from its beginning or, with a `.tbi`, from a place inside.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kumi_seq::interval::Interval;
use noodles::core::Position;
use noodles::csi::BinningIndex;
use noodles::{bgzf, tabix};

use crate::binning;
use crate::open::{self, Compression};
use crate::vcf::error::{Place, VcfError};
use crate::vcf::header::Header;
use crate::vcf::view::RecordView;

/// Bytes of a file read at a time: a cohort has many open.
const FILE_BYTES: usize = 32 << 10;
/// A longer line is a damaged file.
const LINE_BYTES_MAX: u64 = 1 << 30;

enum Source {
    Text(Box<dyn BufRead + Send>),
    Bgzf(bgzf::io::Reader<BufReader<File>>),
}

/// Reads records as lines.
pub struct Reader {
    path: PathBuf,
    source: Source,
    header: Header,
    line: Vec<u8>,
    /// Lines read so far; `None` after a jump through the index.
    lines: Option<u64>,
    index: Option<Arc<tabix::Index>>,
}

impl Reader {
    /// Opens a file and reads its header. A BGZF file without its end-of-file marker is refused.
    ///
    /// # Errors
    /// What makes it unreadable.
    pub fn open(path: &Path) -> Result<Self, VcfError> {
        let io = |source| VcfError::Io {
            path: path.to_owned(),
            source,
        };
        let compression = open::compression(path).map_err(io)?;
        let mut reader = Self {
            path: path.to_owned(),
            source: Source::Text(Box::new(io::empty())),
            header: Header::parse(
                "##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO",
            )
            .map_err(|source| VcfError::Header {
                path: path.to_owned(),
                source,
            })?,
            line: Vec::new(),
            lines: Some(0),
            index: None,
        };
        if compression == Compression::Bgzf {
            if !open::has_bgzf_eof(path).map_err(io)? {
                return Err(VcfError::Truncated {
                    path: path.to_owned(),
                    what: "the BGZF end-of-file marker is missing",
                });
            }
            let file = File::open(path).map_err(io)?;
            let file = BufReader::with_capacity(FILE_BYTES, file);
            let mut text = bgzf::io::Reader::new(file);
            let start = text.fill_buf().map_err(|source| reader.failed(source))?;
            if start.starts_with(b"BCF") {
                return Err(VcfError::Bcf {
                    path: path.to_owned(),
                });
            }
            reader.source = Source::Bgzf(text);
        } else {
            reader.source = Source::Text(open::text(path).map_err(io)?);
        }
        reader.read_header()?;
        Ok(reader)
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the `.tbi` beside the file, so that [`Reader::seek`] works. False when there is none.
    ///
    /// # Errors
    /// When there is one that cannot be used.
    pub fn load_index(&mut self) -> Result<bool, VcfError> {
        if !matches!(self.source, Source::Bgzf(_)) {
            return Ok(false);
        }
        match binning::beside_vcf(&self.path) {
            Ok(index) => {
                self.index = Some(Arc::new(index));
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.bad_index(error.to_string())),
        }
    }

    /// The contigs that the index knows records of; none without an index.
    #[must_use]
    pub fn indexed_contigs(&self) -> Vec<String> {
        let header = self.index.as_ref().and_then(|index| index.header());
        header.map_or_else(Vec::new, |header| {
            header
                .reference_sequence_names()
                .iter()
                .map(ToString::to_string)
                .collect()
        })
    }

    /// Goes to the first record that can overlap `interval` of the contig `name`, through the index:
    /// records read from here on may still end before it, and go on after it. False when the index knows
    /// of none. The contig in `interval` is not looked at.
    ///
    /// # Errors
    /// `Index` without a loaded index or when it does not fit the file.
    pub fn seek(&mut self, name: &str, interval: Interval) -> Result<bool, VcfError> {
        let Some(index) = self.index.clone() else {
            return Err(self.bad_index("there is none beside it".to_owned()));
        };
        let names = index
            .header()
            .map(|header| header.reference_sequence_names());
        let Some(id) = names.and_then(|names| names.get_index_of(name.as_bytes())) else {
            return Ok(false);
        };
        let position = |at: u32| Position::try_from(at as usize);
        let (Ok(first), Ok(last)) = (position(interval.start + 1), position(interval.end)) else {
            return Ok(false);
        };
        let chunks = index
            .query(id, (first..=last).into())
            .map_err(|error| self.bad_index(error.to_string()))?;
        let Some(start) = chunks.iter().map(|chunk| chunk.start()).min() else {
            return Ok(false);
        };
        self.lines = None;
        match &mut self.source {
            Source::Bgzf(reader) => {
                let sought = reader.seek(start).map(|_| true);
                sought.map_err(|error| self.bad_index(error.to_string()))
            }
            Source::Text(_) => Ok(false),
        }
    }

    /// The next record; `None` at the end of the file.
    ///
    /// # Errors
    /// The place and what is wrong there.
    pub fn read(&mut self) -> Result<Option<RecordView<'_>>, VcfError> {
        if self.advance()? {
            self.record().map(Some)
        } else {
            Ok(None)
        }
    }

    /// Goes to the next record, of which [`Reader::record`] tells; false at the end of the file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn advance(&mut self) -> Result<bool, VcfError> {
        self.read_line()
    }

    /// The record gone to last.
    ///
    /// # Errors
    /// The place and what is wrong there.
    #[inline]
    pub fn record(&self) -> Result<RecordView<'_>, VcfError> {
        RecordView::parse(&self.line, self.header.samples().len()).map_err(|what| self.wrong(what))
    }

    /// An error at the record read last.
    #[must_use]
    pub fn wrong(&self, what: String) -> VcfError {
        VcfError::Record {
            path: self.path.clone(),
            place: self.place(),
            what,
        }
    }

    /// Where the record read last stands.
    #[must_use]
    pub fn place(&self) -> Place {
        match self.lines {
            Some(line) => Place::Line(line),
            None => {
                let cells: Vec<&[u8]> = self.line.split(|b| *b == b'\t').take(2).collect();
                Place::Near(String::from_utf8_lossy(&cells.join(&b':')).into_owned())
            }
        }
    }

    fn read_header(&mut self) -> Result<(), VcfError> {
        let mut text = String::new();
        while self.read_line()? {
            let Ok(line) = std::str::from_utf8(&self.line) else {
                return Err(self.wrong("the header is not UTF-8 text".to_owned()));
            };
            text.push_str(line);
            text.push('\n');
            if !line.starts_with("##") {
                break;
            }
        }
        self.header = Header::parse(&text).map_err(|source| VcfError::Header {
            path: self.path.clone(),
            source,
        })?;
        Ok(())
    }

    /// Reads the next line that is not empty; false at the end.
    fn read_line(&mut self) -> Result<bool, VcfError> {
        loop {
            self.line.clear();
            let line = &mut self.line;
            let read = match &mut self.source {
                Source::Text(reader) => limited(reader, line),
                Source::Bgzf(reader) => limited(reader, line),
            };
            let complete = match read {
                Ok(0) => return Ok(false),
                Ok(_) => self.line.last() == Some(&b'\n'),
                Err(source) => return Err(self.failed(source)),
            };
            self.lines = self.lines.map(|lines| lines + 1);
            if self.line.len() as u64 >= LINE_BYTES_MAX && !complete {
                return Err(self.wrong("the line is longer than 1 GiB".to_owned()));
            }
            while matches!(self.line.last(), Some(b'\n' | b'\r')) {
                self.line.pop();
            }
            if !self.line.is_empty() {
                return Ok(true);
            }
        }
    }

    fn failed(&self, source: io::Error) -> VcfError {
        if source.kind() == io::ErrorKind::UnexpectedEof {
            VcfError::Truncated {
                path: self.path.clone(),
                what: "it ends within a compressed block",
            }
        } else {
            VcfError::Io {
                path: self.path.clone(),
                source,
            }
        }
    }

    fn bad_index(&self, what: String) -> VcfError {
        VcfError::Index {
            path: self.path.clone(),
            what,
        }
    }
}

/// As `read_until`, up to the longest line.
fn limited<R: BufRead + ?Sized>(reader: &mut R, line: &mut Vec<u8>) -> io::Result<usize> {
    loop {
        let bytes = match reader.fill_buf() {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let end = memchr::memchr(b'\n', bytes);
        let room = LINE_BYTES_MAX as usize - line.len();
        let used = end.map_or(bytes.len(), |end| end + 1).min(room);
        line.extend_from_slice(&bytes[..used]);
        reader.consume(used);
        if end.is_some() || used == 0 {
            return Ok(line.len());
        }
    }
}
