//! `kumi kernel joint`: gVCFs or segments to one cohort file with its index.

mod censuses;
mod several;

use std::io;
use std::sync::Arc;

use kumi_formats::vcf::{Form, FormWriter};
use kumi_index::Index;
use kumi_joint::output::{Called, bcf, vcf as text};
use kumi_joint::{JointError, Keys, Params, Stats, joint_segments_with, joint_with};
use kumi_seq::contig::Contigs;
use kumi_seq::interval::Interval;
use rayon::ThreadPool;

use crate::args::{JointArgs, JointFormat};
use crate::command::kernel::cohort::Input;
use crate::command::kernel::wrong_input;
use crate::command::reference;
use crate::exit::{Code, Exit};
use crate::publish::Partial;
use crate::table::{count, counted};
use crate::threads;
use kumi_worker::indexed::Indexed;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Runs the command.
///
/// # Errors
/// See [`crate::command::kernel::run`].
pub(crate) fn run(args: &JointArgs) -> anyhow::Result<()> {
    if args.census.is_empty() {
        return genotype(args, Input::open);
    }
    censuses::sites(args)
}

/// Genotypes `input` instead of what `args` names.
///
/// # Errors
/// See [`crate::command::kernel::run`].
pub(crate) fn genotype(
    args: &JointArgs,
    input: impl FnOnce(&JointArgs) -> Result<Input, Exit>,
) -> anyhow::Result<()> {
    let format = format(args)?;
    let index = opened(args)?;
    let input = input(args)?;
    let cohort = Cohort {
        args,
        source: Indexed(Arc::clone(&index)),
        contigs: index.contigs(),
        regions: input.regions(args.regions.as_deref(), index.contigs())?,
        reference: index.name(),
        samples: input.samples()?,
        input,
        params: Params::default(),
        pool: threads::pool(args.threads)?,
    };
    let stats = match format {
        JointFormat::Pgen => cohort.pgen()?,
        JointFormat::Parquet => cohort.parquet()?,
        _ => cohort.records(format)?,
    };
    told(cohort.samples.len() as u64, &stats);
    Ok(())
}

/// Opens the reference.
fn opened(args: &JointArgs) -> Result<Arc<Index>, Exit> {
    let index = Arc::new(reference::open(&args.reference)?);
    index
        .verify_bases()
        .map_err(|error| reference::unusable(&error))?;
    Ok(index)
}

/// Says what was done.
fn told(samples: u64, stats: &Stats) {
    let records = count(stats.records);
    eprintln!("{}, {records} records", counted(samples, "sample"));
}

/// What is to be genotyped.
struct Cohort<'a> {
    args: &'a JointArgs,
    input: Input,
    source: Indexed,
    contigs: &'a Contigs,
    regions: Vec<Interval>,
    /// Name of the reference.
    reference: &'a str,
    samples: Vec<String>,
    params: Params,
    pool: ThreadPool,
}

impl Cohort<'_> {
    /// Writes a file of records and its index.
    fn records(&self, format: JointFormat) -> anyhow::Result<Stats> {
        let (contigs, name, samples) = (self.contigs, self.reference, &self.samples);
        let header = match format {
            JointFormat::Sites => kumi_joint::sites_header(contigs, name, VERSION),
            JointFormat::BcfLocal => kumi_joint::local_header(contigs, name, samples, VERSION),
            _ => kumi_joint::header(contigs, name, samples, VERSION),
        };
        let (keys, params) = (Keys::default(), &self.params);
        let make = |called: &Called<'_>| match format {
            JointFormat::Sites => text::sites_only(called, params),
            JointFormat::BcfLocal => bcf::record(called, &keys, params),
            _ => text::record(called, params),
        };
        let failed = |error| self.failed(&error);
        let (partial, file) = Partial::create(&self.args.output)?;
        let form = match format {
            JointFormat::Bcf => Form::Bcf,
            JointFormat::BcfLocal => Form::Encoded,
            _ => Form::Vcf,
        };
        let mut writer = FormWriter::new(form, file, &header, contigs).map_err(failed)?;
        let stats = self.joint(make, |record| writer.write(&record))?;
        let (file, index) = writer.finish().map_err(failed)?;
        partial.publish(file, Some((form.index_extension(), index)))?;
        Ok(stats)
    }

    /// Makes something of every site and writes it.
    fn joint<T: Send>(
        &self,
        make: impl Fn(&Called<'_>) -> T + Send + Sync,
        mut write: impl FnMut(T) -> io::Result<()> + Send,
    ) -> Result<Stats, Exit> {
        let (source, regions, params) = (&self.source, &self.regions, &self.params);
        let sink = |made: Vec<T>| made.into_iter().try_for_each(&mut write);
        let joint = || match &self.input {
            Input::Gvcfs(gvcfs) => joint_with(gvcfs, source, regions, params, make, sink),
            Input::Segments(segments, withdrawn) => {
                let segments = (segments.as_slice(), withdrawn);
                joint_segments_with(segments, source, regions, params, make, sink)
            }
        };
        self.pool.install(joint).map_err(|error| match error {
            JointError::Sink(error) => self.failed(&error),
            error => wrong_input(&error),
        })
    }

    fn failed(&self, error: &io::Error) -> Exit {
        failed(self.args, error)
    }
}

fn failed(args: &JointArgs, error: &io::Error) -> Exit {
    Exit::new(Code::Io, format!("{}: {error}", args.output.display()))
}

/// What is written: what was asked for, and what the ending says.
fn format(args: &JointArgs) -> Result<JointFormat, Exit> {
    let name = args.output.to_string_lossy();
    let usage = |message: String| Exit::new(Code::Usage, message);
    let by_ending = [
        (".vcf.gz", JointFormat::Vcf),
        (".bcf", JointFormat::Bcf),
        (".pgen", JointFormat::Pgen),
        (".parquet", JointFormat::Parquet),
    ];
    let by_ending = by_ending
        .into_iter()
        .find(|(ending, _)| name.ends_with(ending));
    let Some((ending, by_ending)) = by_ending else {
        return Err(usage(format!(
            "--output: {name} must end in .vcf.gz, .bcf, .pgen or .parquet"
        )));
    };
    match (args.format, by_ending) {
        (None, format) => Ok(format),
        (Some(asked), format) if asked == format => Ok(asked),
        (Some(JointFormat::Sites), JointFormat::Vcf) => Ok(JointFormat::Sites),
        (Some(JointFormat::BcfLocal), JointFormat::Bcf) => Ok(JointFormat::BcfLocal),
        (Some(_), _) => Err(usage(format!(
            "--format: a file of that kind does not end in {ending}"
        ))),
    }
}
