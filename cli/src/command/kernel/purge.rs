//! `kumi kernel purge`: segments without some of their samples.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use kumi_joint::{Segment, purge};

use crate::args::PurgeArgs;
use crate::command::kernel::{segments, wrong_input};
use crate::exit::{Code, Exit};
use crate::print;
use crate::publish::Partial;
use crate::table::counted;

/// Runs the command.
///
/// # Errors
/// See [`crate::command::kernel::run`].
pub(crate) fn run(args: &PurgeArgs) -> anyhow::Result<()> {
    if args.who.samples.is_empty() && args.who.samples_file.is_none() {
        let message = "--samples or --samples-file must name who is taken out".to_owned();
        return Err(Exit::new(Code::Usage, message).into());
    }
    let segments = segments::open(&args.segments)?;
    let samples = segments::named(&args.who, &segments)?;
    let holders = holders(&segments, &samples, args)?;
    fs::create_dir_all(&args.output_dir).map_err(|error| {
        let message = format!("{}: {error}", args.output_dir.display());
        Exit::new(Code::CannotCreate, message)
    })?;
    let mut written = Vec::new();
    for holder in &holders {
        let (partial, file) = Partial::create(&holder.output)?;
        let file = purge(holder.segment, &samples, file).map_err(|error| wrong_input(&error))?;
        written.push((partial, file));
    }
    // Only when all are written does any of them get its name.
    for (partial, file) in written {
        partial.publish(file, None)?;
    }
    for holder in &holders {
        print::text(&holder.lines(&samples));
    }
    eprintln!(
        "{} taken out of {} of {}",
        counted(samples.len() as u64, "sample"),
        holders.len(),
        counted(segments.len() as u64, "segment")
    );
    Ok(())
}

/// A segment that holds one of the samples, and the file that takes its place.
struct Holder<'a> {
    segment: &'a Segment,
    output: PathBuf,
}

impl Holder<'_> {
    /// A line for each sample that is taken out: segment, sample, what takes its place.
    fn lines(&self, samples: &BTreeSet<String>) -> String {
        let held = self.segment.header().samples.iter();
        let held = held.filter(|name| samples.contains(*name));
        let line = |sample| {
            let (from, to) = (self.segment.name(), self.output.display());
            format!("{from}\t{sample}\t{to}\n")
        };
        held.map(line).collect()
    }
}

/// The segments that are to be written again.
fn holders<'a>(
    segments: &'a [Segment],
    samples: &BTreeSet<String>,
    args: &PurgeArgs,
) -> anyhow::Result<Vec<Holder<'a>>> {
    let (mut holders, mut outputs) = (Vec::new(), BTreeSet::new());
    for segment in segments {
        let held = &segment.header().samples;
        if !held.iter().any(|name| samples.contains(name)) {
            continue;
        }
        if held.iter().all(|name| samples.contains(name)) {
            let message = format!(
                "no sample would be left in segment {}: delete it, and leave it out here",
                segment.name()
            );
            return Err(Exit::new(Code::BadInput, message).into());
        }
        let name = PathBuf::from(segment.name());
        let output = args.output_dir.join(name.file_name().unwrap_or_default());
        if !outputs.insert(output.clone()) {
            let message = format!(
                "--output-dir: two of the segments would become {}; purge one folder at a time",
                output.display()
            );
            return Err(Exit::new(Code::Usage, message).into());
        }
        holders.push(Holder { segment, output });
    }
    Ok(holders)
}
