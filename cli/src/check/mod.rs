//! Everything about a cohort that can be known before work starts: is it there, is it whole, does it fit
//! the reference. What is wrong is reported all at once.

mod abreast;
mod chunks;
mod files;
mod input;
mod stores;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kumi_formats::reference::{InMemory, ReferenceSource};
use kumi_formats::{alt, bed};
use kumi_index::Index;
use kumi_proto::ids::is_label;
use kumi_proto::v1;
use kumi_seq::contig::Contigs;
use kumi_worker::indexed::Indexed;
use kumi_worker::objects::{Place as Site, resolve};
use kumi_worker::store::hex;
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use crate::check::files::Files;
use crate::check::stores::Unseen;
use crate::cohort_file::{self, Loaded, OnBadSampleSetting};
use crate::exit::{Code, Exit};
use crate::problem::{Place, Problem, Problems};
use crate::remote;
use crate::table::parse_date;

const DAY_MS: u64 = 86_400_000;

/// A checked cohort, as it is submitted.
#[derive(Clone, Debug)]
pub struct Facts {
    /// What concerns the whole cohort; without a request id.
    pub header: v1::CohortHeader,
    /// Its samples.
    pub samples: Vec<v1::Sample>,
    /// What is wrong with files of samples that will be set aside for it.
    pub set_aside: Vec<Problem>,
    /// What its owner should know of how it will be computed.
    pub notes: Vec<String>,
}

impl Facts {
    /// Says on standard error which samples will be set aside, and what else there is to know.
    pub fn warn(&self) {
        for problem in &self.set_aside {
            eprintln!("will be set aside: {problem}");
        }
        for note in &self.notes {
            eprintln!("{note}");
        }
    }

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

/// Reads a cohort file and checks everything it names. When bad samples are to be set aside, what is wrong
/// with the content of some samples' files is no error: their own tasks will find the same and the others
/// finish.
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
            .finish(None)
            .expect_err("nothing was loaded for a reason"));
    };
    let whole = Place {
        file: loaded.path.clone(),
        line: 0,
        sample: String::new(),
    };
    let files = Files::default();
    let reference = reference(&loaded, &files, &whole, &mut problems);
    let (facts, source) = match reference {
        Some((facts, source)) => (Some(facts), Some(source)),
        None => (None, None),
    };
    let contigs = source
        .as_ref()
        .map_or_else(Contigs::default, |source| source.contigs().clone());
    let mut samples = input::samples(&loaded.samples, &files, source.as_deref(), &mut problems);
    let notes = chunks::choose_all(&loaded, &mut samples, &files);
    drop(source);
    for what in files.silent_stores() {
        let what = format!("{what}; nothing that lies there was looked at");
        problems.push(whole.missing("", what));
    }
    let params = params(&loaded, &whole, &contigs, on_bad_sample, &mut problems);
    let deadline_ms = deadline_ms(
        loaded.file.cohort.deadline.as_deref(),
        &whole,
        &mut problems,
    );
    for label in &loaded.file.cohort.require {
        if !is_label(label) {
            let what =
                format!("`{label}` is no label: up to 128 letters, digits, `.`, `_`, `-` and `=`");
            problems.push(whole.wrong("require", what));
        }
    }
    let quarantine = params.on_bad_sample() == v1::OnBadSample::Quarantine;
    let set_aside = problems.finish(quarantine.then_some(samples.len()))?;
    let root = root(output_dir, &loaded.base)?;
    let header = v1::CohortHeader {
        request_id: String::new(),
        name: loaded.file.cohort.name.clone(),
        programme: loaded.file.cohort.programme.clone(),
        centre: loaded.file.cohort.centre.clone(),
        priority: loaded.file.cohort.priority.to_proto().into(),
        deadline_ms,
        root,
        reference: facts,
        params: Some(params),
        require: loaded.file.cohort.require.clone(),
    };
    Ok(Facts {
        header,
        samples,
        set_aside,
        notes,
    })
}

/// Where everything goes: an absolute path, or a URL.
fn root(output_dir: Option<&Path>, base: &Path) -> Result<String, Exit> {
    let root = output_dir.map_or_else(|| base.join("kumi-out"), PathBuf::from);
    match Site::of(&root) {
        Ok(Site::Object(at)) => Ok(at.to_string()),
        Ok(Site::Path(path)) => std::path::absolute(path)
            .map(|path| path.to_string_lossy().into_owned())
            .map_err(|error| Exit::new(Code::CannotCreate, error.to_string())),
        Err(error) => Err(Exit::new(Code::Usage, format!("--output-dir: {error}"))),
    }
}

/// The end of the day that is wanted, Unix milliseconds; 0: none is.
fn deadline_ms(day: Option<&str>, whole: &Place, problems: &mut Problems) -> u64 {
    let Some(day) = day else { return 0 };
    parse_date(day).map_or_else(
        || {
            let what = format!("`{day}` is not a date; write YYYY-MM-DD");
            problems.push(whole.wrong("deadline", what));
            0
        },
        |start| start + DAY_MS,
    )
}

fn reference(
    loaded: &Loaded,
    files: &Files,
    whole: &Place,
    problems: &mut Problems,
) -> Option<(v1::ReferenceFacts, Arc<dyn ReferenceSource>)> {
    let section = &loaded.file.reference;
    let (path, is_index) = match (&section.fasta, &section.index) {
        (Some(fasta), None) => (resolve(&loaded.base, fasta), false),
        (None, Some(index)) => (resolve(&loaded.base, index), true),
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
    let file = match files.describe(&path) {
        Ok(file) => file,
        Err(Unseen::Store) => return None,
        Err(Unseen::Why(what)) => {
            problems.push(whole.missing(column, what));
            return None;
        }
    };
    let here = match remote::file(&path) {
        Ok(here) => here,
        Err(what) => {
            problems.push(whole.missing(column, what));
            return None;
        }
    };
    let opened = if is_index {
        open_index(&here.path)
    } else {
        read_fasta(&here.path)
    };
    let source = match opened {
        Ok(source) => source,
        Err(what) => {
            problems.push(whole.wrong(column, here.told(&what)));
            return None;
        }
    };
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let file = if is_index {
        v1::reference_facts::Source::Index(file)
    } else {
        v1::reference_facts::Source::Fasta(file)
    };
    let listed = source
        .contigs()
        .as_slice()
        .iter()
        .map(|contig| v1::Contig {
            name: contig.name.clone(),
            length: contig.length.into(),
            md5: contig.m5(),
            alternate: contig.alternate,
        })
        .collect();
    Some((
        v1::ReferenceFacts {
            name,
            contigs: listed,
            source: Some(file),
        },
        source,
    ))
}

/// Every byte of an index is looked at: nothing behind here does it again.
fn open_index(path: &Path) -> Result<Arc<dyn ReferenceSource>, String> {
    let index = Index::open(path).map_err(|error| chain(&error))?;
    index.verify().map_err(|error| chain(&error))?;
    Ok(Arc::new(Indexed(Arc::new(index))))
}

fn read_fasta(path: &Path) -> Result<Arc<dyn ReferenceSource>, String> {
    let sequences = alt::read(path).map_err(|error| chain(&error))?;
    let reference =
        InMemory::new(sequences).map_err(|name| format!("contig {name} occurs twice"))?;
    Ok(Arc::new(reference))
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    kumi_worker::fault::chain(error)
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
        match bed::read(&resolve(&loaded.base, path), contigs) {
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
        joint_shards: section.parts().unwrap_or(0),
        cores_per_align: section.cores_per_align.unwrap_or(0),
        on_bad_sample: on_bad_sample
            .unwrap_or(section.on_bad_sample)
            .to_proto()
            .into(),
        kernel_version: kumi_worker::KERNEL_VERSION.to_owned(),
        targets: targets.into_iter().map(region).collect(),
        filters: section.filters.to_proto().into(),
        batch_samples: section.batch_samples.unwrap_or(0),
        genotypes: section.released().into(),
        ..v1::CohortParams::default()
    }
}
