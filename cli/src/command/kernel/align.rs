//! `kumi kernel align`: reads to alignments, sorted and duplicate-marked, or in the order of the input.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use kumi_align::{AlignError, Params, Stats, align_all};
use kumi_formats::alignments::AlignmentFile;
use kumi_formats::bam::{self, Record};
use kumi_formats::cram;
use kumi_formats::header::{Header, ReadGroup, SortOrder};
use kumi_formats::reads::{ReadsError, Source, TemplateReader};
use kumi_formats::sam;
use kumi_index::{Index, OpenError};
use kumi_sort::library::Libraries;
use kumi_sort::sorter::{SortError, Sorter};

use crate::args::AlignArgs;
use crate::command::reference;
use crate::exit::{Code, Exit};
use crate::publish::{beside, hidden};
use crate::sheet::is_name;
use crate::table::count;
use crate::threads;
use kumi_worker::fault::chain;
use kumi_worker::indexed::Indexed;

/// Distance at which duplicates on a tile are optical, for patterned and unpatterned flow cells alike: Picard's
/// default.
const OPTICAL_DISTANCE: u32 = 100;

/// Runs the command.
///
/// # Errors
/// See [`crate::command::kernel::run`].
pub(crate) fn run(args: &AlignArgs) -> anyhow::Result<()> {
    if !is_name(&args.sample) {
        return Err(Exit::new(
            Code::Usage,
            format!("--sample: `{}` is not a usable name", args.sample),
        )
        .into());
    }
    let index = Arc::new(reference::open(&args.reference)?);
    let verification = verify(&index);
    let scratch = args
        .output
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut reader = TemplateReader::open(sources(args, &index)?, &args.sample)
        .map_err(|error| bad_reads(&args.sample, &error))?
        .spill_to(scratch);
    let order = if args.unsorted {
        SortOrder::Unsorted
    } else {
        SortOrder::Coordinate
    };
    let header = Header::build(
        index.contigs(),
        reader.read_groups(),
        env!("CARGO_PKG_VERSION"),
        order,
    );
    let reference = Indexed(Arc::clone(&index));
    let output = Output {
        path: &args.output,
        header: &header,
        reference: &reference,
    };
    let pool = threads::pool(args.threads)?;
    let _unfinished = Unfinished(hidden(&args.output));
    let stats = if args.unsorted {
        let mut writer = output.create()?;
        let stats = pool.install(|| in_order(&args.sample, &index, &mut reader, &mut writer))?;
        verification.wait()?;
        output.publish(writer)?;
        stats
    } else {
        let mut sorter = Sorter::new(kumi_sort::sorter::Params {
            memory_bytes: args.memory as usize,
            scratch: scratch.to_owned(),
            libraries: Libraries::new(reader.read_groups()),
            optical_distance: OPTICAL_DISTANCE,
        });
        let push = |records| sorter.push_batch(records);
        let stats = pool.install(|| align(&args.sample, &index, &mut reader, push))?;
        let mut writer = output.create()?;
        for record in sorter.finish().map_err(bad_sort)? {
            writer
                .write(&record.map_err(bad_sort)?)
                .map_err(|error| output.failed(&error))?;
        }
        verification.wait()?;
        output.publish(writer)?;
        stats
    };
    eprintln!(
        "{} reads, {} mapped, {} properly paired",
        count(stats.reads),
        count(stats.mapped),
        count(stats.properly_paired)
    );
    Ok(())
}

/// Every byte of the index is looked at while reads are aligned already; nothing is published before that.
fn verify(index: &Arc<Index>) -> Verification {
    let index = Arc::clone(index);
    Verification(std::thread::spawn(move || index.verify()))
}

struct Verification(JoinHandle<Result<(), OpenError>>);

impl Verification {
    fn wait(self) -> Result<(), Exit> {
        let verified = self.0.join();
        let verified = verified.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        verified.map_err(|error| reference::unusable(&error))
    }
}

fn sources(args: &AlignArgs, index: &Arc<Index>) -> anyhow::Result<Vec<Source>> {
    let read_group = ReadGroup {
        id: args
            .read_group
            .clone()
            .unwrap_or_else(|| args.sample.clone()),
        sample: args.sample.clone(),
        library: args.library.clone().unwrap_or_else(|| args.sample.clone()),
        platform: "ILLUMINA".to_owned(),
        platform_unit: args
            .read_group
            .clone()
            .unwrap_or_else(|| args.sample.clone()),
    };
    let first = args.reads[0].clone();
    let kind = AlignmentFile::kind(&first).map_err(|error| {
        let message = format!("sample {}: {}: {error}", args.sample, first.display());
        Exit::new(Code::MissingInput, message)
    })?;
    if kind.is_none() {
        return Ok(vec![Source::Fastq {
            first,
            second: args.reads.get(1).cloned(),
            read_group,
        }]);
    }
    if let Some(other) = args.reads.get(1) {
        let message = format!("{}: one BAM or CRAM file at a time", other.display());
        return Err(Exit::new(Code::Usage, message).into());
    }
    let reference: Arc<dyn kumi_formats::reference::ReferenceSource> =
        Arc::new(Indexed(Arc::clone(index)));
    Ok(vec![Source::Alignment {
        path: first,
        read_group,
        reference: Some(reference),
    }])
}

fn bad_reads(sample: &str, error: &ReadsError) -> Exit {
    let code = if error.is_io() {
        Code::MissingInput
    } else {
        Code::BadInput
    };
    Exit::new(code, format!("sample {sample}: {}", chain(error)))
}

fn bad_sort(error: SortError) -> Exit {
    Exit::new(Code::Io, chain(&error))
}

fn in_order(
    sample: &str,
    index: &Index,
    reader: &mut TemplateReader,
    writer: &mut Writer<'_>,
) -> anyhow::Result<Stats> {
    let result = align_all(index, &Params::default(), reader, |records| {
        records.iter().try_for_each(|record| writer.write(record))
    });
    result.map_err(|error| match error {
        AlignError::Reads(error) => bad_reads(sample, &error).into(),
        AlignError::Sink(error) => {
            anyhow::Error::new(error).context("the output cannot be written")
        }
    })
}

fn align(
    sample: &str,
    index: &Index,
    reader: &mut TemplateReader,
    sink: impl FnMut(Vec<Record>) -> Result<(), SortError> + Send,
) -> anyhow::Result<Stats> {
    align_all(index, &Params::default(), reader, sink).map_err(|error| match error {
        AlignError::Reads(error) => bad_reads(sample, &error).into(),
        AlignError::Sink(error) => bad_sort(error).into(),
    })
}

/// Removes a file that did not get its name.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Where the records go and in which format, told by the file's ending.
struct Output<'a> {
    path: &'a Path,
    header: &'a Header,
    reference: &'a Indexed,
}

enum Writer<'a> {
    Sam(sam::Writer<Box<dyn Write + Send + 'a>>),
    Bam(Box<bam::Writer<BufWriter<File>>>),
    Cram(Box<cram::Writer<'a, BufWriter<File>>>),
}

impl Writer<'_> {
    fn write(&mut self, record: &Record) -> io::Result<()> {
        match self {
            Self::Sam(writer) => writer.write(record),
            Self::Bam(writer) => writer.write(record),
            Self::Cram(writer) => writer.write(record),
        }
    }
}

impl<'a> Output<'a> {
    fn failed(&self, error: &io::Error) -> Exit {
        Exit::new(Code::Io, format!("{}: {error}", self.path.display()))
    }

    fn create(&self) -> Result<Writer<'a>, Exit> {
        let cannot = |error: io::Error| {
            Exit::new(
                Code::CannotCreate,
                format!("{}: {error}", self.path.display()),
            )
        };
        if self.path == Path::new("-") {
            let stdout: Box<dyn Write + Send> =
                Box::new(BufWriter::with_capacity(1 << 20, io::stdout()));
            return Ok(Writer::Sam(
                sam::Writer::new(stdout, self.header).map_err(cannot)?,
            ));
        }
        let file =
            || File::create(hidden(self.path)).map(|file| BufWriter::with_capacity(1 << 20, file));
        match self
            .path
            .extension()
            .and_then(|extension| extension.to_str())
        {
            Some("sam") => {
                let file: Box<dyn Write + Send> = Box::new(file().map_err(cannot)?);
                Ok(Writer::Sam(
                    sam::Writer::new(file, self.header).map_err(cannot)?,
                ))
            }
            Some("bam") => Ok(Writer::Bam(Box::new(
                bam::Writer::new(file().map_err(cannot)?, self.header).map_err(cannot)?,
            ))),
            Some("cram") => {
                let file = file().map_err(cannot)?;
                let writer =
                    cram::Writer::new(file, self.header, self.reference).map_err(cannot)?;
                Ok(Writer::Cram(Box::new(writer)))
            }
            _ => {
                let message = format!(
                    "--output: {} must end in .cram, .bam or .sam, or be -",
                    self.path.display()
                );
                Err(Exit::new(Code::Usage, message))
            }
        }
    }

    /// Completes the file, writes its index beside it and gives it its name.
    fn publish(&self, writer: Writer<'_>) -> Result<(), Exit> {
        let failed = |error: io::Error| self.failed(&error);
        let file = match writer {
            Writer::Sam(writer) => {
                writer.finish().map_err(failed)?.flush().map_err(failed)?;
                if self.path == Path::new("-") {
                    return Ok(());
                }
                File::open(hidden(self.path)).map_err(failed)?
            }
            Writer::Bam(writer) => into_file(writer.finish().map_err(failed)?).map_err(failed)?,
            Writer::Cram(writer) => into_file(writer.finish().map_err(failed)?).map_err(failed)?,
        };
        file.sync_all().map_err(failed)?;
        let sorted = self.header.is_coordinate_sorted();
        let index = match self
            .path
            .extension()
            .and_then(|extension| extension.to_str())
        {
            Some("cram") if sorted => {
                Some(("crai", cram::index(&hidden(self.path)).map_err(failed)?))
            }
            Some("bam") if sorted => Some(("bai", bam::index(&hidden(self.path)).map_err(failed)?)),
            _ => None,
        };
        if let Some((ending, bytes)) = index {
            beside(self.path, ending, &bytes).map_err(failed)?;
        }
        std::fs::rename(hidden(self.path), self.path).map_err(failed)
    }
}

fn into_file(writer: BufWriter<File>) -> io::Result<File> {
    writer.into_inner().map_err(io::IntoInnerError::into_error)
}
