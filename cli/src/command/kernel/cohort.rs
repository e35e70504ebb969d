//! What `kumi kernel joint` genotypes: gVCFs, or segments of the cohort store.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use kumi_formats::vcf;
use kumi_joint::Segment;
use kumi_seq::contig::Contigs;
use kumi_seq::interval::Interval;

use crate::args::JointArgs;
use crate::command::kernel::{regions, segments, wrong_input};
use crate::exit::{Code, Exit};

/// Where the samples are.
pub(crate) enum Input {
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
        let segments = segments::open(&args.segments)?;
        let withdrawn = match &args.withdrawn {
            None => BTreeSet::new(),
            Some(path) => segments::names(path)?,
        };
        Ok(Self::Segments(segments, withdrawn))
    }

    /// The samples by name, each once.
    pub(super) fn samples(&self) -> Result<Vec<String>, Exit> {
        match self {
            Self::Gvcfs(paths) => samples(paths),
            Self::Segments(segments, withdrawn) => {
                let all = segments.iter().flat_map(Segment::samples);
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
