//! Where the records of a FASTQ file begin, every so many of them.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use bstr::ByteSlice as _;
use flate2::{Decompress, FlushDecompress, Status};
use rayon::prelude::*;

use crate::open::{self, Compression};
use crate::reads::Place;

/// More marks than this are thinned out to half.
const MARKS_MAX: usize = 1 << 12;
const BUFFER_BYTES: usize = 1 << 20;
/// BGZF blocks inflated at a time.
const BLOCKS: usize = 512;
/// A BGZF block has at most so much text (SAM 4.1).
const BLOCK_TEXT_BYTES_MAX: usize = 1 << 16;

/// The places of every `step`th record. Memory does not grow with the file.
#[derive(Debug)]
pub(super) struct Marks {
    step: u64,
    places: Vec<Place>,
    lines: u64,
}

impl Marks {
    /// Reads a file. Where it is damaged or cut the marks end: who reads it on will say so.
    pub(super) fn of_file(path: &Path) -> io::Result<Self> {
        let mut marks = Self {
            step: 1,
            places: vec![Place::default()],
            lines: 0,
        };
        let file = open::regular(path)?;
        let outcome = match open::compression(path)? {
            Compression::None => marks.scan_text(file),
            Compression::Gzip => marks.scan_gzip(file, 0),
            Compression::Bgzf => marks.scan_bgzf(file),
        };
        match outcome {
            Err(error) if !is_damage(&error) => Err(error),
            _ => Ok(marks),
        }
    }

    /// At least as many records as were passed: the last line may lack its end.
    pub(super) fn bound(&self) -> u64 {
        self.lines / 4 + 1
    }

    /// Every how many records there is a mark: a power of two.
    pub(super) fn step(&self) -> u64 {
        self.step
    }

    /// The last record with a mark.
    pub(super) fn last(&self) -> u64 {
        (self.places.len() as u64 - 1) * self.step
    }

    /// Where a record with a mark begins.
    pub(super) fn place(&self, record: u64) -> Place {
        self.places[usize::try_from(record / self.step).expect("it has a mark")]
    }

    /// Counts a line end. `behind` is the place behind it.
    fn line(&mut self, behind: impl FnOnce() -> Place) {
        self.lines += 1;
        if !self.lines.is_multiple_of(4) || !(self.lines / 4).is_multiple_of(self.step) {
            return;
        }
        self.places.push(behind());
        if self.places.len() > MARKS_MAX {
            let mut number = 0;
            self.places.retain(|_| {
                number += 1;
                number % 2 == 1
            });
            self.step *= 2;
        }
    }

    fn scan_text(&mut self, file: File) -> io::Result<()> {
        let mut file = BufReader::with_capacity(BUFFER_BYTES, file);
        let mut offset = 0;
        loop {
            let text = file.fill_buf()?;
            let length = text.len();
            if length == 0 {
                return Ok(());
            }
            for end in line_ends(text) {
                self.line(|| Place {
                    offset: offset + end as u64,
                    skip: 0,
                });
            }
            file.consume(length);
            offset += length as u64;
        }
    }

    /// Inflates member by member from `offset` on.
    fn scan_gzip(&mut self, mut file: File, mut offset: u64) -> io::Result<()> {
        file.seek(SeekFrom::Start(offset))?;
        let mut input = Counted {
            input: BufReader::with_capacity(BUFFER_BYTES, file),
            read: offset,
        };
        let mut buffer = vec![0; BUFFER_BYTES];
        while !input.fill_buf()?.is_empty() {
            let mut member = flate2::bufread::GzDecoder::new(input);
            let mut before = 0;
            loop {
                let length = member.read(&mut buffer)?;
                if length == 0 {
                    break;
                }
                for end in line_ends(&buffer[..length]) {
                    self.line(|| Place {
                        offset,
                        skip: before + end as u64,
                    });
                }
                before += length as u64;
            }
            input = member.into_inner();
            offset = input.read;
        }
        Ok(())
    }

    /// Inflates many blocks at a time; from what is no sound block on, member by member.
    fn scan_bgzf(&mut self, file: File) -> io::Result<()> {
        let mut input = BufReader::with_capacity(BUFFER_BYTES, file);
        let mut offset = 0;
        loop {
            let mut blocks = Vec::new();
            while blocks.len() < BLOCKS
                && let Some(block) = read_block(&mut input)?
            {
                blocks.push(block);
            }
            let ends: Vec<Option<Vec<u32>>> = blocks
                .par_iter()
                .map_init(Vec::new, |text, block| inflate(block, text))
                .collect();
            for (block, ends) in blocks.iter().zip(ends) {
                let Some(ends) = ends else {
                    return self.scan_gzip(input.into_inner(), offset);
                };
                for end in ends {
                    self.line(|| Place {
                        offset,
                        skip: end.into(),
                    });
                }
                offset += block.len() as u64;
            }
            if blocks.len() < BLOCKS {
                return Ok(());
            }
        }
    }
}

/// Whether an error is of the file's content and not of the disk.
fn is_damage(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput
    )
}

/// The places behind the line ends of a text.
fn line_ends(text: &[u8]) -> impl Iterator<Item = usize> + '_ {
    let mut from = 0;
    std::iter::from_fn(move || {
        from += text[from..].find_byte(b'\n')? + 1;
        Some(from)
    })
}

/// Knows how far a file was read.
struct Counted {
    input: BufReader<File>,
    read: u64,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(into)?;
        self.read += length as u64;
        Ok(length)
    }
}

impl BufRead for Counted {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.input.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.read += amount as u64;
        self.input.consume(amount);
    }
}

/// XLEN 6, then the subfield `BC` of length 2, whose value is the block's length less one (SAM 4.1).
const HEAD: [u8; 6] = [6, 0, b'B', b'C', 2, 0];
/// Bytes before and behind the compressed data.
const AROUND: (usize, usize) = (18, 8);

/// Reads a BGZF block; what is none comes as some bytes that [`inflate`] refuses. None at the end of the file.
fn read_block(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut block = Vec::new();
    let mut head = input.by_ref().take(AROUND.0 as u64);
    if head.read_to_end(&mut block)? == 0 {
        return Ok(None);
    }
    if block.len() == AROUND.0 && block[10..16] == HEAD {
        let length = usize::from(u16::from_le_bytes([block[16], block[17]])) + 1;
        let rest = length.saturating_sub(block.len());
        input.by_ref().take(rest as u64).read_to_end(&mut block)?;
    }
    Ok(Some(block))
}

/// The places behind the line ends in a block; none when it is not sound.
fn inflate(block: &[u8], text: &mut Vec<u8>) -> Option<Vec<u32>> {
    let data = block.get(AROUND.0..block.len().saturating_sub(AROUND.1))?;
    if !block.starts_with(&[0x1f, 0x8b, 8, 4]) || block[10..16] != HEAD {
        return None;
    }
    text.clear();
    text.reserve(BLOCK_TEXT_BYTES_MAX);
    let mut inflater = Decompress::new(false);
    let status = inflater.decompress_vec(data, text, FlushDecompress::Finish);
    let is_whole =
        status.ok() == Some(Status::StreamEnd) && inflater.total_in() == data.len() as u64;
    is_whole.then(|| line_ends(text).map(|end| end as u32).collect())
}
