//! CRAM 3.0, written through noodles.

use std::io::{self, Write};
use std::path::Path;

use kumi_seq::interval::Interval;
use noodles::{bam as noodles_bam, cram as noodles_cram, fasta};

use crate::bam::Record;
use crate::header::Header;
use crate::reference::ReferenceSource;

/// Writes a CRAM file. [`Writer::finish`] must be called: it writes the end-of-file container.
pub struct Writer<W: Write> {
    inner: noodles_cram::io::Writer<W>,
    header: Header,
    record: noodles_bam::Record,
    bytes: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Writes the header. `reference` must hold the contigs of the header.
    ///
    /// # Errors
    /// Those of `inner`.
    pub fn new(inner: W, header: &Header, reference: &dyn ReferenceSource) -> io::Result<Self> {
        let mut inner = noodles_cram::io::writer::Builder::default()
            .set_reference_sequence_repository(repository(reference))
            .build_from_writer(inner);
        inner.write_header(header.as_noodles())?;
        Ok(Self {
            inner,
            header: header.clone(),
            record: noodles_bam::Record::default(),
            bytes: Vec::new(),
        })
    }

    /// Writes a record.
    ///
    /// # Errors
    /// Those of the inner writer.
    pub fn write(&mut self, record: &Record) -> io::Result<()> {
        use noodles::sam::alignment::io::Write as _;
        self.bytes.clear();
        self.bytes
            .extend_from_slice(&(record.as_bytes().len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(record.as_bytes());
        noodles_bam::io::Reader::from(self.bytes.as_slice()).read_record(&mut self.record)?;
        self.inner
            .write_alignment_record(self.header.as_noodles(), &self.record)
    }

    /// Writes what is waiting and the end-of-file container, and gives the inner writer back.
    ///
    /// # Errors
    /// Those of the inner writer.
    pub fn finish(mut self) -> io::Result<W> {
        self.inner.try_finish(self.header.as_noodles())?;
        Ok(self.inner.into_inner())
    }
}

/// The index (`.crai`) of a CRAM file, as the bytes of the file to write beside it.
///
/// # Errors
/// Those of reading the file.
pub fn index(path: &Path) -> io::Result<Vec<u8>> {
    let index = noodles_cram::fs::index(path)?;
    let mut writer = noodles_cram::crai::io::Writer::new(Vec::new());
    writer.write_index(&index)?;
    writer.finish()
}

/// The reference as noodles wants it. The bases of contigs are copied when they are first asked for.
pub(crate) fn repository(reference: &dyn ReferenceSource) -> fasta::Repository {
    let records: Vec<fasta::Record> = reference
        .contigs()
        .iter()
        .map(|(contig, described)| {
            let mut bases = Vec::new();
            reference.bases(
                Interval {
                    contig,
                    start: 0,
                    end: described.length,
                },
                &mut bases,
            );
            let definition = fasta::record::Definition::new(described.name.as_str(), None);
            fasta::Record::new(definition, fasta::record::Sequence::from(bases))
        })
        .collect();
    fasta::Repository::new(records)
}
