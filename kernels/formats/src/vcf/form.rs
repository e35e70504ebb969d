//! The forms that variants are written in, each with its index.

use std::io::{self, Write};

use kumi_seq::contig::Contigs;

use crate::vcf::{BcfWriter, EncodedWriter, Record, Writer};

/// A form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// VCF in BGZF.
    Vcf,
    /// BCF, from lines of VCF text.
    Bcf,
    /// BCF, from records that are encoded already.
    Encoded,
}

impl Form {
    /// How the name of a file ends, its dot included.
    #[must_use]
    pub fn ending(self) -> &'static str {
        match self {
            Self::Vcf => ".vcf.gz",
            Self::Bcf | Self::Encoded => ".bcf",
        }
    }

    /// What is added to that of its index, behind a dot.
    #[must_use]
    pub fn index_extension(self) -> &'static str {
        match self {
            Self::Vcf => "tbi",
            Self::Bcf | Self::Encoded => "csi",
        }
    }
}

/// Writes variants in one of the forms.
pub struct FormWriter<W: Write>(Inner<W>);

enum Inner<W: Write> {
    Vcf(Box<Writer<W>>),
    Bcf(Box<BcfWriter<W>>),
    Encoded(Box<EncodedWriter<W>>),
}

impl<W: Write> FormWriter<W> {
    /// Writes the header, whose `##contig` lines must be those of `contigs`, in their order.
    ///
    /// # Errors
    /// Those of the form's writer.
    pub fn new(form: Form, inner: W, header: &str, contigs: &Contigs) -> io::Result<Self> {
        Ok(Self(match form {
            Form::Vcf => Inner::Vcf(Box::new(Writer::new(inner, header, contigs)?)),
            Form::Bcf => Inner::Bcf(Box::new(BcfWriter::new(inner, header, contigs)?)),
            Form::Encoded => Inner::Encoded(Box::new(EncodedWriter::new(inner, header, contigs)?)),
        }))
    }

    /// Writes a record.
    ///
    /// # Errors
    /// Those of the form's writer.
    pub fn write(&mut self, record: &Record) -> io::Result<()> {
        match &mut self.0 {
            Inner::Vcf(writer) => writer.write(record),
            Inner::Bcf(writer) => writer.write(record),
            Inner::Encoded(writer) => writer.write(record),
        }
    }

    /// Completes the file; gives the inner writer back and the bytes of the index to write beside it.
    ///
    /// # Errors
    /// Those of the inner writer.
    pub fn finish(self) -> io::Result<(W, Vec<u8>)> {
        match self.0 {
            Inner::Vcf(writer) => writer.finish(),
            Inner::Bcf(writer) => writer.finish(),
            Inner::Encoded(writer) => writer.finish(),
        }
    }
}
