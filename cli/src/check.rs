//! Everything about a cohort that can be known before work starts: is it there, is it whole, does it fit
//! the reference. What is wrong is reported all at once.

use std::io::Read;
use std::path::{Path, PathBuf};

use kumi_formats::reads::{ReadsError, probe};
use kumi_formats::reference::InMemory;
use kumi_formats::{bed, fasta};
use kumi_index::Index;
use kumi_proto::v1;
use kumi_seq::contig::Contigs;
use kumi_worker::fingerprint::describe;
use kumi_worker::store::hex;
use md5::Digest as _;
use prost::Message as _;
use sha2::Sha256;

use crate::cohort_file::{self, Loaded, OnBadSampleSetting};
use crate::exit::{Code, Exit};
use crate::problem::{Place, Problems};
use crate::sheet::{Input, ReadInput, SheetSample};

/// A checked cohort, as it is submitted.
#[derive(Clone, Debug)]
pub struct Facts {
    /// What concerns the whole cohort; without a request id.
    pub header: v1::CohortHeader,
    /// Its samples.
    pub samples: Vec<v1::Sample>,
}

impl Facts {
    /// A request id made from the content: the same cohort submitted twice is one submission.
    #[must_use]
    pub fn content_id(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.header.encode_to_vec());
        for sample in &self.samples {
            hash.update(sample.encode_length_delimited_to_vec());
        }
        hex(&hash.finalize())
    }
}

/// Reads a cohort file and checks everything it names.
///
/// # Errors
/// 65 or 66 with every finding.
pub fn cohort(
    path: &Path,
    output_dir: Option<&Path>,
    on_bad_sample: Option<OnBadSampleSetting>,
) -> Result<Facts, Exit> {
    let mut problems = Problems::default();
    let Some(loaded) = cohort_file::load(path, &mut problems) else {
        return Err(problems
            .finish()
            .expect_err("nothing was loaded for a reason"));
    };
    let whole = Place {
        file: loaded.path.clone(),
        line: 0,
        sample: String::new(),
    };
    let reference = reference(&loaded, &whole, &mut problems);
    let contigs = reference
        .as_ref()
        .map(|(_, contigs)| contigs.clone())
        .unwrap_or_default();
    let samples: Vec<v1::Sample> = loaded
        .samples
        .iter()
        .map(|sample| check_sample(sample, &contigs, &mut problems))
        .collect();
    let params = params(&loaded, &whole, &contigs, on_bad_sample, &mut problems);
    problems.finish()?;
    let root = output_dir.map_or_else(|| loaded.base.join("kumi-out"), PathBuf::from);
    let root = std::path::absolute(&root)
        .map_err(|error| Exit::new(Code::CannotCreate, error.to_string()))?;
    let header = v1::CohortHeader {
        request_id: String::new(),
        name: loaded.file.cohort.name.clone(),
        programme: loaded.file.cohort.programme.clone(),
        centre: loaded.file.cohort.centre.clone(),
        priority: loaded.file.cohort.priority.to_proto().into(),
        deadline_ms: 0,
        root: root.to_string_lossy().into_owned(),
        reference: reference.map(|(facts, _)| facts),
        params: Some(params),
    };
    Ok(Facts { header, samples })
}

fn reference(
    loaded: &Loaded,
    whole: &Place,
    problems: &mut Problems,
) -> Option<(v1::ReferenceFacts, Contigs)> {
    let section = &loaded.file.reference;
    let (path, is_index) = match (&section.fasta, &section.index) {
        (Some(fasta), None) => (loaded.base.join(fasta), false),
        (None, Some(index)) => (loaded.base.join(index), true),
        _ => {
            problems.push(whole.wrong("reference", "give either fasta or index"));
            return None;
        }
    };
    let column = if is_index {
        "reference.index"
    } else {
        "reference.fasta"
    };
    let file = match describe(&path) {
        Ok(file) => file,
        Err(error) => {
            problems.push(whole.missing(column, format!("{}: {error}", path.display())));
            return None;
        }
    };
    let contigs = if is_index {
        Index::open(&path)
            .map(|index| index.contigs().clone())
            .map_err(|error| error.to_string())
    } else {
        fasta::read(&path)
            .map_err(|error| error.to_string())
            .and_then(|sequences| {
                InMemory::new(sequences).map_err(|name| format!("contig {name} occurs twice"))
            })
            .map(|reference| kumi_formats::reference::ReferenceSource::contigs(&reference).clone())
    };
    let contigs = match contigs {
        Ok(contigs) => contigs,
        Err(what) => {
            problems.push(whole.wrong(column, what));
            return None;
        }
    };
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let source = if is_index {
        v1::reference_facts::Source::Index(file)
    } else {
        v1::reference_facts::Source::Fasta(file)
    };
    let listed = contigs
        .as_slice()
        .iter()
        .map(|contig| v1::Contig {
            name: contig.name.clone(),
            length: contig.length.into(),
            md5: contig.m5(),
        })
        .collect();
    Some((
        v1::ReferenceFacts {
            name,
            contigs: listed,
            source: Some(source),
        },
        contigs,
    ))
}

fn params(
    loaded: &Loaded,
    whole: &Place,
    contigs: &Contigs,
    on_bad_sample: Option<OnBadSampleSetting>,
    problems: &mut Problems,
) -> v1::CohortParams {
    let section = &loaded.file.params;
    let mut targets = Vec::new();
    if let Some(path) = section.targets.as_ref().filter(|_| !contigs.is_empty()) {
        match bed::read(&loaded.base.join(path), contigs) {
            Ok(intervals) => targets = intervals,
            Err(error) => problems.push(whole.wrong("params.targets", error.to_string())),
        }
    }
    let region = |interval: kumi_seq::interval::Interval| v1::Region {
        contig: contigs
            .get(interval.contig)
            .map(|contig| contig.name.clone())
            .unwrap_or_default(),
        start: interval.start.into(),
        end: interval.end.into(),
    };
    v1::CohortParams {
        genome_ploidy: section.ploidy.unwrap_or(2).into(),
        call_shards: section.call_shards.unwrap_or(0),
        joint_shards: section.joint_shards.unwrap_or(0),
        cores_per_align: section.cores_per_align.unwrap_or(0),
        on_bad_sample: on_bad_sample
            .unwrap_or(section.on_bad_sample)
            .to_proto()
            .into(),
        kernel_version: kumi_worker::KERNEL_VERSION.to_owned(),
        targets: targets.into_iter().map(region).collect(),
    }
}

fn check_sample(sample: &SheetSample, contigs: &Contigs, problems: &mut Problems) -> v1::Sample {
    let mut read_groups = Vec::new();
    let mut gvcf = None;
    for input in &sample.inputs {
        match &input.input {
            Input::Gvcf(path) => gvcf = file(path, "gvcf", &input.place, "", problems),
            _ => read_groups.extend(read_group(input, contigs, problems)),
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
    }
}

/// Describes a file that a sheet names and compares its MD5 when the sheet gives one.
fn file(
    path: &Path,
    column: &str,
    place: &Place,
    md5: &str,
    problems: &mut Problems,
) -> Option<v1::ReadFile> {
    let described = match describe(path) {
        Ok(described) => described,
        Err(error) => {
            let what = format!(
                "{}: {error}; check the path, which is relative to the sheet",
                path.display()
            );
            problems.push(place.missing(column, what));
            return None;
        }
    };
    if !md5.is_empty() {
        match md5_of(path) {
            Ok(found) if found == md5 => {}
            Ok(found) => {
                let what = format!(
                    "{}: its MD5 is {found}, the sheet says {md5}; fetch it again",
                    path.display()
                );
                problems.push(place.wrong(column, what));
            }
            Err(error) => {
                problems.push(place.missing(column, format!("{}: {error}", path.display())))
            }
        }
    }
    Some(described)
}

fn md5_of(path: &Path) -> std::io::Result<String> {
    let mut hash = md5::Md5::new();
    let mut file = std::fs::File::open(path)?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&hash.finalize())),
            some => hash.update(&buffer[..some]),
        }
    }
}

fn read_group(
    input: &ReadInput,
    contigs: &Contigs,
    problems: &mut Problems,
) -> Option<v1::ReadGroup> {
    let place = &input.place;
    let source = match &input.input {
        Input::Fastq(first, second) => {
            let described = file(first, "fastq_1", place, &input.md5[0], problems);
            let mate = second
                .as_ref()
                .map(|path| file(path, "fastq_2", place, &input.md5[1], problems));
            if described.is_some() && !matches!(mate, Some(None)) {
                check_fastq(first, second.as_deref(), place, problems);
            }
            v1::read_group::Source::Fastq(v1::FastqPair {
                first: described,
                second: mate.flatten(),
            })
        }
        Input::Alignment(path, column) => {
            let described = file(path, column, place, &input.md5[0], problems)?;
            check_alignment(path, column, contigs, place, problems);
            v1::read_group::Source::Alignment(described)
        }
        Input::Gvcf(_) => return None,
    };
    Some(v1::ReadGroup {
        id: input.id.clone(),
        library: input.library.clone(),
        platform: "ILLUMINA".to_owned(),
        platform_unit: input.platform_unit.clone(),
        source: Some(source),
    })
}

fn add(problems: &mut Problems, place: &Place, column: &str, error: &ReadsError) {
    let what = match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    problems.push(if error.is_io() {
        place.missing(column, what)
    } else {
        place.wrong(column, what)
    });
}

fn check_fastq(first: &Path, second: Option<&Path>, place: &Place, problems: &mut Problems) {
    let mut name = |path, column| {
        probe(path, None)
            .map_err(|error| add(problems, place, column, &error))
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
            two.path.display(),
            text(&two.first_name)
        );
        problems.push(place.wrong("fastq_2", what));
    }
}

/// Looks at the end and the header of a BAM or CRAM file; its bases need no reference for that.
fn check_alignment(
    path: &Path,
    column: &str,
    contigs: &Contigs,
    place: &Place,
    problems: &mut Problems,
) {
    if let Err(error) = probe(path, None) {
        // Without its reference a CRAM file's records cannot be decoded; its header and end can be judged.
        let undecodable = matches!(error, ReadsError::Alignment { record: 1, .. });
        if !undecodable {
            add(problems, place, column, &error);
            return;
        }
    }
    let header =
        kumi_formats::alignments::AlignmentFile::open(path, None).map(|file| file.header().clone());
    let aligned = |header: &kumi_formats::header::Header| !header.references().is_empty();
    if let Ok(header) = header
        && aligned(&header)
        && !contigs.is_empty()
        && let Err(what) = header.check_reference(contigs)
        && kumi_formats::alignments::AlignmentFile::kind(path)
            .ok()
            .flatten()
            == Some(kumi_formats::alignments::Kind::Cram)
    {
        let what = format!(
            "{} was made with another reference: {what}; give the one it was made with",
            path.display()
        );
        problems.push(place.wrong(column, what));
    }
}
