//! Segments of the cohort store on the command line, and names of samples in them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use kumi_index::mapped;
use kumi_joint::Segment;

use crate::args::SamplesArgs;
use crate::command::kernel::wrong_input;
use crate::exit::{Code, Exit};

/// How the name of a segment ends.
pub(crate) const ENDING: &str = ".segment.arrow";

/// Opens segments, and those in folders in the order of their names.
pub(super) fn open(paths: &[PathBuf]) -> Result<Vec<Segment>, Exit> {
    let segment = |path: PathBuf| {
        let bytes = mapped(&path).map_err(|error| unreadable(&path, &error))?;
        Segment::open(&path.to_string_lossy(), bytes).map_err(|error| wrong_input(&error))
    };
    files(paths)?.into_iter().map(segment).collect()
}

/// The files themselves, and the segments in folders in the order of their names.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Exit> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = path
            .read_dir()
            .and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let entries = entries.map_err(|error| unreadable(path, &error))?;
        let mut found: Vec<PathBuf> = entries.iter().map(std::fs::DirEntry::path).collect();
        found.retain(|path| is_segment(path));
        found.sort();
        if found.is_empty() {
            let message = format!("{}: no *{ENDING} is there", path.display());
            return Err(Exit::new(Code::MissingInput, message));
        }
        files.append(&mut found);
    }
    Ok(files)
}

/// True when a file has the name of a segment, and not that of one which is being written.
fn is_segment(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(ENDING) && !name.starts_with('.')
}

/// The samples that are named; empty when the command line names none.
///
/// # Errors
/// 66 when the file of names cannot be read; 65 when it names nobody, or when no segment holds a sample that is named,
/// since that is more probably a slip than meant.
pub(super) fn named(args: &SamplesArgs, segments: &[Segment]) -> Result<BTreeSet<String>, Exit> {
    let mut samples: BTreeSet<String> = args.samples.iter().cloned().collect();
    if let Some(path) = &args.samples_file {
        samples.append(&mut names(path)?);
        if samples.is_empty() {
            let message = format!("{}: no sample is named there", path.display());
            return Err(Exit::new(Code::BadInput, message));
        }
    }
    let headers = segments.iter().map(Segment::header);
    let held: BTreeSet<&String> = headers.flat_map(|header| &header.samples).collect();
    let unknown: Vec<&str> = samples
        .iter()
        .filter(|name| !held.contains(name))
        .map(String::as_str)
        .collect();
    if unknown.is_empty() {
        return Ok(samples);
    }
    let message = format!("no segment holds sample {}", unknown.join(", "));
    Err(Exit::new(Code::BadInput, message))
}

/// The names in a file, a line each.
pub(super) fn names(path: &Path) -> Result<BTreeSet<String>, Exit> {
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    let names = text.lines().map(str::trim).filter(|name| !name.is_empty());
    Ok(names.map(str::to_owned).collect())
}

/// A file that cannot be read.
pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Exit {
    Exit::new(Code::MissingInput, format!("{}: {error}", path.display()))
}
