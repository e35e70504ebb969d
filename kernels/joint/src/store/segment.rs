//! Reads segments in place.

use std::ops::Range;
use std::sync::Arc;

use arrow_buffer::Buffer;
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::{FileDecoder, read_footer_length};
use arrow_ipc::{Block, MetadataVersion, root_as_footer, root_as_message};
use arrow_schema::SchemaRef;
use bytes::Bytes;
use kumi_seq::contig::ContigId;

use crate::store::error::{Damage, SegmentError};
use crate::store::file::{CHECKS_KEY, SEAL_KEY, seal};
use crate::store::header::{SegmentHeader, VERSION};
use crate::store::row;
use crate::store::schema::FIELDS;
use crate::store::unpack::tiles;
use crate::store::window::Window;
use crate::track::Track;

/// Bytes of a window's column, unpacked: more is a damaged segment.
const BUFFER_BYTES_MAX: i64 = 1 << 28;
const MAGIC: &[u8] = b"ARROW1";
/// What stands at the end: length of the footer and the magic bytes.
const TAIL: usize = 10;

/// A segment: what a batch of samples says of a region.
#[derive(Debug)]
pub struct Segment {
    name: String,
    header: SegmentHeader,
    bytes: Buffer,
    schema: SchemaRef,
    blocks: Vec<Block>,
    checks: Vec<u32>,
}

impl Segment {
    /// Takes the bytes of a segment, mapped or read; nothing is copied, and windows are checked when they are
    /// read. `name` is told in errors.
    ///
    /// # Errors
    /// See [`SegmentError`].
    pub fn open(name: &str, bytes: Bytes) -> Result<Self, SegmentError> {
        let bytes = Buffer::from(bytes);
        let damaged = |damage: Damage| SegmentError::Damaged {
            name: name.to_owned(),
            what: damage.0,
        };
        let range = footer(&bytes).map_err(damaged)?;
        let end = range.start;
        let footer = root_as_footer(&bytes[range])
            .map_err(|error| damaged(Damage(format!("its footer: {error}"))))?;
        let Some(schema) = footer.schema() else {
            return Err(damaged("it has no schema".into()));
        };
        let schema = try_fb_to_schema(schema).map_err(|error| damaged(error.into()))?;
        let header = SegmentHeader::parse(schema.metadata())
            .map_err(|found| SegmentError::Version {
                name: name.to_owned(),
                found,
                expected: VERSION,
            })?
            .map_err(damaged)?;
        if *schema.fields() != *FIELDS {
            return Err(damaged("its columns are not those of a segment".into()));
        }
        let blocks: Vec<Block> = footer.recordBatches().iter().flatten().copied().collect();
        let value = |key: &str| {
            let pairs = footer.custom_metadata();
            let mut pairs = pairs.iter().flatten();
            let pair = pairs.find(|pair| pair.key() == Some(key));
            pair.and_then(|pair| pair.value())
                .unwrap_or_default()
                .to_owned()
        };
        let checks = value(CHECKS_KEY);
        if value(SEAL_KEY) != seal(&header, &checks) {
            return Err(damaged("its header does not fit its digest".into()));
        }
        let checks = parse_checks(&checks).map_err(damaged)?;
        let count = tiles(header.interval(ContigId(0)), header.window).count();
        if checks.len() != count || blocks.len() != count {
            return Err(damaged("it has another number of windows".into()));
        }
        if !blocks.iter().all(|block| lies_before(block, end)) {
            return Err(damaged("a window lies outside of it".into()));
        }
        Ok(Self {
            name: name.to_owned(),
            header,
            bytes,
            schema: Arc::new(schema),
            blocks,
            checks,
        })
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is of.
    #[must_use]
    pub fn header(&self) -> &SegmentHeader {
        &self.header
    }

    /// Reads all of it and checks all of it.
    ///
    /// # Errors
    /// The first window that is damaged.
    pub fn verify(&self) -> Result<(), SegmentError> {
        let keep = vec![true; self.header.samples.len()];
        (0..self.windows()).try_for_each(|at| self.tracks(at, &keep).map(|_| ()))
    }

    /// Number of windows.
    pub(crate) fn windows(&self) -> usize {
        self.blocks.len()
    }

    /// The window in which a position of the region lies.
    pub(crate) fn window_at(&self, position: u32) -> usize {
        let (first, window) = (self.header.start / self.header.window, self.header.window);
        (position / window).saturating_sub(first) as usize
    }

    /// A window.
    pub(crate) fn window(&self, at: usize) -> Result<Window, SegmentError> {
        self.read(at).map_err(|damage| self.damaged(at, damage))
    }

    /// What is known of the samples that are kept.
    pub(crate) fn tracks(&self, at: usize, keep: &[bool]) -> Result<Vec<Track>, SegmentError> {
        let window = self.window(at)?;
        crate::store::unpack::tracks(&window, keep).map_err(|damage| self.damaged(at, damage))
    }

    fn damaged(&self, at: usize, damage: Damage) -> SegmentError {
        SegmentError::Damaged {
            name: self.name.clone(),
            what: format!("window {at}: {}", damage.0),
        }
    }

    fn read(&self, at: usize) -> Result<Window, Damage> {
        let block = &self.blocks[at];
        let length = block.metaDataLength() as usize + block.bodyLength() as usize;
        let bytes = self
            .bytes
            .slice_with_length(block.offset() as usize, length);
        if crc32fast::hash(&bytes) != self.checks[at] {
            return Err("its bytes do not fit their CRC".into());
        }
        check_message(&bytes, block)?;
        let decoder = FileDecoder::new(Arc::clone(&self.schema), MetadataVersion::V5);
        let batch = decoder.read_record_batch(block, &bytes)?;
        let batch = batch.ok_or("it is no record batch")?;
        let window = row::unpack(&batch)?;
        let region = self.header.interval(ContigId(0));
        let tile = tiles(region, self.header.window).nth(at);
        if tile.is_none_or(|tile| (tile.start, tile.end) != (window.start, window.end)) {
            return Err("it is of other bases".into());
        }
        Ok(window)
    }
}

/// Where the footer lies.
fn footer(bytes: &[u8]) -> Result<Range<usize>, Damage> {
    if !bytes.starts_with(MAGIC) {
        return Err("it does not begin as an Arrow file".into());
    }
    let tail: Option<&[u8; TAIL]> = bytes.last_chunk();
    let length = read_footer_length(*tail.ok_or("it is too short")?)?;
    let end = bytes.len() - TAIL;
    let start = end
        .checked_sub(length)
        .filter(|start| *start >= MAGIC.len());
    Ok(start.ok_or("its footer is longer than the file")?..end)
}

fn lies_before(block: &Block, end: usize) -> bool {
    let (offset, meta, body) = (block.offset(), block.metaDataLength(), block.bodyLength());
    let whole = offset
        .checked_add(i64::from(meta))
        .and_then(|sum| sum.checked_add(body));
    offset >= 0 && meta >= 8 && body >= 0 && whole.is_some_and(|whole| whole <= end as i64)
}

fn parse_checks(text: &str) -> Result<Vec<u32>, Damage> {
    let check = |digits: &[u8]| {
        let digits = std::str::from_utf8(digits).ok();
        digits.and_then(|digits| u32::from_str_radix(digits, 16).ok())
    };
    let checks: Option<Vec<u32>> = text.as_bytes().chunks(8).map(check).collect();
    checks.ok_or_else(|| "its CRCs are no numbers".into())
}

/// Checks that the buffers of a batch lie in its body and do not unpack to more than can be.
fn check_message(bytes: &[u8], block: &Block) -> Result<(), Damage> {
    let (meta, body) = bytes.split_at(block.metaDataLength() as usize);
    let skip = if meta.starts_with(&[0xff; 4]) { 8 } else { 4 };
    let message =
        root_as_message(&meta[skip..]).map_err(|error| Damage(format!("its header: {error}")))?;
    let batch = message.header_as_record_batch();
    let batch = batch.ok_or("it is no record batch")?;
    for buffer in batch.buffers().iter().flatten() {
        let (offset, length) = (buffer.offset(), buffer.length());
        let end = offset.checked_add(length);
        let inside = offset >= 0 && length >= 0 && end.is_some_and(|end| end <= body.len() as i64);
        if !inside {
            return Err("a column lies outside of it".into());
        }
        let bytes = &body[offset as usize..];
        let told = bytes.first_chunk().filter(|_| length >= 8);
        if length > 0 && told.is_none_or(|told| i64::from_le_bytes(*told) > BUFFER_BYTES_MAX) {
            return Err("a column unpacks to too much".into());
        }
    }
    Ok(())
}
