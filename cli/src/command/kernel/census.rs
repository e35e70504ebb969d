//! `kumi kernel census`: what the samples of segments carry, added to and taken from what was counted before.

use std::collections::BTreeMap;
use std::path::Path;

use kumi_index::mapped;
use kumi_joint::{Census, CensusError, Params, Segment, census};

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
    let mut sum = Sum::default();
    for path in &args.add {
        sum.add(&path.to_string_lossy(), &read(path)?)?;
    }
    let counts = |name: &str| samples.is_empty() || samples.contains(name);
    for segment in &segments {
        let counted = census(segment, &Params::default(), counts);
        let counted = counted.map_err(|error| wrong_input(&error))?;
        sum.add(segment.name(), &counted)?;
    }
    for path in &args.subtract {
        sum.subtract(&path.to_string_lossy(), &read(path)?)?;
    }
    let Some((_, census)) = sum.0 else {
        // The command line asks for a segment or --add.
        return Err(Exit::new(Code::Usage, "nothing to count".to_owned()).into());
    };
    let (partial, file) = Partial::create(&args.output)?;
    let file = census.write(file).map_err(|error| {
        let path = args.output.display();
        Exit::new(
            Code::Io,
            format!("{path}: {}", kumi_worker::fault::chain(&error)),
        )
    })?;
    partial.publish(file, None)?;
    eprintln!(
        "{}, {}",
        counted(census.samples().into(), "sample"),
        counted(census.sites().count() as u64, "allele")
    );
    Ok(())
}

/// What has been added up, with the name of the first part.
#[derive(Default)]
struct Sum(Option<(String, Census)>);

impl Sum {
    fn add(&mut self, name: &str, census: &Census) -> Result<(), Exit> {
        match &mut self.0 {
            None => self.0 = Some((name.to_owned(), census.clone())),
            Some((first, sum)) => {
                let added = sum.merge(census);
                added.map_err(|error| Self::refused(first, name, &error))?;
            }
        }
        Ok(())
    }

    fn subtract(&mut self, name: &str, census: &Census) -> Result<(), Exit> {
        let Some((first, sum)) = &mut self.0 else {
            return Ok(());
        };
        let taken = sum.subtract(census);
        taken.map_err(|error| Self::refused(first, name, &error))
    }

    fn refused(first: &str, name: &str, error: &CensusError) -> Exit {
        let message = match error {
            CensusError::Other => {
                format!(
                    "{first}, {name}: {error}; a census is of one region: give an --output to each"
                )
            }
            error => format!("{name}: {error}"),
        };
        Exit::new(Code::BadInput, message)
    }
}

fn read(path: &Path) -> Result<Census, Exit> {
    let bytes = mapped(path).map_err(|error| unreadable(path, &error))?;
    Census::read(&path.to_string_lossy(), bytes).map_err(|error| wrong_input(&error))
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
