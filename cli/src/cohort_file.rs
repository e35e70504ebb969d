//! `cohort.toml`: what a cohort is, on one page.
//!
//! The shape is documented in `docs/cohort-file.md`. Unknown keys are errors; paths are relative to the
//! file.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use kumi_proto::v1;
use kumi_worker::objects::{Place as Site, resolve};
use serde::Deserialize;

use crate::args::FiltersArg;
use crate::problem::{Place, Problems};
use crate::sheet::{Input, ReadInput, SheetSample, group, is_name, read};

/// The file as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CohortFile {
    /// `[cohort]`.
    pub cohort: CohortSection,
    /// `[reference]`.
    pub reference: ReferenceSection,
    /// `[params]`.
    #[serde(default)]
    pub params: ParamsSection,
    /// `[[sample]]`, instead of or beside a sheet.
    #[serde(default)]
    pub sample: Vec<SampleSection>,
}

/// Who submits what.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CohortSection {
    /// The cohort's name, also in paths.
    pub name: String,
    /// The programme it counts for.
    #[serde(default = "default_name")]
    pub programme: String,
    /// The centre that submits it.
    #[serde(default = "default_name")]
    pub centre: String,
    /// urgent, high, normal or bulk.
    #[serde(default)]
    pub priority: PrioritySetting,
    /// Wanted until the end of this day, UTC: YYYY-MM-DD. Among cohorts of a centre and priority the earliest comes first.
    pub deadline: Option<String>,
    /// Labels: only workers that have all of them get its tasks, as `["avx512"]`.
    #[serde(default)]
    pub require: Vec<String>,
    /// Sample sheet.
    pub sheet: Option<PathBuf>,
}

fn default_name() -> String {
    "default".to_owned()
}

/// Priority classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PrioritySetting {
    /// Before everything.
    Urgent,
    /// Before normal work.
    High,
    /// The default.
    #[default]
    Normal,
    /// When nothing else waits.
    Bulk,
}

impl PrioritySetting {
    /// The class of that name, however it is cased.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Urgent, Self::High, Self::Normal, Self::Bulk]
            .into_iter()
            .find(|class| class.to_proto().label().eq_ignore_ascii_case(name))
    }

    /// The wire value.
    #[must_use]
    pub fn to_proto(self) -> v1::Priority {
        match self {
            Self::Urgent => v1::Priority::Urgent,
            Self::High => v1::Priority::High,
            Self::Normal => v1::Priority::Normal,
            Self::Bulk => v1::Priority::Bulk,
        }
    }
}

/// The reference: a FASTA file, from which the index is built once, or an index.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReferenceSection {
    /// FASTA, plain, gzip or BGZF.
    pub fasta: Option<PathBuf>,
    /// `.kidx` made by `kumi reference build`.
    pub index: Option<PathBuf>,
}

/// How to compute; every setting has a default.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ParamsSection {
    /// Ploidy of the whole genome: 2, or 1 for a haploid organism.
    pub ploidy: Option<u8>,
    /// BED file: call only here.
    pub targets: Option<PathBuf>,
    /// Call shards a sample; by genome size when not given. Results do not depend on it.
    pub call_shards: Option<u32>,
    /// Joint genotyping shards; by genome size when not given. Results do not depend on it.
    pub joint_shards: Option<u32>,
    /// gVCFs that are ingested together, at most 1,000, which is the default. Results do not depend on it.
    pub batch_samples: Option<u32>,
    /// Cores an alignment task asks for.
    pub cores_per_align: Option<u32>,
    /// How samples are aligned; those that are urgent in latency mode when not given. Results do not depend on it.
    pub mode: Option<ModeSetting>,
    /// Chunks a sample in latency mode; by the size of its files when not given. Results do not depend on it.
    pub align_chunks: Option<u32>,
    /// Regions that the chunks of a sample are merged in, at most; as many as it has chunks when not given. 0 and 1: one
    /// task merges all. Of no effect on samples that are not aligned in chunks. Results do not depend on it.
    pub merge_regions: Option<u32>,
    /// Which filters variants carry: off, standard (default) or strict.
    pub filters: FiltersArg,
    /// Where the genotypes of a release are: vcf (default), bcf, bcf-local or store.
    pub genotypes: GenotypesSetting,
    /// A release has so many files of genotypes, which are the joint shards.
    pub chunks: Option<u32>,
    /// What becomes of the cohort when a sample's data are bad: fail (default) or quarantine.
    pub on_bad_sample: OnBadSampleSetting,
}

/// Where the genotypes of a release are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GenotypesSetting {
    /// In it: a cohort VCF, or several in chunks.
    #[default]
    Vcf,
    /// In it, as BCF in chunks.
    Bcf,
    /// In it, as BCF with local alleles in chunks.
    BcfLocal,
    /// In the cohort store alone: it holds the sites.
    Store,
}

impl ParamsSection {
    /// Where genotypes are, as it is told a scheduler. What is not chosen is not said: so it was asked before there was
    /// a choice.
    #[must_use]
    pub fn released(&self) -> v1::Genotypes {
        match (self.genotypes, self.chunks) {
            (GenotypesSetting::Vcf, None) => v1::Genotypes::Unspecified,
            (GenotypesSetting::Vcf, Some(_)) => v1::Genotypes::VcfChunks,
            (GenotypesSetting::Bcf, _) => v1::Genotypes::BcfChunks,
            (GenotypesSetting::BcfLocal, _) => v1::Genotypes::BcfLocalChunks,
            (GenotypesSetting::Store, _) => v1::Genotypes::Store,
        }
    }

    /// In how many parts the genome is ingested and genotyped, if that is asked for.
    #[must_use]
    pub fn parts(&self) -> Option<u32> {
        self.chunks.or(self.joint_shards)
    }

    /// What is wrong with `chunks`.
    fn wrong_chunks(&self) -> Option<&'static str> {
        match (self.chunks?, self.genotypes, self.joint_shards) {
            (0, ..) => Some("is 0; a release has at least one file, or leave it out"),
            (_, GenotypesSetting::Store, _) => Some(
                "is given with genotypes = \"store\": such a release has no genotypes; leave one of them out",
            ),
            (chunks, _, Some(shards)) if shards != chunks => {
                Some("is not params.joint_shards: each shard is a chunk; give one of them")
            }
            _ => None,
        }
    }
}

/// What a cohort's samples are aligned for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModeSetting {
    /// Many samples: one task each.
    Throughput,
    /// A sample soon: in chunks, on many workers.
    Latency,
}

/// What becomes of a cohort with a bad sample.
#[derive(Clone, Copy, Debug, Default, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum OnBadSampleSetting {
    /// The cohort fails.
    #[default]
    Fail,
    /// The sample is set aside, the others finish.
    Quarantine,
}

impl OnBadSampleSetting {
    /// The wire value.
    #[must_use]
    pub fn to_proto(self) -> v1::OnBadSample {
        match self {
            Self::Fail => v1::OnBadSample::Fail,
            Self::Quarantine => v1::OnBadSample::Quarantine,
        }
    }
}

/// A sample written out in the cohort file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampleSection {
    /// The sample's name.
    pub name: String,
    /// The person; the sample's name when not given.
    pub patient: Option<String>,
    /// XX or XY.
    pub sex: Option<SexSetting>,
    /// Case, for targets that count cases.
    #[serde(default)]
    pub case_id: String,
    /// Family.
    #[serde(default)]
    pub family_id: String,
    /// A gVCF instead of reads.
    pub gvcf: Option<PathBuf>,
    /// Its reads.
    #[serde(default)]
    pub reads: Vec<ReadsSection>,
}

/// Sex chromosomes.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum SexSetting {
    /// XX.
    Xx,
    /// XY.
    Xy,
}

/// One lane, or one alignment file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadsSection {
    /// First FASTQ file.
    pub fastq_1: Option<PathBuf>,
    /// Second FASTQ file; single end without it.
    pub fastq_2: Option<PathBuf>,
    /// BAM, unaligned or aligned.
    pub bam: Option<PathBuf>,
    /// CRAM.
    pub cram: Option<PathBuf>,
    /// Lane.
    pub lane: Option<String>,
    /// Library.
    pub library: Option<String>,
    /// Platform unit.
    pub platform_unit: Option<String>,
}

/// A cohort file, read, with its samples; `base` is the directory its paths are relative to.
#[derive(Debug)]
pub struct Loaded {
    /// Where the file is.
    pub path: PathBuf,
    /// Directory of the file.
    pub base: PathBuf,
    /// The file.
    pub file: CohortFile,
    /// Samples of the sheet and of the file, in that order.
    pub samples: Vec<SheetSample>,
}

/// Reads a cohort file and its sheet. Everything wrong goes to `problems`; `None` when nothing can be
/// read at all.
pub fn load(path: &Path, problems: &mut Problems) -> Option<Loaded> {
    let whole = Place {
        file: path.to_owned(),
        line: 0,
        sample: String::new(),
    };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            problems.push(whole.wrong("", "it is not text in UTF-8; is it a cohort file?"));
            return None;
        }
        Err(error) => {
            problems.push(whole.missing("", format!("{error}; check the path of the cohort file")));
            return None;
        }
    };
    let file: CohortFile = match toml::from_str(&text) {
        Ok(file) => file,
        Err(error) => {
            let line = error.span().map_or(0, |span| {
                1 + text[..span.start].matches('\n').count() as u64
            });
            let what = format!("{}; see docs/cohort-file.md", error.message());
            problems.push(Place { line, ..whole }.wrong("", what));
            return None;
        }
    };
    for (key, name) in [
        ("name", &file.cohort.name),
        ("programme", &file.cohort.programme),
        ("centre", &file.cohort.centre),
    ] {
        if !is_name(name) {
            let what = format!(
                "`{name}` is not a usable name: up to 128 letters, digits, `.`, `_` and `-`"
            );
            problems.push(whole.wrong(&format!("cohort.{key}"), what));
        }
    }
    if file
        .params
        .ploidy
        .is_some_and(|ploidy| !(1..=2).contains(&ploidy))
    {
        problems.push(whole.wrong("params.ploidy", "only 1 and 2 are supported"));
    }
    if let Some(what) = file.params.wrong_chunks() {
        problems.push(whole.wrong("params.chunks", what));
    }
    let base = path.parent().unwrap_or(Path::new("")).to_owned();
    let samples = samples(&whole, &base, &file, problems);
    Some(Loaded {
        path: path.to_owned(),
        base,
        file,
        samples,
    })
}

fn samples(
    whole: &Place,
    base: &Path,
    file: &CohortFile,
    problems: &mut Problems,
) -> Vec<SheetSample> {
    let mut samples = Vec::new();
    if let Some(sheet) = &file.cohort.sheet {
        let path = resolve(base, sheet);
        if matches!(Site::of(&path), Ok(Site::Object(_)) | Err(_)) {
            let what = format!(
                "{}: a sample sheet is read from this machine only; copy it here",
                path.display()
            );
            problems.push(whole.wrong("cohort.sheet", what));
            return samples;
        }
        match std::fs::read_to_string(&path) {
            Ok(text) => samples = group(read(&path, &text, problems), problems),
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                let what = format!(
                    "{} is not text in UTF-8; save it as CSV in UTF-8",
                    path.display()
                );
                problems.push(whole.wrong("cohort.sheet", what));
            }
            Err(error) => {
                let what = format!(
                    "{}: {error}; check the path of the sample sheet",
                    path.display()
                );
                problems.push(whole.missing("cohort.sheet", what));
            }
        }
    }
    for section in &file.sample {
        let place = Place {
            sample: section.name.clone(),
            ..whole.clone()
        };
        if !is_name(&section.name) || samples.iter().any(|sample| sample.name == section.name) {
            problems.push(place.wrong(
                "sample.name",
                "not a usable name, or named twice; names must be unique",
            ));
            continue;
        }
        samples.extend(written_out(&place, base, section, problems));
    }
    if samples.is_empty() && problems.is_empty() {
        problems.push(whole.wrong(
            "cohort.sheet",
            "the cohort has no samples; give a sheet or [[sample]] sections",
        ));
    }
    samples
}

fn written_out(
    place: &Place,
    base: &Path,
    section: &SampleSection,
    problems: &mut Problems,
) -> Option<SheetSample> {
    let mut inputs = Vec::new();
    for (lane, reads) in (1u32..).zip(&section.reads) {
        let input = match (&reads.fastq_1, &reads.fastq_2, &reads.bam, &reads.cram) {
            (Some(first), second, None, None) => Input::Fastq(
                resolve(base, first),
                second.as_ref().map(|path| resolve(base, path)),
            ),
            (None, None, Some(path), None) => Input::Alignment(resolve(base, path), "bam"),
            (None, None, None, Some(path)) => Input::Alignment(resolve(base, path), "cram"),
            _ => {
                problems.push(place.wrong(
                    "sample.reads",
                    "give either fastq_1 (and fastq_2), or bam, or cram",
                ));
                continue;
            }
        };
        let id = format!(
            "{}.{}",
            section.name,
            reads.lane.clone().unwrap_or_else(|| lane.to_string())
        );
        inputs.push(ReadInput {
            place: place.clone(),
            input,
            library: reads
                .library
                .clone()
                .unwrap_or_else(|| section.name.clone()),
            platform_unit: reads.platform_unit.clone().unwrap_or_else(|| id.clone()),
            id,
            md5: Default::default(),
        });
    }
    if let Some(gvcf) = &section.gvcf {
        inputs.push(ReadInput {
            place: place.clone(),
            input: Input::Gvcf(resolve(base, gvcf)),
            id: String::new(),
            library: String::new(),
            platform_unit: String::new(),
            md5: Default::default(),
        });
    }
    if inputs.is_empty() || (section.gvcf.is_some() && inputs.len() > 1) {
        problems.push(place.wrong("sample", "give [[sample.reads]] or gvcf, one of them"));
        return None;
    }
    Some(SheetSample {
        place: place.clone(),
        name: section.name.clone(),
        patient: section
            .patient
            .clone()
            .unwrap_or_else(|| section.name.clone()),
        case_id: section.case_id.clone(),
        family_id: section.family_id.clone(),
        centre: String::new(),
        sex: match section.sex {
            None => v1::Sex::Unspecified,
            Some(SexSetting::Xx) => v1::Sex::Xx,
            Some(SexSetting::Xy) => v1::Sex::Xy,
        },
        tumour: false,
        priority: None,
        inputs,
    })
}

#[cfg(test)]
mod tests {
    use kumi_proto::v1;

    use super::{CohortFile, load};
    use crate::problem::Problems;

    fn findings(toml: &str) -> Vec<String> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("cohort.toml");
        std::fs::write(&path, toml).expect("written");
        let mut problems = Problems::default();
        load(&path, &mut problems);
        problems
            .sorted()
            .iter()
            .map(|p| format!("{} {} {}", p.line, p.column, p.what))
            .collect()
    }

    #[test]
    fn a_sample_can_be_written_out() {
        let good = "[cohort]\nname='c'\n[reference]\nfasta='r.fa'\n[[sample]]\nname='S'\nsex='XY'\n[[sample.reads]]\nbam='s.bam'\n";
        assert_eq!(findings(good), Vec::<String>::new());
    }

    #[test]
    fn genotypes_are_in_a_cohort_vcf_or_in_the_store() {
        let file = |genotypes: &str| {
            format!(
                "[cohort]\nname='c'\n[reference]\nfasta='r.fa'\n[params]\n{genotypes}\n[[sample]]\nname='S'\ngvcf='s.g.vcf.gz'\n"
            )
        };
        for (text, wire) in [
            ("", v1::Genotypes::Unspecified),
            ("genotypes='vcf'", v1::Genotypes::Unspecified),
            ("chunks=3", v1::Genotypes::VcfChunks),
            ("genotypes='bcf'", v1::Genotypes::BcfChunks),
            (
                "genotypes='bcf-local'\nchunks=3",
                v1::Genotypes::BcfLocalChunks,
            ),
            ("genotypes='store'", v1::Genotypes::Store),
        ] {
            let read: CohortFile = toml::from_str(&file(text)).expect("a cohort file");
            assert_eq!(read.params.released(), wire, "{text}");
            assert_eq!(findings(&file(text)), Vec::<String>::new(), "{text}");
        }
        for (text, told) in [
            (
                "genotypes='cram'",
                "expected one of `vcf`, `bcf`, `bcf-local`, `store`",
            ),
            ("chunks=0", "params.chunks is 0"),
            ("genotypes='store'\nchunks=2", "has no genotypes"),
            ("chunks=2\njoint_shards=3", "give one of them"),
        ] {
            let wrong = findings(&file(text));
            assert!(wrong.len() == 1 && wrong[0].contains(told), "{wrong:?}");
        }
    }

    #[test]
    fn unknown_keys_and_bad_values_are_named() {
        let unknown = findings("[cohort]\nname='c'\ncolour='red'\n[reference]\nfasta='r'\n");
        assert!(
            unknown[0].starts_with("3  unknown field `colour`"),
            "{unknown:?}"
        );
        let bad = findings(
            "[cohort]\nname='a/b'\nsheet='none.csv'\n[reference]\nfasta='r'\n[params]\nploidy=3\n",
        );
        assert_eq!(bad.len(), 3, "{bad:?}");
        assert!(
            bad[1].contains("params.ploidy") && bad[2].contains("none.csv"),
            "{bad:?}"
        );
    }
}
