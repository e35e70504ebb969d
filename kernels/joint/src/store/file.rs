//! Arrow IPC files with checks: what segments and censuses are written as and read from.

use std::io::{self, Write};
use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::{FileDecoder, read_footer_length};
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use arrow_ipc::{Block, CompressionType, MetadataVersion, root_as_footer};
use arrow_schema::{ArrowError, Schema, SchemaRef};
use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::store::error::Damage;
use crate::store::message;

/// Keys of the footer: CRC-32 of every batch in hexadecimal digits, and SHA-256 of the schema's metadata and CRCs.
const CHECKS_KEY: &str = "kumi.crc32";
const SEAL_KEY: &str = "kumi.seal";
/// Bytes to whose multiples buffers are padded.
const ALIGNMENT: usize = 8;
const MAGIC: &[u8] = b"ARROW1";
/// What stands at the end: length of the footer and the magic bytes.
const TAIL: usize = 10;

/// The digest of what the schema's metadata and the footer say.
fn seal(schema: &Schema, checks: &str) -> String {
    let mut digest = Sha256::new();
    for (key, value) in schema.metadata() {
        digest.update(format!("{key}\t{value}\n"));
    }
    digest.update(checks);
    let digest = digest.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes a file.
pub(crate) struct Output<W: Write> {
    schema: SchemaRef,
    file: FileWriter<Checked<W>>,
    checks: String,
}

impl<W: Write> Output<W> {
    /// Begins a file.
    pub(crate) fn new(output: W, schema: SchemaRef) -> Result<Self, ArrowError> {
        let options = IpcWriteOptions::try_new(ALIGNMENT, false, MetadataVersion::V5)?
            .try_with_compression(Some(CompressionType::ZSTD))?;
        let output = Checked {
            output,
            check: crc32fast::Hasher::new(),
        };
        Ok(Self {
            file: FileWriter::try_new_with_options(output, &schema, options)?,
            schema,
            checks: String::new(),
        })
    }

    /// The schema.
    pub(crate) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Writes the next batch.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        self.file.get_mut().check.reset();
        self.file.write(batch)?;
        let check = self.file.get_ref().check.clone().finalize();
        self.checks.push_str(&format!("{check:08x}"));
        Ok(())
    }

    /// Writes what stands at the end; returns what was written to.
    pub(crate) fn finish(mut self) -> Result<W, ArrowError> {
        let seal = seal(&self.schema, &self.checks);
        self.file.write_metadata(CHECKS_KEY, self.checks);
        self.file.write_metadata(SEAL_KEY, seal);
        Ok(self.file.into_inner()?.output)
    }
}

/// Hands on and checks.
struct Checked<W> {
    output: W,
    check: crc32fast::Hasher,
}

impl<W: Write> Write for Checked<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.output.write(bytes)?;
        self.check.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// A file, mapped or read, of which a batch is unpacked when it is asked for.
#[derive(Debug)]
pub(crate) struct Input {
    bytes: Buffer,
    schema: SchemaRef,
    blocks: Vec<Block>,
    checks: Vec<u32>,
}

impl Input {
    /// Takes the bytes of a file; batches are checked when they are read.
    pub(crate) fn open(bytes: Bytes) -> Result<Self, Damage> {
        let bytes = Buffer::from(bytes);
        let range = footer(&bytes)?;
        let end = range.start;
        let footer = root_as_footer(&bytes[range])
            .map_err(|error| Damage(format!("its footer: {error}")))?;
        let schema = try_fb_to_schema(footer.schema().ok_or("it has no schema")?)?;
        let blocks: Vec<Block> = footer.recordBatches().iter().flatten().copied().collect();
        let value = |key: &str| {
            let pairs = footer.custom_metadata();
            let mut pairs = pairs.iter().flatten();
            let pair = pairs.find(|pair| pair.key() == Some(key));
            let value = pair.and_then(|pair| pair.value());
            value.unwrap_or_default().to_owned()
        };
        let checks = value(CHECKS_KEY);
        if !cfg!(fuzzing) && value(SEAL_KEY) != seal(&schema, &checks) {
            return Err("its header does not fit its digest".into());
        }
        let checks = parse_checks(&checks)?;
        if blocks.len() != checks.len() || !blocks.iter().all(|block| lies_before(block, end)) {
            return Err("a batch lies outside of it".into());
        }
        Ok(Self {
            bytes,
            schema: Arc::new(schema),
            blocks,
            checks,
        })
    }

    /// The schema.
    pub(crate) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Number of batches.
    pub(crate) fn batches(&self) -> usize {
        self.blocks.len()
    }

    /// Sets bytes of a batch, counted round and round, and its CRC with them.
    #[cfg(test)]
    pub(crate) fn change(&mut self, at: usize, changes: &[(usize, u8)]) {
        let block = self.blocks[at];
        let start = block.offset() as usize;
        let length = block.metaDataLength() as usize + block.bodyLength() as usize;
        let mut bytes = self.bytes.to_vec();
        let batch = &mut bytes[start..start + length];
        for (place, byte) in changes {
            batch[place % length] = *byte;
        }
        self.checks[at] = crc32fast::hash(batch);
        self.bytes = Buffer::from(bytes);
    }

    /// Reads a batch.
    pub(crate) fn read(&self, at: usize) -> Result<RecordBatch, Damage> {
        let block = &self.blocks[at];
        let length = block.metaDataLength() as usize + block.bodyLength() as usize;
        let bytes = self
            .bytes
            .slice_with_length(block.offset() as usize, length);
        if !cfg!(fuzzing) && crc32fast::hash(&bytes) != self.checks[at] {
            return Err("its bytes do not fit their CRC".into());
        }
        message::check(&bytes, block, self.schema.fields())?;
        let decoder = FileDecoder::new(Arc::clone(&self.schema), MetadataVersion::V5);
        let batch = decoder.read_record_batch(block, &bytes)?;
        batch.ok_or_else(|| "it is no record batch".into())
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, RecordBatch, UInt8Array};
    use arrow_buffer::Buffer;
    use arrow_ipc::root_as_message;
    use arrow_schema::{DataType, Field, Schema};
    use bytes::Bytes;

    use super::{Input, Output};
    use crate::store::message::BUFFER_BYTES_MAX;

    /// Five columns, each of which is said to unpack to as many bytes as one may.
    #[test]
    fn columns_that_unpack_to_too_much_together_are_refused() {
        let field = |at: usize| Field::new(format!("{at}"), DataType::UInt8, false);
        let schema = Arc::new(Schema::new((0..5).map(field).collect::<Vec<_>>()));
        let column = || Arc::new(UInt8Array::from(vec![7; 4_000])) as ArrayRef;
        let columns = (0..5).map(|_| column()).collect();
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns).expect("a batch");
        let mut output = Output::new(Vec::new(), schema).expect("begun");
        output.write(&batch).expect("written");
        let mut bytes = output.finish().expect("finished");
        let mut input = Input::open(Bytes::from(bytes.clone())).expect("a file");
        assert!(input.read(0).is_ok());
        let block = input.blocks[0];
        let start = block.offset() as usize;
        let body = start + block.metaDataLength() as usize;
        let message = root_as_message(&input.bytes[start + 8..body]).expect("a message");
        let buffers = message.header_as_record_batch().expect("a batch").buffers();
        for buffer in buffers
            .iter()
            .flatten()
            .filter(|buffer| buffer.length() > 0)
        {
            let at = body + buffer.offset() as usize;
            bytes[at..at + 8].copy_from_slice(&BUFFER_BYTES_MAX.to_le_bytes());
        }
        let end = body + block.bodyLength() as usize;
        input.checks[0] = crc32fast::hash(&bytes[start..end]);
        input.bytes = Buffer::from(bytes);
        let damage = input.read(0).expect_err("too much");
        assert_eq!(damage.0, "its columns unpack to too much together");
    }
}
