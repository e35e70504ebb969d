//! Whether a cohort can be planned. The submitter checked its files; this checks the facts, so that
//! nothing later meets a cohort that has no meaning.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Arguments;

use kumi_proto::ids::{LABEL_BYTES_MAX, is_label};
use kumi_proto::v1;

use crate::limits::{
    CHUNKS_MAX, LABELS_MAX, MERGE_REGIONS_MAX, NAME_CHARS_MAX, SAMPLES_MAX, SHARDS_MAX, TASKS_MAX,
    TEXT_CHARS_MAX, VIOLATIONS_MAX,
};
use crate::plan::batch::BATCH_SAMPLES_MAX;
use crate::plan::layout::{self, Shards};
use crate::version::{NEWEST, OBJECT_STORES, RELEASE_CHUNKS};

/// One fault of a submission.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// Path of the field, as `samples[3].read_groups[0].id`.
    pub field: String,
    /// What is wrong with it and what would be right.
    pub problem: String,
}

/// Finds every fault of a submission, up to a thousand.
///
/// # Errors
/// All violations, in the order of the fields.
pub fn validate(header: &v1::CohortHeader, samples: &[v1::Sample]) -> Result<(), Vec<Violation>> {
    validate_in(NEWEST, header, samples)
}

/// As [`validate`], by what a version of the state machine takes.
pub(crate) fn validate_in(
    version: u32,
    header: &v1::CohortHeader,
    samples: &[v1::Sample],
) -> Result<(), Vec<Violation>> {
    let mut found = Findings {
        found: Vec::new(),
        objects: version >= OBJECT_STORES,
        chunks: version >= RELEASE_CHUNKS,
    };
    header_fields(header, &mut found);
    let lengths = reference(header.reference.as_ref(), &mut found);
    params(header.params.as_ref(), &lengths, &mut found);
    all_samples(samples, &mut found);
    if found.found.is_empty() {
        size(header, samples, &mut found);
    }
    found.found.truncate(VIOLATIONS_MAX);
    if found.found.is_empty() {
        Ok(())
    } else {
        Err(found.found)
    }
}

struct Findings {
    found: Vec<Violation>,
    /// Whether a path may be the URL of an object.
    objects: bool,
    /// Whether a release may be in chunks.
    chunks: bool,
}

impl Findings {
    fn add(&mut self, field: Arguments<'_>, problem: impl Into<String>) {
        self.found.push(Violation {
            field: field.to_string(),
            problem: problem.into(),
        });
    }

    /// A name that becomes part of a path.
    fn name(&mut self, field: Arguments<'_>, name: &str) {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !begins || name.len() > NAME_CHARS_MAX || !name.bytes().all(plain) {
            self.add(
                field,
                format!(
                    "is `{}`; a name is 1 to {NAME_CHARS_MAX} letters, digits, `.`, `_` and `-` and begins with a letter or digit",
                    name.escape_debug()
                ),
            );
        }
    }

    /// What a worker may have and a cohort may ask for.
    fn label(&mut self, field: Arguments<'_>, label: &str) {
        if !is_label(label) {
            self.add(
                field,
                format!(
                    "is `{}`; a label is 1 to {LABEL_BYTES_MAX} letters, digits, `.`, `_`, `-` and `=`",
                    label.escape_debug()
                ),
            );
        }
    }

    fn text(&mut self, field: Arguments<'_>, text: &str) {
        if text.len() > TEXT_CHARS_MAX {
            self.add(field, format!("is longer than {TEXT_CHARS_MAX} bytes"));
        } else if !is_printable_ascii(text) && text.contains(char::is_control) {
            self.add(field, "contains control characters");
        }
    }

    fn file(&mut self, field: Arguments<'_>, file: Option<&v1::ReadFile>) {
        let Some(file) = file else {
            self.add(field, "is missing");
            return;
        };
        self.path(format_args!("{field}.path"), &file.path);
        if file.fingerprint.len() != 64 || !is_lower_hex(&file.fingerprint) {
            self.add(
                format_args!("{field}.fingerprint"),
                "is not 64 lower-case hexadecimal digits",
            );
        }
    }

    fn path(&mut self, field: Arguments<'_>, path: &str) {
        self.text(field, path);
        let in_bucket = |path: &str| {
            let rest = path.strip_prefix("s3://");
            rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        };
        let known = path.starts_with('/') || (self.objects && in_bucket(path));
        if !known {
            let wanted = if self.objects {
                "give an absolute path or s3://bucket/key"
            } else {
                "give an absolute path"
            };
            self.add(field, format!("is `{}`; {wanted}", path.escape_debug()));
        }
    }
}

/// What nearly all texts are, and quickly seen to be.
fn is_printable_ascii(text: &str) -> bool {
    text.bytes()
        .fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~'))
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes()
        .fold(true, |hex, b| hex & matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn header_fields(header: &v1::CohortHeader, found: &mut Findings) {
    found.name(format_args!("header.name"), &header.name);
    found.name(format_args!("header.programme"), &header.programme);
    found.name(format_args!("header.centre"), &header.centre);
    found.text(format_args!("header.request_id"), &header.request_id);
    found.path(format_args!("header.root"), &header.root);
    if v1::Priority::try_from(header.priority).is_err() {
        found.add(format_args!("header.priority"), "is not a known priority");
    }
    if header.require.len() > LABELS_MAX {
        found.add(
            format_args!("header.require"),
            format!("has more than {LABELS_MAX} labels"),
        );
    }
    for (at, label) in header.require.iter().take(LABELS_MAX).enumerate() {
        found.label(format_args!("header.require[{at}]"), label);
    }
}

/// Checks the reference; lengths of its contigs by name.
fn reference<'a>(
    facts: Option<&'a v1::ReferenceFacts>,
    found: &mut Findings,
) -> BTreeMap<&'a str, u64> {
    let mut lengths = BTreeMap::new();
    let Some(facts) = facts else {
        found.add(format_args!("header.reference"), "is missing");
        return lengths;
    };
    found.text(format_args!("header.reference.name"), &facts.name);
    match &facts.source {
        None => found.add(
            format_args!("header.reference"),
            "has neither fasta nor index",
        ),
        Some(v1::reference_facts::Source::Fasta(file)) => {
            found.file(format_args!("header.reference.fasta"), Some(file));
        }
        Some(v1::reference_facts::Source::Index(file)) => {
            found.file(format_args!("header.reference.index"), Some(file));
        }
    }
    if facts.contigs.is_empty() {
        found.add(format_args!("header.reference.contigs"), "is empty");
    }
    for (at, contig) in facts.contigs.iter().enumerate() {
        let field = format_args!("header.reference.contigs[{at}]");
        found.text(format_args!("{field}.name"), &contig.name);
        if contig.name.is_empty() || contig.length == 0 || contig.length >= 1 << 31 {
            found.add(field, "needs a name and a length from 1 to 2^31 - 1");
        }
        if lengths
            .insert(contig.name.as_str(), contig.length)
            .is_some()
        {
            found.add(field, format!("`{}` occurs twice", contig.name));
        }
        if !contig.md5.is_empty() && (contig.md5.len() != 32 || !is_lower_hex(&contig.md5)) {
            found.add(
                format_args!("{field}.md5"),
                "is not 32 lower-case hexadecimal digits",
            );
        }
    }
    lengths
}

fn params(params: Option<&v1::CohortParams>, lengths: &BTreeMap<&str, u64>, found: &mut Findings) {
    let Some(params) = params else {
        found.add(format_args!("header.params"), "is missing");
        return;
    };
    if params.genome_ploidy > 2 {
        found.add(
            format_args!("header.params.genome_ploidy"),
            format!("is {}; 1 and 2 are supported", params.genome_ploidy),
        );
    }
    for (field, shards) in [
        ("header.params.call_shards", params.call_shards),
        ("header.params.joint_shards", params.joint_shards),
    ] {
        if shards > SHARDS_MAX {
            let field = format_args!("{field}");
            found.add(field, format!("is {shards}; at most {SHARDS_MAX}"));
        }
    }
    if params.batch_samples > BATCH_SAMPLES_MAX {
        found.add(
            format_args!("header.params.batch_samples"),
            format!("is {}; at most {BATCH_SAMPLES_MAX}", params.batch_samples),
        );
    }
    if params.cores_per_align > 4_096 {
        found.add(
            format_args!("header.params.cores_per_align"),
            "is more than 4096",
        );
    }
    if params.kernel_version.is_empty() {
        found.add(format_args!("header.params.kernel_version"), "is missing");
    }
    found.text(
        format_args!("header.params.kernel_version"),
        &params.kernel_version,
    );
    if v1::OnBadSample::try_from(params.on_bad_sample).is_err() {
        found.add(
            format_args!("header.params.on_bad_sample"),
            "is not a known policy",
        );
    }
    if v1::Filters::try_from(params.filters).is_err() {
        found.add(
            format_args!("header.params.filters"),
            "is not a known preset",
        );
    }
    let known = v1::Genotypes::try_from(params.genotypes);
    if !known.is_ok_and(|genotypes| found.chunks || !genotypes.in_chunks()) {
        found.add(
            format_args!("header.params.genotypes"),
            "is not a known place",
        );
    }
    for (at, target) in params.targets.iter().enumerate() {
        let field = format_args!("header.params.targets[{at}]");
        match lengths.get(target.contig.as_str()) {
            None => found.add(
                field,
                format!(
                    "contig `{}` is not in the reference",
                    target.contig.escape_debug()
                ),
            ),
            Some(length) if target.start >= target.end || target.end > *length => found.add(
                field,
                format!(
                    "{}:{}-{} is empty or leaves the contig, which has {length} bases",
                    target.contig, target.start, target.end
                ),
            ),
            Some(_) => {}
        }
    }
}

fn all_samples(samples: &[v1::Sample], found: &mut Findings) {
    if samples.is_empty() {
        found.add(
            format_args!("samples"),
            "is empty: a cohort has at least one sample",
        );
    }
    if samples.len() > SAMPLES_MAX {
        found.add(
            format_args!("samples"),
            format!("has more than {SAMPLES_MAX} samples"),
        );
        return;
    }
    let names = samples.iter().map(|sample| sample.name.as_str());
    let files = samples.iter().flat_map(files_of);
    // Sorting tells it sooner than sets do.
    let twice = has_twice(names.collect()) || has_twice(files.collect());
    let mut names = BTreeSet::new();
    let mut files = BTreeMap::new();
    for (at, sample) in samples.iter().enumerate() {
        let field = format_args!("samples[{at}]");
        if twice && !names.insert(sample.name.as_str()) {
            let twice = format!("`{}` occurs twice", sample.name.escape_debug());
            found.add(format_args!("{field}.name"), twice);
        }
        one_sample(sample, field, found);
        for file in files_of(sample).into_iter().filter(|_| twice) {
            if let Some(other) = files.insert(file, &sample.name) {
                let twice = format!("uses {file}, which sample `{other}` uses too");
                found.add(field, twice);
            }
        }
    }
}

/// Whether two of the texts are the same.
fn has_twice(mut texts: Vec<&str>) -> bool {
    texts.sort_unstable();
    texts.windows(2).any(|two| two[0] == two[1])
}

fn one_sample(sample: &v1::Sample, field: Arguments<'_>, found: &mut Findings) {
    found.name(format_args!("{field}.name"), &sample.name);
    for (part, text) in [
        ("patient", &sample.patient),
        ("case_id", &sample.case_id),
        ("family_id", &sample.family_id),
    ] {
        found.text(format_args!("{field}.{part}"), text);
    }
    if !sample.centre.is_empty() {
        found.name(format_args!("{field}.centre"), &sample.centre);
    }
    if v1::Sex::try_from(sample.sex).is_err() {
        found.add(format_args!("{field}.sex"), "is not a known sex");
    }
    match (&sample.gvcf, sample.read_groups.is_empty()) {
        (None, true) => found.add(field, "has neither reads nor a gVCF"),
        (Some(_), false) => found.add(field, "has both reads and a gVCF; give one of them"),
        (Some(gvcf), true) => found.file(format_args!("{field}.gvcf"), Some(gvcf)),
        (None, false) => {}
    }
    chunks(sample, field, found);
    let mut ids = BTreeSet::new();
    for (at, group) in sample.read_groups.iter().enumerate() {
        let field = format_args!("{field}.read_groups[{at}]");
        if group.id.is_empty() || !ids.insert(group.id.as_str()) {
            let id = group.id.escape_debug();
            found.add(
                format_args!("{field}.id"),
                format!("is `{id}`; every read group of a sample needs an id of its own"),
            );
        }
        for text in [
            &group.id,
            &group.library,
            &group.platform,
            &group.platform_unit,
        ] {
            found.text(field, text);
        }
        match &group.source {
            None => found.add(field, "has neither fastq nor alignment"),
            Some(v1::read_group::Source::Alignment(file)) => {
                found.file(format_args!("{field}.alignment"), Some(file));
            }
            Some(v1::read_group::Source::Fastq(pair)) => {
                found.file(format_args!("{field}.fastq.first"), pair.first.as_ref());
                if let Some(second) = &pair.second {
                    found.file(format_args!("{field}.fastq.second"), Some(second));
                }
            }
        }
    }
}

/// Only FASTQ files can be entered in their middle.
fn chunks(sample: &v1::Sample, field: Arguments<'_>, found: &mut Findings) {
    let chunks = sample.align_chunks;
    if chunks > CHUNKS_MAX {
        let field = format_args!("{field}.align_chunks");
        found.add(field, format!("is {chunks}; at most {CHUNKS_MAX}"));
    }
    let regions = sample.merge_regions;
    if regions > MERGE_REGIONS_MAX {
        let field = format_args!("{field}.merge_regions");
        found.add(field, format!("is {regions}; at most {MERGE_REGIONS_MAX}"));
    }
    let is_fastq = |group: &v1::ReadGroup| {
        matches!(group.source, None | Some(v1::read_group::Source::Fastq(_)))
    };
    if chunks > 1 && (sample.gvcf.is_some() || !sample.read_groups.iter().all(is_fastq)) {
        let field = format_args!("{field}.align_chunks");
        let problem = format!("is {chunks}; only a sample of FASTQ files has chunks");
        found.add(field, problem);
    }
}

fn files_of(sample: &v1::Sample) -> Vec<&str> {
    let mut files: Vec<&v1::ReadFile> = sample.gvcf.iter().collect();
    for group in &sample.read_groups {
        match &group.source {
            None => {}
            Some(v1::read_group::Source::Alignment(file)) => files.push(file),
            Some(v1::read_group::Source::Fastq(pair)) => {
                files.extend(&pair.first);
                files.extend(&pair.second);
            }
        }
    }
    files.into_iter().map(|file| file.path.as_str()).collect()
}

fn size(header: &v1::CohortHeader, samples: &[v1::Sample], found: &mut Findings) {
    let columns = Shards::of(header).by_bases().len() as u64;
    let most = |of: fn(&v1::Sample) -> u32| samples.iter().map(of).max().unwrap_or(0);
    let chunks = most(layout::chunks);
    let regions = most(layout::merge_regions);
    let chunks = u64::from(chunks) + u64::from(chunks.min(1)) + 2 * u64::from(regions);
    let tasks = samples.len() as u64 * (chunks + columns + 2);
    if tasks > TASKS_MAX {
        found.add(
            format_args!("header.params.call_shards"),
            format!("make {tasks} tasks with this many samples; at most {TASKS_MAX}"),
        );
    }
}
