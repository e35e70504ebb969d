//! `kumi kernel joint`: gVCFs to one cohort VCF or BCF with its index.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;
use std::sync::Arc;

use kumi_formats::vcf::{self, Record};
use kumi_joint::{JointError, Params, joint_all};
use kumi_seq::contig::Contigs;

use crate::args::JointArgs;
use crate::command::kernel::{regions, wrong_input};
use crate::command::reference;
use crate::exit::{Code, Exit};
use crate::publish::Partial;
use crate::table::{count, counted};
use crate::threads;
use kumi_worker::indexed::Indexed;

/// Runs the command.
///
/// # Errors
/// See [`crate::command::kernel::run`].
pub(crate) fn run(args: &JointArgs) -> anyhow::Result<()> {
    let format = Format::of(&args.output)?;
    let index = Arc::new(reference::open(&args.reference)?);
    index
        .verify_bases()
        .map_err(|error| reference::unusable(&error))?;
    let source = Indexed(Arc::clone(&index));
    let contigs = index.contigs();
    let regions = regions(args.regions.as_deref(), contigs)?;
    let samples = samples(args)?;
    let header = kumi_joint::header(contigs, index.name(), &samples, env!("CARGO_PKG_VERSION"));
    let pool = threads::pool(args.threads)?;
    let failed =
        |error: io::Error| Exit::new(Code::Io, format!("{}: {error}", args.output.display()));
    let (partial, file) = Partial::create(&args.output)?;
    let mut writer = Writer::new(format, file, &header, contigs).map_err(failed)?;
    let joint = || {
        joint_all(
            &args.gvcfs,
            &source,
            &regions,
            &Params::default(),
            |records| records.iter().try_for_each(|record| writer.write(record)),
        )
    };
    let stats = pool.install(joint).map_err(|error| match error {
        JointError::Sink(error) => failed(error),
        error => wrong_input(&error),
    })?;
    let (file, ending, index) = writer.finish().map_err(failed)?;
    partial.publish(file, Some((ending, index)))?;
    eprintln!(
        "{}, {} records",
        counted(samples.len() as u64, "sample"),
        count(stats.records)
    );
    Ok(())
}

/// The samples of all files by name, each once.
fn samples(args: &JointArgs) -> Result<Vec<String>, Exit> {
    let mut samples = Vec::new();
    for path in &args.gvcfs {
        let reader = vcf::Reader::open(path).map_err(|error| wrong_input(&error))?;
        let [sample] = reader.header().samples() else {
            let message = format!(
                "{}: a gVCF holds one sample, this one holds {}",
                path.display(),
                reader.header().samples().len()
            );
            return Err(Exit::new(Code::BadInput, message));
        };
        samples.push(sample.clone());
    }
    samples.sort();
    if let Some(twice) = samples.windows(2).find(|pair| pair[0] == pair[1]) {
        let message = format!("sample {} is in two of the files; give each once", twice[0]);
        return Err(Exit::new(Code::BadInput, message));
    }
    Ok(samples)
}

/// What is written, told by the file's ending.
#[derive(Clone, Copy)]
enum Format {
    Vcf,
    Bcf,
}

impl Format {
    fn of(path: &Path) -> Result<Self, Exit> {
        let name = path.to_string_lossy();
        if name.ends_with(".vcf.gz") {
            return Ok(Self::Vcf);
        }
        if name.ends_with(".bcf") {
            return Ok(Self::Bcf);
        }
        let message = format!("--output: {name} must end in .vcf.gz or .bcf");
        Err(Exit::new(Code::Usage, message))
    }
}

enum Writer {
    Vcf(Box<vcf::Writer<BufWriter<File>>>),
    Bcf(Box<vcf::BcfWriter<BufWriter<File>>>),
}

impl Writer {
    fn new(
        format: Format,
        file: BufWriter<File>,
        header: &str,
        contigs: &Contigs,
    ) -> io::Result<Self> {
        Ok(match format {
            Format::Vcf => Self::Vcf(Box::new(vcf::Writer::new(file, header, contigs)?)),
            Format::Bcf => Self::Bcf(Box::new(vcf::BcfWriter::new(file, header, contigs)?)),
        })
    }

    fn write(&mut self, record: &Record) -> io::Result<()> {
        match self {
            Self::Vcf(writer) => writer.write(record),
            Self::Bcf(writer) => writer.write(record),
        }
    }

    /// The file, the ending of its index and the index.
    fn finish(self) -> io::Result<(BufWriter<File>, &'static str, Vec<u8>)> {
        match self {
            Self::Vcf(writer) => writer.finish().map(|(file, index)| (file, "tbi", index)),
            Self::Bcf(writer) => writer.finish().map(|(file, index)| (file, "csi", index)),
        }
    }
}
