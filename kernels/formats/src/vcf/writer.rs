//! Writes VCF text as BGZF and builds its tabix index on the way.

use std::io::{self, Write};

use kumi_seq::contig::{ContigId, Contigs};
use noodles::bgzf;
use noodles::bgzf::io::writer::{Builder, CompressionLevel};
use noodles::core::Position;
use noodles::csi::binning_index::index::header::Builder as IndexHeader;
use noodles::csi::binning_index::index::reference_sequence::bin::Chunk;
use noodles::tabix;

use crate::vcf::Record;

/// Fixed, so that the same lines give the same bytes. What it brings: docs/adr/0007-libdeflate.md.
const LEVEL: u8 = 9;

pub(super) fn bgzf_writer<W: Write>(inner: W) -> bgzf::io::Writer<W> {
    let level = CompressionLevel::new(LEVEL).unwrap_or_default();
    Builder::default()
        .set_compression_level(level)
        .build_from_writer(inner)
}

/// Where the last record began: none may begin before it.
#[derive(Default)]
pub(super) struct Order(Option<(ContigId, u32)>);

impl Order {
    /// Takes the next record; its first and last base, 1-based.
    pub(super) fn next(&mut self, record: &Record) -> io::Result<(Position, Position)> {
        let place = Some((record.contig, record.start));
        if place < self.0 {
            return Err(invalid("records must come in the order of the reference"));
        }
        self.0 = place;
        let position = |at: u32| Position::try_from(at as usize);
        match (position(record.start + 1), position(record.end)) {
            (Ok(first), Ok(last)) => Ok((first, last)),
            _ => Err(invalid("a record without reference bases")),
        }
    }
}

/// Writes BGZF VCF text. Blocks are cut by size alone, so the bytes are a function of header and lines.
pub struct Writer<W: Write> {
    inner: bgzf::io::Writer<W>,
    index: tabix::index::Indexer,
    contigs: Vec<String>,
    order: Order,
}

impl<W: Write> Writer<W> {
    /// Writes the header: its full text, `#CHROM` line included.
    ///
    /// # Errors
    /// Those of `inner`.
    pub fn new(inner: W, header: &str, contigs: &Contigs) -> io::Result<Self> {
        let mut inner = bgzf_writer(inner);
        inner.write_all(header.as_bytes())?;
        if !header.ends_with('\n') {
            inner.write_all(b"\n")?;
        }
        let mut index = tabix::index::Indexer::default();
        index.set_header(IndexHeader::vcf().build());
        Ok(Self {
            inner,
            index,
            contigs: contigs.iter().map(|(_, c)| c.name.clone()).collect(),
            order: Order::default(),
        })
    }

    /// Writes a record.
    ///
    /// # Errors
    /// `InvalidInput` when records are out of order or a span is empty, else those of the inner writer.
    pub fn write(&mut self, record: &Record) -> io::Result<()> {
        let name = self
            .contigs
            .get(record.contig.index())
            .ok_or_else(|| invalid("a record of a contig that the reference has not"))?;
        let (first, last) = self.order.next(record)?;
        let from = self.inner.virtual_position();
        self.inner.write_all(&record.line)?;
        self.inner.write_all(b"\n")?;
        let to = self.inner.virtual_position();
        self.index
            .add_record(name, first, last, Chunk::new(from, to))
    }

    /// Writes the end-of-file marker; gives the inner writer back and the bytes of the `.tbi` file to
    /// write beside it.
    ///
    /// # Errors
    /// Those of the inner writer.
    pub fn finish(self) -> io::Result<(W, Vec<u8>)> {
        let inner = self.inner.finish()?;
        let mut writer = tabix::io::Writer::new(Vec::new());
        writer.write_index(&self.index.build())?;
        let mut compressed = writer.into_inner();
        compressed.try_finish()?;
        Ok((inner, compressed.into_inner()))
    }
}

pub(super) fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what.to_owned())
}
