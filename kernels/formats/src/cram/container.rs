//! Containers, slice headers and blocks (CRAM 3.0, sections 7 and 8), read and written.

use std::borrow::Cow;
use std::io::{self, Read};

use super::number::{Input, invalid, put_itf8, put_ltf8};

/// Containers of short reads are a megabyte or two; a larger size is a damaged file.
const CONTAINER_BYTES_MAX: usize = 1 << 30;
/// So much a container header may hold before it is a damaged file.
const LANDMARKS_MAX: usize = 1 << 20;

/// What a container or slice is about: its contig (-1: none, -2: several), first position (1-based) and
/// length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) contig: i32,
    pub(super) start: i32,
    pub(super) span: i32,
}

/// Several contigs.
pub(super) const SEVERAL: i32 = -2;

/// A container as it lies in the file.
pub(super) struct Container {
    pub(super) place: Place,
    pub(super) counts: Counts,
    pub(super) landmarks: Vec<usize>,
    /// Header and body.
    bytes: Vec<u8>,
    body_at: usize,
}

impl Container {
    /// Reads the next container; `None` for the one that ends the file.
    ///
    /// # Errors
    /// `UnexpectedEof` when the file ends before its end-of-file container.
    pub(super) fn read(reader: &mut impl Read) -> io::Result<Option<Self>> {
        let mut bytes = Vec::with_capacity(64);
        let mut fill = |bytes: &mut Vec<u8>, count: usize| -> io::Result<()> {
            let at = bytes.len();
            bytes.resize(at + count, 0);
            reader.read_exact(&mut bytes[at..])
        };
        fill(&mut bytes, 4)?;
        // Seven numbers and the landmarks: each says with its first byte how long it is.
        let mut number = |bytes: &mut Vec<u8>, longest: u32| -> io::Result<()> {
            fill(bytes, 1)?;
            let more = bytes[bytes.len() - 1].leading_ones().min(longest - 1);
            fill(bytes, more as usize)
        };
        for longest in [5, 5, 5, 5, 9, 9, 5] {
            number(&mut bytes, longest)?;
        }
        let at = bytes.len();
        number(&mut bytes, 5)?;
        let landmark_count = Input::new(&bytes[at..]).count()?;
        if landmark_count > LANDMARKS_MAX {
            return Err(invalid("a container with absurdly many slices"));
        }
        for _ in 0..landmark_count {
            number(&mut bytes, 5)?;
        }
        fill(&mut bytes, 4)?;
        let body_at = bytes.len();
        let mut header = Self::parse(&bytes)?;
        let size = i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        if size > CONTAINER_BYTES_MAX {
            return Err(invalid("a container of absurd size"));
        }
        let read = reader.take(size as u64).read_to_end(&mut bytes)?;
        if read < size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if header.is_end(&bytes[body_at..]) {
            return Ok(None);
        }
        let ordered = header.landmarks.is_sorted();
        if !ordered || header.landmarks.last().is_some_and(|&last| last > size) {
            return Err(invalid("slices outside their container"));
        }
        (header.bytes, header.body_at) = (bytes, body_at);
        Ok(Some(header))
    }

    fn parse(bytes: &[u8]) -> io::Result<Self> {
        let short = || invalid("a container without a header");
        let (checked, crc) = bytes.split_last_chunk::<4>().ok_or_else(short)?;
        if is_wrong(checked, *crc) {
            return Err(invalid("the checksum of a container header is wrong"));
        }
        let mut input = Input::new(&checked[4..]);
        let place = Place {
            contig: input.itf8()?,
            start: input.itf8()?,
            span: input.itf8()?,
        };
        // What readers of records do not need is not checked: writers differ in it.
        let counts = Counts {
            records: usize::try_from(input.itf8()?).unwrap_or(0),
            before: input.ltf8()? as u64,
            bases: input.ltf8()? as u64,
            blocks: usize::try_from(input.itf8()?).unwrap_or(0),
        };
        let count = input.count()?;
        let landmarks = (0..count)
            .map(|_| input.count())
            .collect::<io::Result<_>>()?;
        Ok(Self {
            place,
            counts,
            landmarks,
            bytes: Vec::new(),
            body_at: 0,
        })
    }

    /// The end-of-file container has a place that nothing else can have.
    fn is_end(&self, body: &[u8]) -> bool {
        self.place.contig == -1 && self.place.start == 0x45_4f46 && body.len() <= 15
    }

    /// Header and body, as they lie in the file.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What follows the header.
    pub(super) fn body(&self) -> &[u8] {
        &self.bytes[self.body_at..]
    }
}

/// Writes a container around its body.
pub(super) fn put_container(
    into: &mut Vec<u8>,
    place: Place,
    counts: Counts,
    landmarks: &[usize],
    body: &[u8],
) {
    let at = into.len();
    into.extend_from_slice(&(body.len() as i32).to_le_bytes());
    put_place(into, place);
    put_itf8(into, counts.records as i32);
    put_ltf8(into, counts.before);
    put_ltf8(into, counts.bases);
    put_itf8(into, counts.blocks as i32);
    put_itf8(into, landmarks.len() as i32);
    for &landmark in landmarks {
        put_itf8(into, landmark as i32);
    }
    let crc = crc32fast::hash(&into[at..]);
    into.extend_from_slice(&crc.to_le_bytes());
    into.extend_from_slice(body);
}

fn put_place(into: &mut Vec<u8>, place: Place) {
    put_itf8(into, place.contig);
    put_itf8(into, place.start);
    put_itf8(into, place.span);
}

/// How much a container holds.
#[derive(Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) records: usize,
    /// Records of the containers before it.
    pub(super) before: u64,
    pub(super) bases: u64,
    pub(super) blocks: usize,
}

/// What a block holds.
#[derive(Clone, Copy)]
pub(super) enum Content {
    FileHeader = 0,
    CompressionHeader = 1,
    SliceHeader = 2,
    External = 4,
    Core = 5,
}

/// How a block is compressed; the ones that we write and the headers of others use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Raw = 0,
    Gzip = 1,
    Rans = 4,
}

/// Appends a block; gives its size.
pub(super) fn put_block(
    into: &mut Vec<u8>,
    method: Method,
    content: Content,
    id: i32,
    raw_size: usize,
    bytes: &[u8],
) -> usize {
    let at = into.len();
    into.extend_from_slice(&[method as u8, content as u8]);
    put_itf8(into, id);
    put_itf8(into, bytes.len() as i32);
    put_itf8(into, raw_size as i32);
    into.extend_from_slice(bytes);
    let crc = crc32fast::hash(&into[at..]);
    into.extend_from_slice(&crc.to_le_bytes());
    into.len() - at
}

/// Reads a block that holds a header, which may be compressed with gzip only.
pub(super) fn header_block<'a>(
    input: &mut Input<'a>,
    content: Content,
) -> io::Result<Cow<'a, [u8]>> {
    let block = Block::read(input)?;
    if block.content != content as u8 {
        return Err(invalid("a block of another kind than expected"));
    }
    match block.method {
        0 => Ok(Cow::Borrowed(block.bytes)),
        1 => {
            let mut raw = Vec::new();
            flate2::read::MultiGzDecoder::new(block.bytes)
                .take(block.raw_size as u64)
                .read_to_end(&mut raw)?;
            Ok(Cow::Owned(raw))
        }
        _ => Err(invalid("a header that is neither raw nor gzip")),
    }
}

/// A block as it lies in its container; its checksum was right.
struct Block<'a> {
    method: u8,
    content: u8,
    raw_size: usize,
    bytes: &'a [u8],
}

impl<'a> Block<'a> {
    fn read(input: &mut Input<'a>) -> io::Result<Self> {
        let whole = input.rest();
        let (method, content) = (input.byte()?, input.byte()?);
        let _id = input.itf8()?;
        let (size, raw_size) = (input.count()?, input.count()?);
        let bytes = input.take(size)?;
        let checked = &whole[..whole.len() - input.rest().len()];
        if is_wrong(checked, input.array::<4>()?) {
            return Err(invalid("the checksum of a block is wrong"));
        }
        Ok(Self {
            method,
            content,
            raw_size,
            bytes,
        })
    }

    /// The size that the codec will make room for; rANS 4x8 and the name tokeniser have their own.
    fn claimed_size(&self) -> usize {
        let at = match self.method {
            4 => 5,
            8 => 0,
            _ => return self.raw_size,
        };
        let own = self.bytes.get(at..at + 4);
        let own = own.map_or(0, |own| {
            u32::from_le_bytes([own[0], own[1], own[2], own[3]])
        });
        self.raw_size.max(own as usize)
    }
}

/// Steps over a block, whose checksum must be right.
pub(super) fn skip_block(input: &mut Input<'_>) -> io::Result<()> {
    Block::read(input).map(drop)
}

/// Looks at the blocks of a slice behind its header: their checksums, and that they do not claim to become
/// more than `bytes_max` in all.
pub(super) fn check_blocks(
    input: &mut Input<'_>,
    count: usize,
    bytes_max: usize,
) -> io::Result<()> {
    let mut claimed = 0usize;
    for _ in 0..count {
        claimed = claimed.saturating_add(Block::read(input)?.claimed_size());
        if claimed > bytes_max {
            return Err(invalid("a slice of absurd size"));
        }
    }
    Ok(())
}

/// The header of a slice.
pub(super) struct SliceHeader {
    pub(super) place: Place,
    pub(super) records: usize,
    /// Records of the file before it.
    pub(super) before: i64,
    /// Blocks behind this header.
    pub(super) blocks: usize,
    /// The block with the reference, when there is one.
    pub(super) embedded: Option<i32>,
    /// MD5 of the reference under the slice; zero when it was not computed.
    pub(super) md5: [u8; 16],
}

impl SliceHeader {
    pub(super) fn parse(bytes: &[u8]) -> io::Result<Self> {
        let mut input = Input::new(bytes);
        let place = Place {
            contig: input.itf8()?,
            start: input.itf8()?,
            span: input.itf8()?,
        };
        let records = input.count()?;
        let before = input.ltf8()?;
        let blocks = input.count()?;
        if blocks == 0 {
            return Err(invalid("a slice without blocks"));
        }
        for _ in 0..input.count()? {
            input.itf8()?;
        }
        let embedded = Some(input.itf8()?).filter(|&id| id >= 0);
        let md5 = input.array()?;
        Ok(Self {
            place,
            records,
            before,
            blocks,
            embedded,
            md5,
        })
    }

    /// The header with the ids of the slice's blocks.
    pub(super) fn to_bytes(&self, block_ids: &[i32]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64 + 2 * block_ids.len());
        put_place(&mut bytes, self.place);
        put_itf8(&mut bytes, self.records as i32);
        put_ltf8(&mut bytes, self.before as u64);
        put_itf8(&mut bytes, block_ids.len() as i32);
        put_itf8(&mut bytes, block_ids.len() as i32);
        for &id in block_ids {
            put_itf8(&mut bytes, id);
        }
        put_itf8(&mut bytes, self.embedded.unwrap_or(-1));
        bytes.extend_from_slice(&self.md5);
        bytes
    }
}

/// Compares a CRC-32. Not when fuzzing: it would let nothing pass that was made up.
fn is_wrong(checked: &[u8], crc: [u8; 4]) -> bool {
    !cfg!(fuzzing) && crc32fast::hash(checked).to_le_bytes() != crc
}

/// Makes the checksums of a container's header and blocks right, as far as it can be walked through.
#[cfg(test)]
pub(super) fn repair(bytes: &mut [u8]) {
    fn sealed(bytes: &mut [u8], start: usize, end: usize) {
        if end + 4 <= bytes.len() {
            let crc = crc32fast::hash(&bytes[start..end]);
            bytes[end..end + 4].copy_from_slice(&crc.to_le_bytes());
        }
    }
    let head = |bytes: &[u8]| -> io::Result<usize> {
        let mut input = Input::new(bytes);
        input.take(4)?;
        for _ in 0..4 {
            input.itf8()?;
        }
        input.ltf8()?;
        input.ltf8()?;
        input.itf8()?;
        for _ in 0..input.count()? {
            input.itf8()?;
        }
        Ok(bytes.len() - input.rest().len())
    };
    let Ok(end) = head(bytes) else { return };
    sealed(bytes, 0, end);
    let mut at = end + 4;
    while at < bytes.len() {
        let block = |bytes: &[u8]| -> io::Result<usize> {
            let mut input = Input::new(bytes);
            input.take(2)?;
            input.itf8()?;
            let (size, _) = (input.count()?, input.count()?);
            input.take(size)?;
            Ok(bytes.len() - input.rest().len())
        };
        let Ok(length) = block(&bytes[at..]) else {
            return;
        };
        sealed(bytes, at, at + length);
        at += length + 4;
    }
}
