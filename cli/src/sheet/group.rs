//! Lines of a sheet, gathered into samples and checked against each other.

use std::collections::BTreeMap;

use kumi_proto::v1;

use crate::cohort_file::PrioritySetting;
use crate::problem::{Place, Problems};
use crate::sheet::entry::{Entry, Input};

/// Reads of one lane of a sample.
#[derive(Clone, Debug)]
pub struct ReadInput {
    /// The line it comes from.
    pub place: Place,
    /// Where the reads are.
    pub input: Input,
    /// Read group: id, library, platform unit.
    pub id: String,
    /// Library (LB); the sample's name when the sheet gives none.
    pub library: String,
    /// Platform unit (PU).
    pub platform_unit: String,
    /// Expected MD5 of the first and second file; empty when not given.
    pub md5: [String; 2],
}

/// One sample with everything it is made from.
#[derive(Clone, Debug)]
pub struct SheetSample {
    /// The first line that names it.
    pub place: Place,
    /// The name.
    pub name: String,
    /// The person.
    pub patient: String,
    /// The case; empty when not given.
    pub case_id: String,
    /// The family; empty when not given.
    pub family_id: String,
    /// The centre; empty when not given.
    pub centre: String,
    /// Sex chromosomes.
    pub sex: v1::Sex,
    /// A tumour sample.
    pub tumour: bool,
    /// How soon it is wanted, when the sheet tells.
    pub priority: Option<PrioritySetting>,
    /// Its reads, in the order of the sheet; a single gVCF instead of them is possible.
    pub inputs: Vec<ReadInput>,
}

/// True for names that are safe in paths, headers and on a command line.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphanumeric())
        && name.len() <= 128
        && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// Gathers lines into samples, in the order in which they first occur.
pub fn group(entries: Vec<Entry>, problems: &mut Problems) -> Vec<SheetSample> {
    let mut samples: Vec<SheetSample> = Vec::new();
    let mut lanes: BTreeMap<(String, String), u64> = BTreeMap::new();
    for entry in entries {
        if !is_name(&entry.sample) {
            let what = format!(
                "`{}` is not a usable name: up to 128 letters, digits, `.`, `_` and `-`, starting with a letter or digit",
                entry.sample
            );
            problems.push(entry.place.wrong("sample", what));
            continue;
        }
        if let Some(first) =
            lanes.insert((entry.sample.clone(), entry.lane.clone()), entry.place.line)
        {
            let what = format!(
                "lane {} of this sample is on line {first} already; lanes must differ",
                entry.lane
            );
            problems.push(entry.place.wrong("lane", what));
        }
        match samples
            .iter_mut()
            .find(|sample| sample.name == entry.sample)
        {
            Some(sample) => join(sample, entry, problems),
            None => {
                let name = fact(&entry, "priority");
                if !name.is_empty() && PrioritySetting::named(&name).is_none() {
                    let what = format!("`{name}` is none of urgent, high, normal and bulk");
                    problems.push(entry.place.wrong("priority", what));
                }
                samples.push(start(entry));
            }
        }
    }
    samples
}

/// What a line says in a column of ours; empty when it says nothing.
fn fact(entry: &Entry, column: &str) -> String {
    entry.facts.get(column).cloned().unwrap_or_default()
}

fn start(entry: Entry) -> SheetSample {
    let fact = |column: &str| fact(&entry, column);
    SheetSample {
        place: entry.place.clone(),
        name: entry.sample.clone(),
        patient: entry.patient.clone(),
        case_id: fact("case_id"),
        family_id: fact("family_id"),
        centre: fact("centre"),
        sex: entry.sex,
        tumour: entry.tumour,
        priority: PrioritySetting::named(&fact("priority")),
        inputs: vec![read_input(entry)],
    }
}

fn read_input(entry: Entry) -> ReadInput {
    let or = |cell: String, other: &str| {
        if cell.is_empty() {
            other.to_owned()
        } else {
            cell
        }
    };
    let lane_id = format!("{}.{}", entry.sample, entry.lane);
    ReadInput {
        id: entry.read_group.unwrap_or_else(|| lane_id.clone()),
        library: or(entry.library, &entry.sample),
        platform_unit: or(entry.platform_unit, &lane_id),
        md5: entry.md5,
        input: entry.input,
        place: entry.place,
    }
}

/// Adds a further lane; what describes the sample must be the same on all its lines.
fn join(sample: &mut SheetSample, entry: Entry, problems: &mut Problems) {
    let fact = |column: &str| fact(&entry, column);
    let priority = PrioritySetting::named(&fact("priority"));
    let first = sample.place.line;
    let mut same = |column: &str, equal: bool| {
        if !equal {
            problems.push(entry.place.wrong(
                column,
                format!("differs from line {first} of the same sample"),
            ));
        }
    };
    same("sex", sample.sex == entry.sex);
    same("patient", sample.patient == entry.patient);
    same("status", sample.tumour == entry.tumour);
    same("family_id", sample.family_id == fact("family_id"));
    same("case_id", sample.case_id == fact("case_id"));
    same("centre", sample.centre == fact("centre"));
    same("priority", sample.priority == priority);
    let gvcf =
        matches!(entry.input, Input::Gvcf(_)) || matches!(sample.inputs[0].input, Input::Gvcf(_));
    same("gvcf", !gvcf);
    sample.inputs.push(read_input(entry));
}
