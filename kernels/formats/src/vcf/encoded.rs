//! Writes BCF records that are encoded already and builds their CSI index on the way.

use std::io::{self, Write};

use kumi_seq::contig::Contigs;
use noodles::csi;
use noodles::csi::binning_index::Indexer;
use noodles::csi::binning_index::index::reference_sequence::bin::Chunk;
use noodles::csi::binning_index::index::reference_sequence::index::BinnedIndex;

use crate::vcf::Record;
use crate::vcf::blocks::Blocks;
use crate::vcf::writer::{Order, invalid};

/// Of zlib-rs: what libdeflate needs half as much time again for (docs/adr/0007-libdeflate.md).
const LEVEL: u32 = 5;

/// Writes BCF. `line` of a record holds its bytes, lengths included (section 6.3 of the VCF
/// specification); the numbers that they call contigs and keys by must be those of the header.
pub struct EncodedWriter<W: Write> {
    inner: Blocks<W>,
    index: Indexer<BinnedIndex>,
    contigs: usize,
    order: Order,
}

impl<W: Write> EncodedWriter<W> {
    /// Writes the header as it is, `#CHROM` line included. Its `##contig` lines must be those of `contigs`,
    /// in their order.
    ///
    /// # Errors
    /// Those of `inner`.
    pub fn new(inner: W, header: &str, contigs: &Contigs) -> io::Result<Self> {
        let mut inner = Blocks::new(inner, LEVEL);
        let length = u32::try_from(header.len() + 1);
        let length = length.map_err(|_| invalid("the header is too long"))?;
        inner.write(b"BCF\x02\x02")?;
        inner.write(&length.to_le_bytes())?;
        inner.write(header.as_bytes())?;
        inner.write(&[0])?;
        let index = Indexer::new(14, 6).ok_or_else(|| invalid("no index of that depth"))?;
        Ok(Self {
            inner,
            index,
            contigs: contigs.len(),
            order: Order::default(),
        })
    }

    /// Writes a record.
    ///
    /// # Errors
    /// `InvalidInput` when records are out of order or a span is empty, else those of the inner writer.
    pub fn write(&mut self, record: &Record) -> io::Result<()> {
        let (first, last) = self.order.next(record)?;
        let from = self.inner.position()?;
        self.inner.write(&record.line)?;
        let to = self.inner.position()?;
        let place = Some((record.contig.index(), first, last, true));
        self.index
            .add_record(place, Chunk::new(from, to))
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
    }

    /// Writes the end-of-file marker; gives the inner writer back and the bytes of the `.csi` file to
    /// write beside it.
    ///
    /// # Errors
    /// Those of the inner writer.
    pub fn finish(self) -> io::Result<(W, Vec<u8>)> {
        let inner = self.inner.finish()?;
        let mut writer = csi::io::Writer::new(Vec::new());
        writer.write_index(&self.index.build(self.contigs))?;
        Ok((inner, writer.into_inner().finish()?))
    }
}
