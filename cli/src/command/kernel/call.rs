//! `kumi kernel call`: the variants of one sample, as a gVCF with its index.

use std::path::Path;
use std::sync::Arc;

use kumi_call::{CallError, Params, call_all};
use kumi_formats::alignments::AlignmentFile;
use kumi_formats::vcf;
use kumi_seq::ploidy::{PloidyMap, Sex};

use crate::args::{CallArgs, SexArg};
use crate::command::kernel::{regions, wrong_input};
use crate::command::reference;
use crate::exit::{Code, Exit};
use crate::publish::Partial;
use crate::table::count;
use crate::threads;
use kumi_worker::indexed::Indexed;

/// Runs the command.
///
/// # Errors
/// See [`crate::command::kernel::run`].
pub(crate) fn run(args: &CallArgs) -> anyhow::Result<()> {
    if !args.output.to_string_lossy().ends_with(".vcf.gz") {
        let message = format!("--output: {} must end in .g.vcf.gz", args.output.display());
        return Err(Exit::new(Code::Usage, message).into());
    }
    let index = Arc::new(reference::open(&args.reference)?);
    index
        .verify_bases()
        .map_err(|error| reference::unusable(&error))?;
    let source = Indexed(Arc::clone(&index));
    let contigs = index.contigs();
    let regions = regions(args.regions.as_deref(), contigs)?;
    let sample = sample(&args.alignments, &source)?;
    let sex = args.sex.map_or(Sex::Unknown, SexArg::to_sex);
    let ploidy = PloidyMap::new(contigs, args.ploidy, sex);
    let header = kumi_call::header(contigs, index.name(), &sample, env!("CARGO_PKG_VERSION"));
    let params = Params {
        filters: args.filters.preset(),
        ..Params::default()
    };
    let pool = threads::pool(args.threads)?;
    let (partial, file) = Partial::create(&args.output)?;
    let failed =
        |error: std::io::Error| Exit::new(Code::Io, format!("{}: {error}", args.output.display()));
    let mut writer = vcf::Writer::new(file, &header, contigs).map_err(failed)?;
    let stats = pool
        .install(|| {
            call_all(
                &args.alignments,
                &source,
                &ploidy,
                &regions,
                &params,
                |records| records.iter().try_for_each(|record| writer.write(record)),
            )
        })
        .map_err(|error| match error {
            CallError::Sink(error) => failed(error),
            error => wrong_input(&error),
        })?;
    let (file, tbi) = writer.finish().map_err(failed)?;
    partial.publish(file, Some(("tbi", tbi)))?;
    eprintln!(
        "{sample}: {} variants, {} reference blocks",
        count(stats.variants),
        count(stats.blocks)
    );
    Ok(())
}

/// The one sample of the file's read groups.
fn sample(path: &Path, source: &Indexed) -> Result<String, Exit> {
    let wrong = |what: String| Exit::new(Code::BadInput, format!("{}: {what}", path.display()));
    let file = AlignmentFile::open(path, Some(source)).map_err(|error| wrong_input(&error))?;
    let header = file.header();
    if let Err(what) = header.check_reference(source.0.contigs()) {
        return Err(wrong(format!(
            "it was made with another reference: {what}; give the one it was made with"
        )));
    }
    if !header.is_coordinate_sorted() {
        return Err(wrong(
            "it is not sorted by coordinate; make one with `kumi kernel align` or `samtools sort`"
                .to_owned(),
        ));
    }
    let mut samples: Vec<String> = header
        .read_groups()
        .into_iter()
        .map(|group| group.sample)
        .filter(|sample| !sample.is_empty())
        .collect();
    samples.sort();
    samples.dedup();
    match samples.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(wrong(
            "its read groups (@RG) name no sample (SM)".to_owned(),
        )),
        several => Err(wrong(format!(
            "it holds several samples: {}; give one file a sample",
            several.join(", ")
        ))),
    }
}
