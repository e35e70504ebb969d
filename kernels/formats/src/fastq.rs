//! FASTQ, four lines a record.

use std::io::{self, BufRead};
use std::path::{Path, PathBuf};

use bstr::ByteSlice as _;

use crate::alignments::AlignmentFile;
use crate::open::{self, Compression};
use crate::reads::{Place, ReadsError};

/// Longer lines are refused: short reads have hundreds of bases, and a damaged file has no line ends.
const LINE_BYTES_MAX: usize = 1 << 20;

/// What a sequencer may write for a base: IUPAC codes, and `.` for one that was not read.
const IS_BASE: [bool; 256] = {
    let bases = b"ACGTUNRYSWKMBDHV.";
    let mut table = [false; 256];
    let mut at = 0;
    while at < bases.len() {
        table[bases[at] as usize] = true;
        at += 1;
    }
    table
};

/// One record; buffers are used again.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// The header without `@`, whole.
    pub title: Vec<u8>,
    /// Bases, upper-case ASCII.
    pub bases: Vec<u8>,
    /// Phred qualities, 0 to 93.
    pub qualities: Vec<u8>,
}

impl Record {
    /// The name: up to white space, without `/1` or `/2`.
    pub(crate) fn name(&self) -> &[u8] {
        let end = self
            .title
            .iter()
            .position(u8::is_ascii_whitespace)
            .unwrap_or(self.title.len());
        let name = &self.title[..end];
        name.strip_suffix(b"/1")
            .or_else(|| name.strip_suffix(b"/2"))
            .unwrap_or(name)
    }

    /// The UMI: an `RX:Z:` tag after the name, or the eighth field of an Illumina name. Two of them are joined by
    /// `-`, as SAM wants, where the name has `+`.
    pub(crate) fn umi(&self) -> Option<Vec<u8>> {
        let tag = self
            .title
            .split(u8::is_ascii_whitespace)
            .find_map(|word| word.strip_prefix(b"RX:Z:"));
        let field = || self.name().split(|&byte| byte == b':').nth(7);
        let umi = tag.or_else(field)?;
        let is_umi = !umi.is_empty() && umi.iter().all(|byte| b"ACGTN+-".contains(byte));
        let joined = |&byte: &u8| if byte == b'+' { b'-' } else { byte };
        is_umi.then(|| umi.iter().map(joined).collect())
    }
}

/// Reads the records of a file.
pub(crate) struct Reader {
    path: PathBuf,
    input: Box<dyn BufRead + Send>,
    line: u64,
}

impl Reader {
    /// Opens a plain, gzip or BGZF file.
    pub(crate) fn open(path: &Path) -> Result<Self, ReadsError> {
        Self::open_at(path, Place::default(), 0)
    }

    /// Opens a file at the beginning of a record, which has this number, from 0.
    pub(crate) fn open_at(path: &Path, place: Place, record: u64) -> Result<Self, ReadsError> {
        let io = |source| ReadsError::Io {
            path: path.to_owned(),
            source,
        };
        if std::fs::metadata(path).map_err(io)?.len() == 0 {
            return Err(ReadsError::Empty {
                path: path.to_owned(),
            });
        }
        if open::compression(path).map_err(io)? == Compression::Bgzf
            && !open::has_bgzf_eof(path).map_err(io)?
        {
            return Err(ReadsError::Unfinished {
                path: path.to_owned(),
                marker: "the end-of-file marker of BGZF",
            });
        }
        if AlignmentFile::kind(path).map_err(io)?.is_some() {
            return Err(ReadsError::Format {
                path: path.to_owned(),
                what: "is BAM or CRAM, not FASTQ; name it in the column bam or cram",
            });
        }
        let input = open::text_at(path, place.offset, place.skip)
            .map_err(|source| damage(path, 4 * record, source))?;
        Ok(Self {
            path: path.to_owned(),
            input,
            line: 4 * record,
        })
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The line that was read last, from 1.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// Reads the next record; false at the end of the file.
    pub(crate) fn read(&mut self, record: &mut Record) -> Result<bool, ReadsError> {
        if !self.read_line(&mut record.title)? {
            if self.line == 1 {
                return Err(ReadsError::Empty {
                    path: self.path.clone(),
                });
            }
            return Ok(false);
        }
        if record.title.is_empty() && self.only_empty_lines_follow()? {
            return Ok(false);
        }
        if record.title.first() != Some(&b'@') {
            return Err(
                self.wrong("a record begins with `@`; is this FASTQ with four lines a record?")
            );
        }
        record.title.remove(0);
        if record.name().is_empty() || record.name().len() > 254 {
            return Err(self.wrong("a read name has 1 to 254 characters"));
        }
        if !record.name().iter().all(u8::is_ascii_graphic) {
            return Err(self.wrong("a read name holds what is not printable ASCII"));
        }
        self.expect_line(&mut record.bases)?;
        record.bases.make_ascii_uppercase();
        // Without a way out of the loops over bases and qualities they are vectors.
        let all = |good: bool, base: &u8| good & IS_BASE[usize::from(*base)];
        if !record.bases.iter().fold(true, all) {
            return Err(self.wrong("the sequence holds what is no base"));
        }
        let mut plus = std::mem::take(&mut record.qualities);
        self.expect_line(&mut plus)?;
        if plus.first() != Some(&b'+') {
            return Err(self.wrong("the third line of a record begins with `+`"));
        }
        record.qualities = plus;
        self.expect_line(&mut record.qualities)?;
        if record.qualities.len() != record.bases.len() {
            let what = format!(
                "{} qualities for {} bases",
                record.qualities.len(),
                record.bases.len()
            );
            return Err(self.wrong(&what));
        }
        let all = |good: bool, quality: &u8| good & (33..=126).contains(quality);
        if !record.qualities.iter().fold(true, all) {
            return Err(self.wrong("a quality outside `!` to `~`"));
        }
        for quality in &mut record.qualities {
            *quality -= 33;
        }
        Ok(true)
    }

    /// Some programs and many editors leave empty lines behind the last record.
    fn only_empty_lines_follow(&mut self) -> Result<bool, ReadsError> {
        let line = self.line;
        let mut next = Vec::new();
        while self.read_line(&mut next)? {
            if !next.is_empty() {
                self.line = line;
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn expect_line(&mut self, into: &mut Vec<u8>) -> Result<(), ReadsError> {
        if self.read_line(into)? {
            return Ok(());
        }
        Err(self.wrong("the file ends inside a record; it is truncated, fetch it again"))
    }

    /// Reads a line without its end; false at the end of the file.
    fn read_line(&mut self, into: &mut Vec<u8>) -> Result<bool, ReadsError> {
        into.clear();
        self.line += 1;
        loop {
            let available = match self.input.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(damage(&self.path, self.line, error)),
            };
            if available.is_empty() {
                return Ok(!into.is_empty());
            }
            let end = available.find_byte(b'\n');
            into.extend_from_slice(&available[..end.unwrap_or(available.len())]);
            let used = end.map_or(available.len(), |end| end + 1);
            self.input.consume(used);
            if into.len() > LINE_BYTES_MAX {
                return Err(self.wrong("a line of more than 1 MiB; is this FASTQ?"));
            }
            if end.is_some() {
                if into.last() == Some(&b'\r') {
                    into.pop();
                }
                return Ok(true);
            }
        }
    }

    fn wrong(&self, what: &str) -> ReadsError {
        ReadsError::Fastq {
            path: self.path.clone(),
            line: self.line,
            what: what.to_owned(),
        }
    }
}

/// What an error of the file's bytes means at a line.
fn damage(path: &Path, line: u64, source: io::Error) -> ReadsError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::UnexpectedEof => ReadsError::Truncated {
            path,
            record: line / 4,
        },
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => ReadsError::Fastq {
            path,
            line,
            what: format!("the compressed data are damaged here ({source}); fetch the file again"),
        },
        _ => ReadsError::Io { path, source },
    }
}
