//! Cases as data: tiny gVCFs and the records that must come of them, one behaviour a file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use kumi_formats::reference::{InMemory, ReferenceSource};
use kumi_formats::vcf::Record;
use kumi_joint::Segment;
use kumi_seq::interval::Interval;
use serde::Deserialize;

use crate::census;
use crate::cohort;
use crate::store;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What is shown.
    about: String,
    reference: BTreeMap<String, String>,
    /// Lines by sample.
    gvcfs: BTreeMap<String, String>,
    /// `contig:first-last`, 1-based; everything without.
    #[serde(default)]
    regions: Vec<String>,
    #[serde(default)]
    records: Vec<Expected>,
    /// A part of the error's text, instead of records.
    error: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// CHROM POS REF ALT.
    site: String,
    /// QUAL and FILTER.
    quality: Option<String>,
    filter: Option<String>,
    /// INFO fields that must be there as they are; an empty value: must not be there.
    #[serde(default)]
    info: BTreeMap<String, String>,
    /// Values of FORMAT that must be as they are, by sample.
    #[serde(default)]
    cells: BTreeMap<String, BTreeMap<String, String>>,
}

#[test]
fn cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut paths: Vec<_> = std::fs::read_dir(&folder)
        .expect("the cases")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    let mut failures = Vec::new();
    for path in &paths {
        let text = std::fs::read_to_string(path).expect("a case");
        let case: Case = serde_yaml_ng::from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        if let Err(what) = run(&case) {
            failures.push(format!("{} ({}): {what}", path.display(), case.about));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    assert!(paths.len() >= 100, "cases are missing");
}

fn run(case: &Case) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("a folder");
    let reference = cohort::reference(&case.reference);
    let paths: Vec<_> = case
        .gvcfs
        .iter()
        .map(|(sample, text)| {
            let text = cohort::gvcf(&reference, sample, text);
            cohort::plain(folder.path(), sample, &text)
        })
        .collect();
    let regions: Vec<Interval> = if case.regions.is_empty() {
        reference.contigs().whole()
    } else {
        let parse = |text: &String| {
            let (name, range) = text.split_once(':').expect("a colon");
            let (first, last) = range.split_once('-').expect("a hyphen");
            Interval {
                contig: reference.contigs().id(name).expect("a contig"),
                start: first.parse::<u32>().expect("a number") - 1,
                end: last.parse().expect("a number"),
            }
        };
        case.regions.iter().map(parse).collect()
    };
    let result = cohort::genotyped(&paths, &reference, &regions);
    match (&case.error, result) {
        (Some(part), Err(error)) if error.contains(part.as_str()) => Ok(()),
        (Some(part), Err(error)) => Err(format!("the error `{error}` does not say `{part}`")),
        (Some(part), Ok(_)) => Err(format!("no error where `{part}` should be")),
        (None, Err(error)) => Err(error),
        (None, Ok(records)) => {
            compare(case, &records)?;
            from_segments(&paths, &reference, &regions, &cohort::lines(&records))?;
            census::same_sites(&paths, &reference, &regions)
        }
    }
}

/// The same from segments, one of each sample and contig.
fn from_segments(
    paths: &[PathBuf],
    reference: &InMemory,
    regions: &[Interval],
    expected: &str,
) -> Result<(), String> {
    let mut segments = Vec::new();
    for (path, contig) in paths.iter().flat_map(|path| {
        reference
            .contigs()
            .whole()
            .into_iter()
            .map(move |c| (path, c))
    }) {
        let bytes = store::bytes(std::slice::from_ref(path), reference, contig, 16);
        let segment = Segment::open("segment", Bytes::from(bytes));
        segments.push(segment.map_err(|error| error.to_string())?);
    }
    let found = store::from_segments(&segments, &[], reference, regions);
    let found = found.map_err(|error| error.to_string())?;
    if found == expected {
        return Ok(());
    }
    Err(format!("from segments:\n{found}"))
}

fn compare(case: &Case, records: &[Record]) -> Result<(), String> {
    let all = cohort::lines(records);
    if records.len() != case.records.len() {
        let (found, wanted) = (records.len(), case.records.len());
        return Err(format!("{found} records, not {wanted}:\n{all}"));
    }
    let samples: Vec<&String> = case.gvcfs.keys().collect();
    for (line, expected) in all.lines().zip(&case.records) {
        let columns: Vec<&str> = line.split('\t').collect();
        let site = format!(
            "{} {} {} {}",
            columns[0], columns[1], columns[3], columns[4]
        );
        if site != expected.site {
            return Err(format!("{site}, not {}:\n{all}", expected.site));
        }
        for (wanted, found) in [
            (&expected.quality, columns[5]),
            (&expected.filter, columns[6]),
        ] {
            if wanted.as_ref().is_some_and(|wanted| wanted != found) {
                return Err(format!("{site}: {found}, not {wanted:?}"));
            }
        }
        for (key, value) in &expected.info {
            let mut items = columns[7].split(';');
            let fits = if value.is_empty() {
                !items.any(|item| item.starts_with(&format!("{key}=")))
            } else {
                items.any(|item| item == format!("{key}={value}"))
            };
            if !fits {
                return Err(format!("{site}: {key} is not {value}: {}", columns[7]));
            }
        }
        let keys: Vec<&str> = columns[8].split(':').collect();
        for (sample, wanted) in &expected.cells {
            let place = samples.iter().position(|s| *s == sample).expect("a sample");
            let values: Vec<&str> = columns[9 + place].split(':').collect();
            for (key, value) in wanted {
                let at = keys.iter().position(|k| k == key);
                let found = at.and_then(|at| values.get(at)).copied().unwrap_or("");
                if found != value {
                    return Err(format!(
                        "{site} {sample}: {key} is {found}, not {value}:\n{line}"
                    ));
                }
            }
        }
    }
    Ok(())
}
