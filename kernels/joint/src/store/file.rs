//! Writes segments: windows, one after the other, as an Arrow IPC file.

use std::io::{self, Write};
use std::sync::Arc;

use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use arrow_ipc::{CompressionType, MetadataVersion};
use arrow_schema::{ArrowError, Schema, SchemaRef};
use sha2::{Digest, Sha256};

use crate::store::batch;
use crate::store::header::SegmentHeader;
use crate::store::schema::FIELDS;
use crate::store::window::Window;

/// Keys of the footer: CRC-32 of every batch in hexadecimal digits, and SHA-256 of header and CRCs.
pub(crate) const CHECKS_KEY: &str = "kumi.segment.crc32";
pub(crate) const SEAL_KEY: &str = "kumi.segment.seal";
/// Bytes to whose multiples buffers are padded.
const ALIGNMENT: usize = 8;

/// The schema of a segment.
pub(crate) fn schema(header: &SegmentHeader) -> SchemaRef {
    Arc::new(Schema::new_with_metadata(FIELDS.clone(), header.metadata()))
}

/// The digest of what the footer and the header say.
pub(crate) fn seal(header: &SegmentHeader, checks: &str) -> String {
    let mut digest = Sha256::new();
    digest.update(header.text());
    digest.update(checks);
    let digest = digest.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes a segment.
pub(crate) struct SegmentWriter<W: Write> {
    header: SegmentHeader,
    schema: SchemaRef,
    file: FileWriter<Checked<W>>,
    checks: String,
}

impl<W: Write> SegmentWriter<W> {
    /// Begins a segment.
    pub(crate) fn new(output: W, header: SegmentHeader) -> Result<Self, ArrowError> {
        let schema = schema(&header);
        let options = IpcWriteOptions::try_new(ALIGNMENT, false, MetadataVersion::V5)?
            .try_with_compression(Some(CompressionType::ZSTD))?;
        let output = Checked {
            output,
            check: crc32fast::Hasher::new(),
        };
        Ok(Self {
            file: FileWriter::try_new_with_options(output, &schema, options)?,
            header,
            schema,
            checks: String::new(),
        })
    }

    /// Writes the next window.
    pub(crate) fn write(&mut self, window: &Window) -> Result<(), ArrowError> {
        let batch = batch::pack(window, Arc::clone(&self.schema))?;
        self.file.get_mut().check.reset();
        self.file.write(&batch)?;
        let check = self.file.get_ref().check.clone().finalize();
        self.checks.push_str(&format!("{check:08x}"));
        Ok(())
    }

    /// Writes what stands at the end; returns what was written to.
    pub(crate) fn finish(mut self) -> Result<W, ArrowError> {
        let seal = seal(&self.header, &self.checks);
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
