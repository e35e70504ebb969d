//! Writes BCF and builds its CSI index on the way.

use std::borrow::Cow;
use std::io::{self, Write};

use kumi_seq::contig::Contigs;
use noodles::csi::binning_index::Indexer;
use noodles::csi::binning_index::index::reference_sequence::bin::Chunk;
use noodles::csi::binning_index::index::reference_sequence::index::BinnedIndex;
use noodles::vcf::variant::io::Write as _;
use noodles::{bcf, bgzf, csi, vcf};

use crate::vcf::Record;
use crate::vcf::writer::{Order, bgzf_writer, invalid};

/// Writes BCF from lines of VCF text; the counterpart of [`crate::vcf::Writer`].
pub struct BcfWriter<W: Write> {
    inner: bcf::io::Writer<bgzf::io::Writer<W>>,
    header: vcf::Header,
    index: Indexer<BinnedIndex>,
    contigs: usize,
    order: Order,
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
            order: Order::default(),
        })
    }

    /// Writes a record; see [`crate::vcf::Writer::write`].
    ///
    /// # Errors
    /// `InvalidInput` when records are out of order or a span is empty, `InvalidData` when the line is
    /// not VCF, else those of the inner writer.
    pub fn write(&mut self, record: &Record) -> io::Result<()> {
        let (first, last) = self.order.next(record)?;
        let line = without_missing(&record.line);
        let variant = vcf::Record::try_from(line.as_ref())?;
        let from = self.inner.get_ref().virtual_position();
        self.inner.write_variant_record(&self.header, &variant)?;
        let to = self.inner.get_ref().virtual_position();
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
        let inner = self.inner.into_inner().finish()?;
        let mut writer = csi::io::Writer::new(Vec::new());
        writer.write_index(&self.index.build(self.contigs))?;
        Ok((inner, writer.into_inner().finish()?))
    }
}

/// The line without the FORMAT keys that no sample has a value for, which says the same: the encoder refuses
/// a key of text without any.
fn without_missing(line: &[u8]) -> Cow<'_, [u8]> {
    let columns: Vec<&[u8]> = line.split(|&byte| byte == b'\t').collect();
    let Some((format, samples)) = columns.get(8).zip(columns.get(9..)) else {
        return Cow::Borrowed(line);
    };
    let values = |text: &'_ [u8]| text.split(|&byte| byte == b':').count();
    let value = |text: &'_ [u8], key: usize| -> Vec<u8> {
        let found = text.split(|&byte| byte == b':').nth(key);
        found.unwrap_or(b".").to_vec()
    };
    let told = |key: &usize| samples.iter().any(|sample| value(sample, *key) != b".");
    let keys: Vec<usize> = (0..values(format)).filter(told).collect();
    if keys.len() == values(format) || keys.is_empty() {
        return Cow::Borrowed(line);
    }
    let kept = |text: &&[u8]| {
        let parts: Vec<_> = keys.iter().map(|&key| value(text, key)).collect();
        parts.join(&b':')
    };
    let mut parts: Vec<Vec<u8>> = columns[..8].iter().map(|column| column.to_vec()).collect();
    parts.extend(columns[8..].iter().map(kept));
    Cow::Owned(parts.join(&b'\t'))
}

#[cfg(test)]
mod tests {
    use super::without_missing;

    #[test]
    fn keys_without_a_value_are_left_out() {
        let fixed = "c\t1\t.\tA\tC\t9\tPASS\t.";
        let line = |rest: &str| format!("{fixed}\t{rest}").into_bytes();
        for (given, left) in [
            ("GT:FT:DP\t0/1:.:3\t./.:.:.", "GT:DP\t0/1:3\t./.:."),
            ("GT:DP:FT\t0/1:3\t0/0:4:.", "GT:DP\t0/1:3\t0/0:4"),
            ("GT:FT\t0/1:q\t0/0:.", "GT:FT\t0/1:q\t0/0:."),
        ] {
            assert_eq!(without_missing(&line(given)).as_ref(), line(left));
        }
        assert_eq!(without_missing(fixed.as_bytes()).as_ref(), fixed.as_bytes());
    }
}
