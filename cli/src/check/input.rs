//! The files of samples: are they there, are they what the sheet says, do they fit the reference.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kumi_formats::header::{Header, ReadGroup};
use kumi_formats::reads::{ReadsError, probe_alignment, probe_fastq};
use kumi_formats::reference::ReferenceSource;
use kumi_formats::vcf;
use kumi_proto::v1;
use kumi_worker::objects::Place as Site;

use crate::check::abreast;
use crate::check::files::{Files, Looked};
use crate::check::stores::Unseen;
use crate::problem::{Place, Problems};
use crate::sheet::{Input, ReadInput, SheetSample};

/// Looks at every file of every sample.
pub(super) fn samples(
    samples: &[SheetSample],
    files: &Files,
    reference: Option<&dyn ReferenceSource>,
    problems: &mut Problems,
) -> Vec<v1::Sample> {
    no_file_twice(samples, problems);
    let checked = abreast::each(samples, are_remote(samples), |sample| {
        let mut problems = Problems::default();
        let mut check = Check {
            files,
            reference,
            problems: &mut problems,
        };
        (check.sample(sample), problems)
    });
    let mut found = Vec::new();
    for (sample, more) in checked {
        problems.append(more);
        found.push(sample);
    }
    found
}

/// Whether files of samples lie in an object store.
pub(super) fn are_remote(samples: &[SheetSample]) -> bool {
    let inputs = samples.iter().flat_map(|sample| &sample.inputs);
    let mut paths = inputs.flat_map(|input| paths(&input.input));
    paths.any(|(path, _)| matches!(Site::of(path), Ok(Site::Object(_))))
}

fn paths(input: &Input) -> Vec<(&Path, &'static str)> {
    match input {
        Input::Fastq(first, second) => {
            let mut paths = vec![(first.as_path(), "fastq_1")];
            paths.extend(second.as_deref().map(|path| (path, "fastq_2")));
            paths
        }
        Input::Alignment(path, column) => vec![(path, column)],
        Input::Gvcf(path) => vec![(path, "gvcf")],
    }
}

/// No file may be read twice, by one sample or by two, under whatever names.
fn no_file_twice(samples: &[SheetSample], problems: &mut Problems) {
    let mut users: BTreeMap<PathBuf, &Place> = BTreeMap::new();
    let inputs = samples.iter().flat_map(|sample| &sample.inputs);
    for (path, column, place) in inputs.flat_map(|input| {
        let paths = paths(&input.input).into_iter();
        paths.map(|(path, column)| (path, column, &input.place))
    }) {
        let file = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let Some(first) = users.get(&file) else {
            users.insert(file, place);
            continue;
        };
        let line = match first.line {
            0 => String::new(),
            line => format!(" on line {line}"),
        };
        let what = format!(
            "{} is used{line} already (sample {}); a file belongs to one lane of one sample",
            path.display(),
            first.sample
        );
        problems.push(place.wrong(column, what));
    }
}

struct Check<'a> {
    files: &'a Files,
    reference: Option<&'a dyn ReferenceSource>,
    problems: &'a mut Problems,
}

impl Check<'_> {
    fn sample(&mut self, sample: &SheetSample) -> v1::Sample {
        let mut read_groups = Vec::new();
        let mut gvcf = None;
        for input in &sample.inputs {
            match &input.input {
                Input::Gvcf(path) => gvcf = self.gvcf(path, &input.place),
                _ => read_groups.extend(self.read_group(input)),
            }
        }
        v1::Sample {
            name: sample.name.clone(),
            patient: sample.patient.clone(),
            case_id: sample.case_id.clone(),
            family_id: sample.family_id.clone(),
            sex: sample.sex.into(),
            tumour: sample.tumour,
            read_groups,
            gvcf,
            centre: sample.centre.clone(),
            align_chunks: 0,
            merge_regions: 0,
        }
    }

    /// Describes a file that a sheet names and compares its MD5 when the sheet gives one.
    fn file(
        &mut self,
        path: &Path,
        column: &str,
        place: &Place,
        md5: &str,
    ) -> Option<v1::ReadFile> {
        let described = match self.files.describe(path) {
            Ok(described) => described,
            Err(unseen) => {
                self.unseen(place, column, &unseen);
                return None;
            }
        };
        if !md5.is_empty() {
            match self.files.md5(path) {
                Ok(found) if found == md5 => {}
                Ok(found) => {
                    let what = format!(
                        "{}: its MD5 is {found}, the sheet says {md5}; fetch it again",
                        path.display()
                    );
                    self.problems.push(place.wrong(column, what));
                }
                Err(unseen) => self.unseen(place, column, &unseen),
            }
        }
        Some(described)
    }

    /// What is told here of a file that is not seen; of a store that shows nothing, nothing.
    fn unseen(&mut self, place: &Place, column: &str, unseen: &Unseen) {
        if let Unseen::Why(what) = unseen {
            self.problems.push(place.missing(column, what));
        }
    }

    fn read_group(&mut self, input: &ReadInput) -> Option<v1::ReadGroup> {
        let place = &input.place;
        let group = ReadGroup {
            id: input.id.clone(),
            sample: place.sample.clone(),
            library: input.library.clone(),
            platform: "ILLUMINA".to_owned(),
            platform_unit: input.platform_unit.clone(),
        };
        if let Some(what) = Header::unwritable(&group) {
            self.problems
                .push(place.wrong("", format!("read group {what}")));
        }
        let source = match &input.input {
            Input::Fastq(first, second) => {
                let described = self.file(first, "fastq_1", place, &input.md5[0]);
                let mate = second
                    .as_ref()
                    .map(|path| self.file(path, "fastq_2", place, &input.md5[1]));
                if described.is_some() && !matches!(mate, Some(None)) {
                    self.fastq(first, second.as_deref(), place);
                }
                v1::read_group::Source::Fastq(v1::FastqPair {
                    first: described,
                    second: mate.flatten(),
                })
            }
            Input::Alignment(path, column) => {
                let described = self.file(path, column, place, &input.md5[0])?;
                self.alignment(path, column, place);
                v1::read_group::Source::Alignment(described)
            }
            Input::Gvcf(_) => return None,
        };
        Some(v1::ReadGroup {
            id: group.id,
            library: group.library,
            platform: group.platform,
            platform_unit: group.platform_unit,
            source: Some(source),
        })
    }

    fn reads_error(&mut self, place: &Place, column: &str, error: &Looked<ReadsError>) {
        match error {
            Looked::Wrong { error, what } if !error.is_io() => {
                self.problems.push(place.damaged(column, what));
            }
            Looked::Wrong { what, .. } => self.problems.push(place.missing(column, what)),
            Looked::Unseen(unseen) => self.unseen(place, column, unseen),
        }
    }

    fn fastq(&mut self, first: &Path, second: Option<&Path>, place: &Place) {
        let mut name = |path, column| {
            self.files
                .look(path, probe_fastq)
                .map_err(|error| self.reads_error(place, column, &error))
                .ok()
        };
        let one = name(first, "fastq_1");
        let two = second.and_then(|path| name(path, "fastq_2"));
        if let (Some(one), Some(two)) = (one, two)
            && one.first_name != two.first_name
        {
            let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
            let what = format!(
                "{} begins with read {}, {} with {}; the files of a pair hold the mates in the same order",
                first.display(),
                text(&one.first_name),
                second.unwrap_or(&two.path).display(),
                text(&two.first_name)
            );
            self.problems.push(place.damaged("fastq_2", what));
        }
    }

    /// Looks at the head and the end of a BAM or CRAM file. BAM is taken apart whatever reference it was
    /// aligned to; the bases of CRAM come out of its reference only.
    fn alignment(&mut self, path: &Path, column: &str, place: &Place) {
        let probe = |path: &Path| probe_alignment(path, self.reference);
        if let Err(error) = self.files.look(path, probe) {
            self.reads_error(place, column, &error);
        }
    }

    fn gvcf(&mut self, path: &Path, place: &Place) -> Option<v1::ReadFile> {
        let described = self.file(path, "gvcf", place, "")?;
        let read = self.files.look(path, |path| {
            let mut reader = vcf::Reader::open(path)?;
            let header = reader.header().clone();
            reader.read()?;
            Ok::<_, vcf::VcfError>(header)
        });
        match (read, self.reference) {
            (Ok(header), Some(reference)) => {
                if let Err(what) = header.fits(&place.sample, reference.contigs()) {
                    let what = format!("{}: {what}", path.display());
                    self.problems.push(place.damaged("gvcf", what));
                }
            }
            (Ok(_), None) => {}
            (Err(Looked::Wrong { what, .. }), _) => {
                self.problems.push(place.damaged("gvcf", what));
            }
            (Err(Looked::Unseen(unseen)), _) => self.unseen(place, "gvcf", &unseen),
        }
        Some(described)
    }
}
