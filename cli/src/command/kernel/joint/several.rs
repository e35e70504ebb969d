//! Formats that are several files: PLINK 2 and Parquet. The file that is asked for gets its name last.

use std::fs::File;
use std::io::{self, BufWriter, Seek as _, Write as _};
use std::path::Path;

use kumi_joint::Stats;
use kumi_joint::output::{Called, parquet, plink};

use crate::command::kernel::joint::{Cohort, VERSION};
use crate::exit::{Code, Exit};
use crate::publish::{Partial, beside};

impl Cohort<'_> {
    /// Writes `.pgen`, `.pvar` and `.psam`.
    pub(super) fn pgen(&self) -> anyhow::Result<Stats> {
        let failed = |error| self.failed(&error);
        let output = &self.args.output;
        let mut pgen = plink::Pgen::new(self.samples.len(), nameless(output)?);
        let (variants, mut file) = Partial::create(&output.with_extension("pvar"))?;
        let header = plink::pvar_header(self.contigs);
        file.write_all(header.as_bytes()).map_err(failed)?;
        let make = |called: &Called<'_>| plink::variants(called, &self.params);
        let stats = self.joint(make, |variants| {
            variants.iter().try_for_each(|variant| {
                pgen.push(variant)?;
                file.write_all(&variant.line)
            })
        })?;
        variants.publish(file, None)?;
        let psam = plink::psam(&self.samples);
        beside(&output.with_extension(""), "psam", psam.as_bytes()).map_err(failed)?;
        let (partial, mut file) = Partial::create(output)?;
        let (header, records) = pgen.finish();
        header.write(&mut file).map_err(failed)?;
        copy(records, &mut file).map_err(failed)?;
        partial.publish(file, None)?;
        Ok(stats)
    }

    /// Writes the tables of genotypes, `.sites.parquet` and `.samples.parquet`.
    pub(super) fn parquet(&self) -> anyhow::Result<Stats> {
        let failed = |error| self.failed(&error);
        let output = &self.args.output;
        let (samples, file) = Partial::create(&output.with_extension("samples.parquet"))?;
        let names = parquet::samples(&self.samples, file, VERSION).map_err(failed)?;
        let (sites, site_file) = Partial::create(&output.with_extension("sites.parquet"))?;
        let (genotypes, file) = Partial::create(output)?;
        let tables = parquet::Tables::new(&self.samples, site_file, file, VERSION);
        let mut tables = tables.map_err(failed)?;
        let make = |called: &Called<'_>| parquet::rows(called, &self.params);
        let stats = self.joint(make, |mut rows| tables.push(&mut rows))?;
        let (site_file, file) = tables.finish().map_err(failed)?;
        samples.publish(names, None)?;
        sites.publish(site_file, None)?;
        genotypes.publish(file, None)?;
        Ok(stats)
    }
}

/// A file without a name in the folder of another, which is gone with this process.
fn nameless(beside: &Path) -> Result<BufWriter<File>, Exit> {
    let folder = beside.parent().filter(|folder| *folder != Path::new(""));
    let file = tempfile::tempfile_in(folder.unwrap_or(Path::new(".")));
    let file = file
        .map_err(|error| Exit::new(Code::CannotCreate, format!("{}: {error}", beside.display())))?;
    Ok(BufWriter::new(file))
}

/// Copies all that was written.
fn copy(from: BufWriter<File>, to: &mut BufWriter<File>) -> io::Result<()> {
    let mut from = from.into_inner().map_err(io::IntoInnerError::into_error)?;
    from.rewind()?;
    io::copy(&mut from, to).map(drop)
}
