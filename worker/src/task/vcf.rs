//! VCF and BCF files of this worker: written record by record, read back whole before they become visible.

mod bcf;
mod tally;

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use kumi_formats::vcf::{self, ConcatenateError, Form, FormWriter, Reader, Record, VcfError};
use kumi_proto::v1;
use kumi_seq::contig::{ContigId, Contigs};
use kumi_seq::interval::Interval;

use crate::fault::{Fault, chain};
use crate::store::{Publication, StoreError};
pub(super) use crate::task::vcf::tally::Tally;
use crate::task::{Context, heading};

const BUFFER_BYTES: usize = 1 << 20;
/// Records read back between two looks at the stop flag.
const CHECK_EVERY: u64 = 1 << 14;

/// A VCF or BCF and its index, staged under their names.
pub(super) struct Staged {
    path: PathBuf,
    index: PathBuf,
    form: Form,
}

/// What must be in a file that was written.
pub(super) struct Expected<'a> {
    pub(super) contigs: &'a Contigs,
    pub(super) samples: &'a [String],
    pub(super) records: u64,
}

impl Staged {
    /// A VCF of that name.
    pub(super) fn new(publication: &mut Publication, name: &str) -> Result<Self, Fault> {
        Self::named(publication, name, Form::Vcf)
    }

    /// A file whose name ends as its form wants.
    pub(super) fn in_form(
        publication: &mut Publication,
        stem: &str,
        form: Form,
    ) -> Result<Self, Fault> {
        Self::named(publication, &format!("{stem}{}", form.ending()), form)
    }

    fn named(publication: &mut Publication, name: &str, form: Form) -> Result<Self, Fault> {
        Ok(Self {
            path: publication.stage(name)?,
            index: publication.stage_beside(name, form.index_extension())?,
            form,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn create(
        &self,
        context: &Context<'_>,
        header: &str,
        contigs: &Contigs,
    ) -> Result<Writer<'_>, Fault> {
        let inner = self
            .buffer()
            .and_then(|file| FormWriter::new(self.form, file, header, contigs))
            .map_err(|error| self.writing(context, error))?;
        Ok(Writer {
            staged: self,
            inner,
            records: 0,
        })
    }

    /// Puts shards of a VCF together; gives the number of records.
    pub(super) fn concatenate(
        &self,
        context: &Context<'_>,
        shards: &[PathBuf],
        contigs: &Contigs,
        class: v1::FailureClass,
    ) -> Result<u64, Fault> {
        let file = self
            .buffer()
            .map_err(|error| self.writing(context, error))?;
        let (file, tbi, records) =
            vcf::concatenate(shards, contigs, file).map_err(|error| match error {
                ConcatenateError::Write(error) => self.writing(context, error),
                error => Fault::from_error(&heading(context.spec), &error, class),
            })?;
        self.complete(context, file, &tbi)?;
        Ok(records)
    }

    /// Reads a VCF back from its beginning to its end and through its index, and counts what is in it.
    pub(super) fn validate(
        &self,
        context: &Context<'_>,
        expected: &Expected<'_>,
    ) -> Result<Tally, Fault> {
        let damaged = |error: VcfError| self.invalid(context, chain(&error));
        let mut reader = Reader::open(&self.path).map_err(damaged)?;
        let indexed = reader.load_index().map_err(damaged)?;
        self.check_head(context, expected, (reader.header().samples(), indexed))?;
        let mut tally = Tally::default();
        let mut first: Vec<(String, Interval)> = Vec::new();
        while let Some(record) = reader.read().map_err(damaged)? {
            tally.observe(&record);
            let name = String::from_utf8_lossy(record.contig()).into_owned();
            if first.last().is_none_or(|(last, _)| *last != name) {
                let contig = expected.contigs.id(&name).ok_or_else(|| {
                    self.invalid(
                        context,
                        format_args!("contig {name} is not in the reference"),
                    )
                })?;
                let (start, end) = (record.start(), record.start() + 1);
                first.push((name, Interval { contig, start, end }));
            }
            if tally.records().is_multiple_of(CHECK_EVERY) {
                context.control.check()?;
            }
        }
        if tally.records() != expected.records {
            let what = format!(
                "it holds {} records, {} were written",
                tally.records(),
                expected.records
            );
            return Err(self.invalid(context, what));
        }
        let mut indexed = reader.indexed_contigs();
        indexed.retain(|name| first.iter().any(|(found, _)| found == name));
        let lost = indexed.len() != first.len();
        for (name, interval) in first {
            let found = reader.seek(&name, interval).map_err(damaged)?;
            let there = found && reader.read().map_err(damaged)?.is_some();
            if lost || !there {
                let what = format_args!("its index does not know the records of {name}");
                return Err(self.invalid(context, what));
            }
        }
        Ok(tally)
    }

    /// A file's samples must be those that were asked for, and it must have an index.
    fn check_head(
        &self,
        context: &Context<'_>,
        expected: &Expected<'_>,
        (samples, indexed): (&[String], bool),
    ) -> Result<(), Fault> {
        if samples != expected.samples {
            return Err(self.invalid(
                context,
                "its columns are not the samples that were asked for",
            ));
        }
        if !indexed {
            return Err(self.invalid(context, "it has no index"));
        }
        Ok(())
    }

    fn buffer(&self) -> io::Result<BufWriter<File>> {
        File::create(&self.path).map(|file| BufWriter::with_capacity(BUFFER_BYTES, file))
    }

    fn complete(
        &self,
        context: &Context<'_>,
        file: BufWriter<File>,
        index: &[u8],
    ) -> Result<(), Fault> {
        file.into_inner()
            .map_err(|error| self.writing(context, error.into_error()))?;
        std::fs::write(&self.index, index).map_err(|error| self.writing(context, error))
    }

    /// The disk decides the class; a record that cannot be written is our fault.
    fn writing(&self, context: &Context<'_>, source: io::Error) -> Fault {
        let error = StoreError::io("write", &self.path, source);
        Fault::from_error(&heading(context.spec), &error, v1::FailureClass::Internal)
    }

    fn invalid(&self, context: &Context<'_>, what: impl std::fmt::Display) -> Fault {
        context.unsound(&self.path, what)
    }
}

/// Writes a staged file.
pub(super) struct Writer<'a> {
    staged: &'a Staged,
    inner: FormWriter<BufWriter<File>>,
    records: u64,
}

impl Writer<'_> {
    pub(super) fn write(&mut self, context: &Context<'_>, record: &Record) -> Result<(), Fault> {
        self.inner
            .write(record)
            .map_err(|error| self.staged.writing(context, error))?;
        self.records += 1;
        Ok(())
    }

    /// Writes what a kernel gives at a time, tells how far it is, and stops when it is told to.
    pub(super) fn write_batch(
        &mut self,
        context: &Context<'_>,
        records: &[Record],
        progress: &Progress<'_>,
    ) -> Result<(), Fault> {
        context.control.check()?;
        for record in records {
            self.write(context, record)?;
        }
        if let Some(last) = records.last() {
            let done = bases_before(progress.regions, last.contig, last.end);
            let total = bases(progress.regions);
            context.control.advance(0.0, progress.end, done, total);
        }
        Ok(())
    }

    /// Completes the file and writes its index; gives the number of records.
    pub(super) fn finish(self, context: &Context<'_>) -> Result<u64, Fault> {
        let (file, index) = self
            .inner
            .finish()
            .map_err(|error| self.staged.writing(context, error))?;
        self.staged.complete(context, file, &index)?;
        Ok(self.records)
    }
}

/// The header of a VCF that was published.
pub(super) fn header(context: &Context<'_>, path: &Path) -> Result<vcf::Header, Fault> {
    Reader::open(path)
        .map(|reader| reader.header().clone())
        .map_err(|error| context.kernel(&error))
}

/// The header of a cohort VCF as that of its sites alone.
pub(super) fn without_samples(header: &str) -> String {
    let meta = header.lines().filter(|line| line.starts_with("##"));
    let columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO";
    let lines = meta.chain([columns]);
    lines.map(|line| format!("{line}\n")).collect()
}

/// How far a kernel is that goes along regions, from nothing to `end`.
pub(super) struct Progress<'a> {
    pub(super) regions: &'a [Interval],
    pub(super) end: f32,
}

/// How many bases the regions have.
pub(super) fn bases(regions: &[Interval]) -> u64 {
    regions.iter().map(|region| u64::from(region.len())).sum()
}

/// How many bases of `regions`, which are in order, lie before a position.
fn bases_before(regions: &[Interval], contig: ContigId, position: u32) -> u64 {
    regions
        .iter()
        .take_while(|region| (region.contig, region.start) <= (contig, position))
        .map(|region| {
            let end = if region.contig == contig {
                region.end.min(position)
            } else {
                region.end
            };
            u64::from(end - region.start)
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use kumi_seq::contig::ContigId;
    use kumi_seq::interval::Interval;

    use super::bases_before;

    #[test]
    fn progress_counts_the_bases_of_the_regions_only() {
        let at = |contig, start, end| Interval {
            contig: ContigId(contig),
            start,
            end,
        };
        let regions = [at(0, 10, 20), at(0, 50, 60), at(2, 0, 5)];
        let before = |contig, position| bases_before(&regions, ContigId(contig), position);
        assert_eq!(before(0, 5), 0);
        assert_eq!(before(0, 15), 5);
        assert_eq!(before(0, 40), 10);
        assert_eq!(before(0, 55), 15);
        assert_eq!(before(1, 0), 20);
        assert_eq!(before(2, 3), 23);
    }
}
