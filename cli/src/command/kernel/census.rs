//! `kumi kernel census`: what the samples of segments carry, added to and taken from what was counted before.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kumi_index::mapped;
use kumi_joint::{Census, CensusError, CensusPart, Params, Segment, add_up};

use crate::args::CensusArgs;
use crate::command::kernel::segments::{self, unreadable};
use crate::command::kernel::wrong_input;
use crate::exit::{Code, Exit};
use crate::publish::Partial;
use crate::table::counted;

/// Runs the command.
///
/// # Errors
/// See [`crate::command::kernel::run`].
pub(crate) fn run(args: &CensusArgs) -> anyhow::Result<()> {
    let segments = segments::open(&args.segments)?;
    let samples = segments::named(&args.who, &segments)?;
    each_once(&segments)?;
    let (add, subtract) = (all(&args.add)?, all(&args.subtract)?);
    of_one_region(&add, &segments, &subtract)?;
    let counts = |name: &str| samples.is_empty() || samples.contains(name);
    let added = add.iter().map(CensusPart::census);
    let counted = segments.iter();
    let counted = counted.map(|segment| CensusPart::segment(segment, counts, &Params::default()));
    let taken = subtract.iter();
    let taken = taken.map(|census| CensusPart::census(census).taken_away());
    let parts = added.chain(counted).chain(taken).collect();
    let (partial, file) = Partial::create(&args.output)?;
    let sum = add_up(parts, file).map_err(|error| failed(args, &error))?;
    let Some(sum) = sum else {
        // The command line asks for a segment or --add.
        return Err(Exit::new(Code::Usage, "nothing to count".to_owned()).into());
    };
    partial.publish(sum.output, None)?;
    eprintln!(
        "{}, {}",
        self::counted(sum.samples.into(), "sample"),
        self::counted(sum.alleles, "allele")
    );
    Ok(())
}

fn all(paths: &[PathBuf]) -> Result<Vec<Census>, Exit> {
    paths.iter().map(|path| open(path)).collect()
}

/// Opens a census.
pub(super) fn open(path: &Path) -> Result<Census, Exit> {
    let bytes = mapped(path).map_err(|error| unreadable(path, &error))?;
    Census::open(&path.to_string_lossy(), bytes).map_err(|error| wrong_input(&error))
}

/// Refuses what is not of the region of all others, by name.
fn of_one_region(add: &[Census], segments: &[Segment], subtract: &[Census]) -> Result<(), Exit> {
    let region = |census: &Census| {
        let header = census.header();
        (header.contig.clone(), header.start, header.end)
    };
    let of_segment = |segment: &Segment| {
        let header = segment.header();
        (header.contig.clone(), header.start, header.end)
    };
    let add = add.iter().map(|census| (census.name(), region(census)));
    let segments = segments
        .iter()
        .map(|segment| (segment.name(), of_segment(segment)));
    let subtract = subtract
        .iter()
        .map(|census| (census.name(), region(census)));
    let mut all = add.chain(segments).chain(subtract);
    let Some((first, region)) = all.next() else {
        return Ok(());
    };
    match all.find(|(_, other)| *other != region) {
        None => Ok(()),
        Some((name, _)) => {
            let error = CensusError::Other;
            let message = format!(
                "{first}, {name}: {error}; a census is of one region: give an --output to each"
            );
            Err(Exit::new(Code::BadInput, message))
        }
    }
}

/// What went wrong while it was added up.
fn failed(args: &CensusArgs, error: &CensusError) -> Exit {
    match error {
        CensusError::Arrow(_) => {
            let path = args.output.display();
            let message = format!("{path}: {}", kumi_worker::fault::chain(error));
            Exit::new(Code::Io, message)
        }
        CensusError::NeverAdded => {
            let names: Vec<_> = args
                .subtract
                .iter()
                .map(|path| path.to_string_lossy())
                .collect();
            Exit::new(Code::BadInput, format!("{}: {error}", names.join(", ")))
        }
        error => wrong_input(error),
    }
}

/// Refuses a sample that two of the segments hold: it would count twice.
fn each_once(segments: &[Segment]) -> Result<(), Exit> {
    let mut seen: BTreeMap<(&str, u32, &str), &str> = BTreeMap::new();
    for segment in segments {
        let header = segment.header();
        for sample in &header.samples {
            let key = (header.contig.as_str(), header.start, sample.as_str());
            if let Some(other) = seen.insert(key, segment.name()) {
                let here = segment.name();
                let message =
                    format!("sample {sample} is in {other} and in {here}; give one of them");
                return Err(Exit::new(Code::BadInput, message));
            }
        }
    }
    Ok(())
}
