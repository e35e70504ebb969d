//! `kumi kernel joint --census`: censuses to the sites of their cohort.

use std::io;
use std::sync::Arc;

use kumi_formats::vcf::{Form, FormWriter, Record};
use kumi_joint::{Census, JointError, Params, joint_censuses};
use kumi_seq::interval::Interval;
use kumi_worker::indexed::Indexed;

use crate::args::{JointArgs, JointFormat};
use crate::command::kernel::joint::{VERSION, failed, format, opened, told};
use crate::command::kernel::{census, regions, wrong_input};
use crate::exit::{Code, Exit};
use crate::publish::Partial;
use crate::threads;

/// Writes the sites.
pub(super) fn sites(args: &JointArgs) -> anyhow::Result<()> {
    if format(args)? != JointFormat::Sites {
        let message = "--census: a census holds no genotypes; write its sites: --format sites --output OUT.vcf.gz";
        return Err(Exit::new(Code::Usage, message.to_owned()).into());
    }
    let index = opened(args)?;
    let contigs = index.contigs();
    let censuses = args.census.iter().map(|path| census::open(path));
    let censuses: Vec<Census> = censuses.collect::<Result<_, Exit>>()?;
    let regions: Vec<Interval> = match &args.regions {
        Some(bed) => regions(Some(bed), contigs)?,
        None => {
            let headers = censuses.iter().map(Census::header);
            let region = headers.filter_map(|header| {
                Some(Interval {
                    contig: contigs.id(&header.contig)?,
                    start: header.start,
                    end: header.end,
                })
            });
            region.collect()
        }
    };
    let header = kumi_joint::sites_header(contigs, index.name(), VERSION);
    let wrong = |error: io::Error| failed(args, &error);
    let (partial, file) = Partial::create(&args.output)?;
    let mut writer = FormWriter::new(Form::Vcf, file, &header, contigs).map_err(wrong)?;
    let sink = |records: Vec<Record>| records.iter().try_for_each(|record| writer.write(record));
    let (source, params) = (Indexed(Arc::clone(&index)), Params::default());
    let pool = threads::pool(args.threads)?;
    let joint = || joint_censuses(&censuses, &source, &regions, &params, sink);
    let stats = pool.install(joint).map_err(|error| match error {
        JointError::Sink(error) => failed(args, &error),
        error => wrong_input(&error),
    })?;
    let (file, index) = writer.finish().map_err(wrong)?;
    partial.publish(file, Some((Form::Vcf.index_extension(), index)))?;
    let samples = censuses.first().map_or(0, Census::samples);
    told(samples.into(), &stats);
    Ok(())
}
