//! Cases as data: a few reads, and what must be called from them, one behaviour a file.

mod reads;
mod sample;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::reads::Group;
use crate::sample::{Called, Sample};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What is shown.
    about: String,
    /// Bases that stand instead of those of `reference.txt`, by the position of the first, 1-based.
    #[serde(default)]
    reference: BTreeMap<usize, String>,
    /// Copies of the contig.
    #[serde(default = "two")]
    ploidy: u8,
    reads: Vec<Group>,
    /// `POS REF ALT GT FILTER INFO` of each variant; ALT without `<NON_REF>`.
    sites: Vec<String>,
    /// FORMAT fields of the record that covers a position, 1-based.
    #[serde(default)]
    cells: BTreeMap<u32, BTreeMap<String, String>>,
}

fn two() -> u8 {
    2
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
    assert_eq!(paths.len(), 34, "cases are missing");
}

fn run(case: &Case) -> Result<(), String> {
    let sample = Sample::new(&reference(&case.reference), &case.reads);
    let called = sample.call(case.ploidy);
    covered(&called, sample.length())?;
    let found: Vec<&str> = called
        .iter()
        .filter_map(|record| record.site.as_deref())
        .collect();
    if found != case.sites {
        return Err(format!(
            "called:\n{}\nnot:\n{}",
            found.join("\n"),
            case.sites.join("\n")
        ));
    }
    for (position, fields) in &case.cells {
        let covers = |record: &&Called| record.start < *position && *position <= record.end;
        let record = called.iter().find(covers).expect("every base is covered");
        for (name, expected) in fields {
            let value = record.cells.get(name);
            if value != Some(expected) {
                return Err(format!("{name} at {position} is {value:?}, not {expected}"));
            }
        }
    }
    Ok(())
}

/// The reference of all cases, with the bases that a case has instead.
fn reference(instead: &BTreeMap<usize, String>) -> Vec<u8> {
    let mut bases = include_str!("reference.txt").replace('\n', "").into_bytes();
    for (position, text) in instead {
        bases[position - 1..position - 1 + text.len()].copy_from_slice(text.as_bytes());
    }
    bases
}

/// Every base is in a record, and in no two blocks.
fn covered(called: &[Called], length: u32) -> Result<(), String> {
    let (mut next, mut next_block) = (0, 0);
    for record in called {
        let is_block = record.site.is_none();
        if record.start > next || is_block && record.start < next_block {
            return Err(format!("a hole or an overlap at {}", record.start + 1));
        }
        next = next.max(record.end);
        if is_block {
            next_block = record.end;
        }
    }
    (next == length)
        .then_some(())
        .ok_or_else(|| format!("records end at {next}"))
}
