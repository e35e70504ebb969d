//! Writes BCF and builds its CSI index on the way.

use std::io::{self, Write};

use kumi_seq::contig::{ContigId, Contigs};
use noodles::core::Position;
use noodles::csi::binning_index::Indexer;
use noodles::csi::binning_index::index::reference_sequence::bin::Chunk;
use noodles::csi::binning_index::index::reference_sequence::index::BinnedIndex;
use noodles::vcf::variant::io::Write as _;
use noodles::{bcf, bgzf, csi, vcf};

use crate::vcf::writer::{bgzf_writer, invalid};

/// Writes BCF from lines of VCF text; the counterpart of [`crate::vcf::Writer`].
pub struct BcfWriter<W: Write> {
    inner: bcf::io::Writer<bgzf::io::Writer<W>>,
    header: vcf::Header,
    index: Indexer<BinnedIndex>,
    contigs: usize,
    last: (ContigId, u32),
}

impl<W: Write> BcfWriter<W> {
    /// Writes the header, whose `##contig` lines must be those of `contigs`, in their order.
    ///
    /// # Errors
    /// `InvalidInput` when the header cannot be parsed, else those of `inner`.
    pub fn new(inner: W, header: &str, contigs: &Contigs) -> io::Result<Self> {
        let header: vcf::Header = header
            .parse()
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let listed = header.contigs().keys().map(String::as_str);
        if !listed.eq(contigs.iter().map(|(_, contig)| contig.name.as_str())) {
            return Err(invalid(
                "the header's contigs are not those of the reference",
            ));
        }
        let mut inner = bcf::io::Writer::from(bgzf_writer(inner));
        inner.write_header(&header)?;
        let index = Indexer::new(14, 6).ok_or_else(|| invalid("no index of that depth"))?;
        Ok(Self {
            inner,
            header,
            index,
            contigs: contigs.len(),
            last: (ContigId(0), 0),
        })
    }

    /// Writes a record; see [`crate::vcf::Writer::write`].
    ///
    /// # Errors
    /// `InvalidInput` when records are out of order or a span is empty, `InvalidData` when the line is
    /// not VCF, else those of the inner writer.
    pub fn write(&mut self, contig: ContigId, start: u32, end: u32, line: &[u8]) -> io::Result<()> {
        if (contig, start) < self.last {
            return Err(invalid("records must come in the order of the reference"));
        }
        self.last = (contig, start);
        let position = |at: u32| Position::try_from(at as usize);
        let (Ok(first), Ok(last)) = (position(start + 1), position(end)) else {
            return Err(invalid("a record without reference bases"));
        };
        let record = vcf::Record::try_from(line)?;
        let from = self.inner.get_ref().virtual_position();
        self.inner.write_variant_record(&self.header, &record)?;
        let to = self.inner.get_ref().virtual_position();
        let place = Some((contig.index(), first, last, true));
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
        let inner = self.inner.into_inner().finish()?;
        let mut writer = csi::io::Writer::new(Vec::new());
        writer.write_index(&self.index.build(self.contigs))?;
        Ok((inner, writer.into_inner().finish()?))
    }
}
