//! What `kumi kernel joint` genotypes: gVCFs, or segments of the cohort store.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use kumi_formats::vcf;
use kumi_index::mapped;
use kumi_joint::Segment;
use kumi_seq::contig::Contigs;
use kumi_seq::interval::Interval;

use crate::args::JointArgs;
use crate::command::kernel::{regions, wrong_input};
use crate::exit::{Code, Exit};

/// How the name of a segment ends.
pub(super) const SEGMENT_ENDING: &str = ".segment.arrow";

/// Where the samples are.
pub(super) enum Input {
    /// One sample each.
    Gvcfs(Vec<PathBuf>),
    /// Segments, and who has withdrawn.
    Segments(Vec<Segment>, BTreeSet<String>),
}

impl Input {
    /// Opens what the command line names.
    pub(super) fn open(args: &JointArgs) -> Result<Self, Exit> {
        if args.segments.is_empty() {
            return Ok(Self::Gvcfs(args.gvcfs.clone()));
        }
        let mut segments = Vec::new();
        for path in files(&args.segments)? {
            let bytes = mapped(&path).map_err(|error| unreadable(&path, &error))?;
            let segment = Segment::open(&path.to_string_lossy(), bytes);
            segments.push(segment.map_err(|error| wrong_input(&error))?);
        }
        let withdrawn = match &args.withdrawn {
            None => BTreeSet::new(),
            Some(path) => names(path)?,
        };
        Ok(Self::Segments(segments, withdrawn))
    }

    /// The samples by name, each once.
    pub(super) fn samples(&self) -> Result<Vec<String>, Exit> {
        match self {
            Self::Gvcfs(paths) => samples(paths),
            Self::Segments(segments, withdrawn) => {
                let all = segments
                    .iter()
                    .flat_map(|segment| &segment.header().samples);
                let all: BTreeSet<&String> =
                    all.filter(|name| !withdrawn.contains(*name)).collect();
                Ok(all.into_iter().cloned().collect())
            }
        }
    }

    /// The regions of a BED file, or all that is known of.
    pub(super) fn regions(
        &self,
        bed: Option<&Path>,
        contigs: &Contigs,
    ) -> Result<Vec<Interval>, Exit> {
        match (self, bed) {
            (Self::Segments(segments, _), None) => {
                let headers = segments.iter().map(Segment::header);
                let region = headers.filter_map(|header| {
                    Some(Interval {
                        contig: contigs.id(&header.contig)?,
                        start: header.start,
                        end: header.end,
                    })
                });
                Ok(region.collect())
            }
            (_, bed) => regions(bed, contigs),
        }
    }
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
            let message = format!("{}: no *{SEGMENT_ENDING} is there", path.display());
            return Err(Exit::new(Code::MissingInput, message));
        }
        files.append(&mut found);
    }
    Ok(files)
}

/// True when a file has the name of a segment, and not that of one which is being written.
fn is_segment(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(SEGMENT_ENDING) && !name.starts_with('.')
}

/// The names in a file, a line each.
fn names(path: &Path) -> Result<BTreeSet<String>, Exit> {
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    let names = text.lines().map(str::trim).filter(|name| !name.is_empty());
    Ok(names.map(str::to_owned).collect())
}

fn unreadable(path: &Path, error: &std::io::Error) -> Exit {
    Exit::new(Code::MissingInput, format!("{}: {error}", path.display()))
}

/// The samples of all files by name, each once.
fn samples(gvcfs: &[PathBuf]) -> Result<Vec<String>, Exit> {
    let mut samples = Vec::new();
    for path in gvcfs {
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
