//! Sites and genotypes as tables of Parquet, for analysis: `docs/formats/cohort-outputs.md`.
//!
//! Three tables: the sites, the samples, and the genotypes, of which those are left out that say nothing: certain ones
//! without another allele than REF. Rows come in genome order, and by sample at a site. Bytes depend on nothing but the
//! sites: a table is cut into row groups, pages and batches by counts of rows and sites alone.

mod genotypes;
mod sites;

use std::io::{self, Write};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::{ArrowError, DataType, Field, Fields, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use crate::output::Called;
use crate::output::parquet::genotypes::Genotypes;
use crate::output::parquet::sites::Sites;
use crate::params::Params;

/// Quality from which a genotype without another allele than REF is certain.
pub const CERTAIN_QUALITY: u8 = 20;

/// Rows of a row group: so many are held, encoded and packed.
const GROUP_ROWS: usize = 1 << 20;
/// Rows that are encoded together, and those of one site more.
const BATCH_ROWS: usize = 1 << 16;
const ZSTD_LEVEL: i32 = 3;

/// The rows of a site.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    contig: String,
    sites: Sites,
    genotypes: Genotypes,
}

/// The rows of a site: one of the site, and one for each genotype that is not certainly REF alone.
#[must_use]
pub fn rows(called: &Called<'_>, params: &Params) -> Rows {
    let samples = || called.cells.samples();
    let haploid = samples().filter(|sample| sample.ploidy() == 1).count();
    let usual = if 2 * haploid > samples().count() {
        1
    } else {
        2
    };
    let mut rows = Rows {
        contig: called.contig.name.to_owned(),
        ..Rows::default()
    };
    rows.sites.push(called, usual, params);
    let site = &called.site.site;
    let with_pl = site.alternatives.len() <= params.pl_alternatives_max;
    for (number, sample) in samples().enumerate() {
        rows.genotypes
            .push(site.start + 1, number as u32, &sample, usual, with_pl);
    }
    rows
}

/// Writes sites and genotypes. Memory holds a batch and a row group of each, whatever the number of sites.
pub struct Tables<W: Write + Send> {
    samples: Vec<String>,
    contig: String,
    buffered: Rows,
    sites: Table<W>,
    genotypes: Table<W>,
}

impl<W: Write + Send> Tables<W> {
    /// Begins both tables; `samples` are in order of their names, as those of the sites are.
    ///
    /// # Errors
    /// Those of the outputs.
    pub fn new(samples: &[String], sites: W, genotypes: W, version: &str) -> io::Result<Self> {
        Ok(Self {
            samples: samples.to_vec(),
            contig: String::new(),
            buffered: Rows::default(),
            sites: Table::new(sites, sites::fields(), version)?,
            genotypes: Table::new(genotypes, genotypes::fields(), version)?,
        })
    }

    /// Adds a site.
    ///
    /// # Errors
    /// Those of the outputs.
    pub fn push(&mut self, rows: &mut Rows) -> io::Result<()> {
        if rows.contig != self.contig {
            self.flush_sites()?;
            self.flush_genotypes()?;
            self.contig.clone_from(&rows.contig);
        }
        self.buffered.sites.append(&mut rows.sites);
        self.buffered.genotypes.append(&mut rows.genotypes);
        if self.buffered.sites.len() >= BATCH_ROWS {
            self.flush_sites()?;
        }
        if self.buffered.genotypes.len() >= BATCH_ROWS {
            self.flush_genotypes()?;
        }
        Ok(())
    }

    fn flush_sites(&mut self) -> io::Result<()> {
        let sites = std::mem::take(&mut self.buffered.sites);
        let columns = sites.columns(&self.contig);
        self.sites.write(columns)
    }

    fn flush_genotypes(&mut self) -> io::Result<()> {
        let genotypes = std::mem::take(&mut self.buffered.genotypes);
        let columns = genotypes.columns(&self.contig, &self.samples);
        self.genotypes.write(columns)
    }

    /// Completes both tables: sites, genotypes.
    ///
    /// # Errors
    /// Those of the outputs.
    pub fn finish(mut self) -> io::Result<(W, W)> {
        self.flush_sites()?;
        self.flush_genotypes()?;
        Ok((self.sites.finish()?, self.genotypes.finish()?))
    }
}

/// Writes the table of samples.
///
/// # Errors
/// Those of `output`.
pub fn samples<W: Write + Send>(samples: &[String], output: W, version: &str) -> io::Result<W> {
    let fields = Fields::from(vec![Field::new("sample", DataType::Utf8, false)]);
    let mut table = Table::new(output, fields, version)?;
    let names = StringArray::from_iter_values(samples);
    table.write(Ok(vec![Arc::new(names)]))?;
    table.finish()
}

/// A table being written.
struct Table<W: Write + Send> {
    schema: SchemaRef,
    writer: ArrowWriter<W>,
}

impl<W: Write + Send> Table<W> {
    fn new(output: W, fields: Fields, version: &str) -> io::Result<Self> {
        let schema = Arc::new(Schema::new(fields));
        let level = ZstdLevel::try_new(ZSTD_LEVEL).map_err(failed)?;
        let properties = WriterProperties::builder()
            .set_created_by(format!("kumi joint {version}"))
            .set_compression(Compression::ZSTD(level))
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .build();
        let options = ArrowWriterOptions::new()
            .with_properties(properties)
            .with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(output, Arc::clone(&schema), options);
        let writer = writer.map_err(failed)?;
        Ok(Self { schema, writer })
    }

    fn write(&mut self, columns: Result<Vec<ArrayRef>, ArrowError>) -> io::Result<()> {
        let batch =
            columns.and_then(|columns| RecordBatch::try_new(Arc::clone(&self.schema), columns));
        self.writer
            .write(&batch.map_err(io::Error::other)?)
            .map_err(failed)
    }

    fn finish(self) -> io::Result<W> {
        self.writer.into_inner().map_err(failed)
    }
}

/// What went wrong in writing, so that a full disk is told as such.
fn failed(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(source) => *source,
            Err(source) => io::Error::other(source),
        },
        error => io::Error::other(error),
    }
}
