//! One line of a sheet, in any dialect.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kumi_proto::v1;
use kumi_worker::objects::resolve;

use crate::problem::{Place, Problems};

/// Columns understood in a sarek sheet; the second line holds ours.
const COLUMNS: [&str; 23] = [
    "patient",
    "sample",
    "sex",
    "status",
    "lane",
    "fastq_1",
    "fastq_2",
    "bam",
    "bai",
    "cram",
    "crai",
    "gvcf",
    "programme",
    "centre",
    "case_id",
    "family_id",
    "role",
    "library",
    "platform_unit",
    "md5_1",
    "md5_2",
    "priority",
    "deadline",
];

/// Columns that are read by other parts of a programme and allowed here.
const IGNORED: [&str; 4] = ["consent_scope", "variantcaller", "vcf", "contamination"];

/// Where the reads (or variants) of a line come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A FASTQ file or a pair of them.
    Fastq(PathBuf, Option<PathBuf>),
    /// A BAM or CRAM file, and the column that named it.
    Alignment(PathBuf, &'static str),
    /// A gVCF: the sample enters at joint genotyping.
    Gvcf(PathBuf),
}

/// One line.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where it stands.
    pub place: Place,
    /// The person; the sample's name when the sheet has no such column.
    pub patient: String,
    /// The sample.
    pub sample: String,
    /// `XX`, `XY` or not told.
    pub sex: v1::Sex,
    /// A tumour sample (`status` 1).
    pub tumour: bool,
    /// The lane, unique within the sample.
    pub lane: String,
    /// Where the reads come from.
    pub input: Input,
    /// Read group ID when the sheet gives one.
    pub read_group: Option<String>,
    /// Library; empty when not given.
    pub library: String,
    /// Platform unit; empty when not given.
    pub platform_unit: String,
    /// Expected MD5 of the first and second file; empty when not given.
    pub md5: [String; 2],
    /// Other columns of ours: programme, centre, case_id, family_id, role, priority, deadline.
    pub facts: BTreeMap<&'static str, String>,
}

/// Reads a sheet of any dialect. Paths in it are relative to the sheet. Findings go to `problems`;
/// lines with a finding are left out.
pub fn read(path: &Path, text: &str, problems: &mut Problems) -> Vec<Entry> {
    // Spreadsheets write a byte-order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let first = text.lines().next().unwrap_or_default();
    let reader = Reader {
        path,
        base: path.parent().unwrap_or(Path::new("")),
    };
    if first.contains('\t') && !first.contains(',') {
        reader.sample_map(text, problems)
    } else {
        reader.csv(text, problems)
    }
}

struct Reader<'a> {
    path: &'a Path,
    base: &'a Path,
}

/// A line of a CSV sheet by column name.
struct Cells<'a> {
    names: &'a [String],
    record: &'a csv::StringRecord,
}

impl Cells<'_> {
    fn get(&self, column: &str) -> &str {
        self.names
            .iter()
            .position(|name| name == column)
            .and_then(|at| self.record.get(at))
            .map(str::trim)
            .filter(|cell| !matches!(*cell, "NA" | "."))
            .unwrap_or_default()
    }
}

/// Tells the line of each record. The parser tells where the one before ended: empty lines and comments may
/// follow there.
struct Lines<'a> {
    text: &'a [u8],
    /// A byte, and the line it is on.
    at: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        Self {
            text: text.as_bytes(),
            at: 0,
            line: 1,
        }
    }

    /// The line of the first record at or behind a position; positions must not go back.
    fn record_at(&mut self, position: Option<&csv::Position>) -> u64 {
        let from = position.map_or(0, csv::Position::byte);
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let mut in_comment = false;
        while let Some(byte) = self.text.get(self.at) {
            match byte {
                b'\n' => {
                    self.line += 1;
                    in_comment = false;
                }
                _ if self.at < from || in_comment => {}
                b'\r' => {}
                b'#' => in_comment = true,
                _ => break,
            }
            self.at += 1;
        }
        self.line
    }
}

impl Reader<'_> {
    fn place(&self, line: u64, sample: &str) -> Place {
        Place {
            file: self.path.to_owned(),
            line,
            sample: sample.to_owned(),
        }
    }

    fn csv(&self, text: &str, problems: &mut Problems) -> Vec<Entry> {
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .comment(Some(b'#'))
            .from_reader(text.as_bytes());
        let names: Vec<String> = match reader.headers() {
            Ok(header) => header.iter().map(|name| name.trim().to_owned()).collect(),
            Err(error) => {
                problems.push(
                    self.place(1, "")
                        .wrong("", format!("not a CSV header: {error}")),
                );
                return Vec::new();
            }
        };
        let dragen = names.iter().any(|name| name == "RGSM");
        if !self.header(&names, dragen, problems) {
            return Vec::new();
        }
        let mut entries = Vec::new();
        let mut lines = Lines::of(text);
        for result in reader.records() {
            let record = match result {
                Ok(record) => record,
                Err(error) => {
                    let line = lines.record_at(error.position());
                    problems.push(
                        self.place(line, "")
                            .wrong("", format!("not a CSV line: {error}")),
                    );
                    continue;
                }
            };
            let line = lines.record_at(record.position());
            // Spreadsheets keep the commas of rows that were emptied.
            if record.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }
            if record.len() != names.len() {
                let what = format!(
                    "{} cells where the header has {}; add or remove commas",
                    record.len(),
                    names.len()
                );
                problems.push(self.place(line, "").wrong("", what));
                continue;
            }
            let cells = Cells {
                names: &names,
                record: &record,
            };
            entries.extend(if dragen {
                self.dragen(line, &cells, problems)
            } else {
                self.sarek(line, &cells, problems)
            });
        }
        if entries.is_empty() && problems.is_empty() {
            problems.push(self.place(0, "").wrong(
                "",
                "the sheet has no samples; add a line per sample and lane",
            ));
        }
        entries
    }

    /// Checks the header; false when lines cannot be read with it.
    fn header(&self, names: &[String], dragen: bool, problems: &mut Problems) -> bool {
        let required: &[&str] = if dragen {
            &["RGID", "RGSM", "Lane", "Read1File"]
        } else {
            &["sample"]
        };
        let mut usable = true;
        for column in required {
            if !names.iter().any(|name| name == column) {
                let what = format!(
                    "the sheet has no column {column}; its header is: {}",
                    names.join(",")
                );
                problems.push(self.place(1, "").wrong(column, what));
                usable = false;
            }
        }
        for (at, name) in names.iter().enumerate() {
            let known =
                dragen || COLUMNS.contains(&name.as_str()) || IGNORED.contains(&name.as_str());
            if !known {
                problems.push(
                    self.place(1, "")
                        .wrong(name, "unknown column; remove it or correct its name"),
                );
            }
            if names[..at].contains(name) {
                problems.push(self.place(1, "").wrong(name, "the column occurs twice"));
                usable = false;
            }
        }
        usable
    }

    fn sarek(&self, line: u64, cells: &Cells<'_>, problems: &mut Problems) -> Option<Entry> {
        let sample = cells.get("sample").to_owned();
        let place = self.place(line, &sample);
        let before = problems.len();
        let sex = match cells.get("sex") {
            "" => v1::Sex::Unspecified,
            "XX" => v1::Sex::Xx,
            "XY" => v1::Sex::Xy,
            other => {
                problems.push(place.wrong("sex", format!("`{other}` is not XX, XY or NA")));
                v1::Sex::Unspecified
            }
        };
        let tumour = match cells.get("status") {
            "" | "0" => false,
            "1" => true,
            other => {
                problems.push(place.wrong(
                    "status",
                    format!("`{other}` is not 0 (normal) or 1 (tumour)"),
                ));
                false
            }
        };
        let input = self.input(&place, cells, problems);
        let facts = [
            "programme",
            "centre",
            "case_id",
            "family_id",
            "role",
            "priority",
            "deadline",
        ]
        .into_iter()
        .map(|column| (column, cells.get(column).to_owned()))
        .filter(|(_, cell)| !cell.is_empty())
        .collect();
        let or_sample = |cell: &str| {
            if cell.is_empty() {
                sample.clone()
            } else {
                cell.to_owned()
            }
        };
        let entry = Entry {
            patient: or_sample(cells.get("patient")),
            sex,
            tumour,
            lane: if cells.get("lane").is_empty() {
                "1".to_owned()
            } else {
                cells.get("lane").to_owned()
            },
            input: input?,
            read_group: None,
            library: cells.get("library").to_owned(),
            platform_unit: cells.get("platform_unit").to_owned(),
            md5: [
                cells.get("md5_1").to_lowercase(),
                cells.get("md5_2").to_lowercase(),
            ],
            facts,
            sample,
            place,
        };
        (problems.len() == before).then_some(entry)
    }

    /// Exactly one kind of input a line.
    fn input(&self, place: &Place, cells: &Cells<'_>, problems: &mut Problems) -> Option<Input> {
        let path = |column: &str| {
            (!cells.get(column).is_empty()).then(|| resolve(self.base, cells.get(column).as_ref()))
        };
        let mut inputs = Vec::new();
        match (path("fastq_1"), path("fastq_2")) {
            (Some(first), second) => inputs.push(Input::Fastq(first, second)),
            (None, Some(_)) => {
                problems.push(place.wrong(
                    "fastq_1",
                    "empty although fastq_2 is given; a single-end file goes into fastq_1",
                ));
                return None;
            }
            (None, None) => {}
        }
        inputs.extend(path("bam").map(|path| Input::Alignment(path, "bam")));
        inputs.extend(path("cram").map(|path| Input::Alignment(path, "cram")));
        inputs.extend(path("gvcf").map(Input::Gvcf));
        match inputs.len() {
            1 => inputs.pop(),
            0 => {
                problems.push(place.wrong(
                    "fastq_1",
                    "no input; give fastq_1 (and fastq_2), bam, cram or gvcf",
                ));
                None
            }
            _ => {
                problems.push(place.wrong(
                    "fastq_1",
                    "more than one kind of input on a line; use a line for each",
                ));
                None
            }
        }
    }

    fn dragen(&self, line: u64, cells: &Cells<'_>, problems: &mut Problems) -> Option<Entry> {
        let sample = cells.get("RGSM").to_owned();
        let place = self.place(line, &sample);
        if cells.get("Read1File").is_empty() {
            problems.push(place.wrong("Read1File", "empty; every line needs a FASTQ file"));
            return None;
        }
        let second = (!cells.get("Read2File").is_empty())
            .then(|| resolve(self.base, cells.get("Read2File").as_ref()));
        Some(Entry {
            patient: sample.clone(),
            sex: v1::Sex::Unspecified,
            tumour: false,
            lane: format!("{}.{}", cells.get("RGID"), cells.get("Lane")),
            input: Input::Fastq(resolve(self.base, cells.get("Read1File").as_ref()), second),
            read_group: Some(cells.get("RGID").to_owned()).filter(|id| !id.is_empty()),
            library: cells.get("RGLB").to_owned(),
            platform_unit: String::new(),
            md5: Default::default(),
            facts: BTreeMap::new(),
            sample,
            place,
        })
    }

    fn sample_map(&self, text: &str, problems: &mut Problems) -> Vec<Entry> {
        let mut entries = Vec::new();
        for (line, row) in (1u64..).zip(text.lines()) {
            if row.trim().is_empty() || row.starts_with('#') {
                continue;
            }
            let cells: Vec<&str> = row.split('\t').map(str::trim).collect();
            let [sample, gvcf] = cells[..] else {
                let what = format!(
                    "{} cells; a sample map has two, separated by a tab: sample and gVCF",
                    cells.len()
                );
                problems.push(self.place(line, "").wrong("", what));
                continue;
            };
            entries.push(Entry {
                place: self.place(line, sample),
                patient: sample.to_owned(),
                sample: sample.to_owned(),
                sex: v1::Sex::Unspecified,
                tumour: false,
                lane: "1".to_owned(),
                input: Input::Gvcf(resolve(self.base, gvcf.as_ref())),
                read_group: None,
                library: String::new(),
                platform_unit: String::new(),
                md5: Default::default(),
                facts: BTreeMap::new(),
            });
        }
        entries
    }
}
