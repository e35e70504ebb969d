//! A sample of one contig: its alignments in a file, and what is called from them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use kumi_call::{Params, call_all};
use kumi_formats::bam;
use kumi_formats::header::{Header, ReadGroup, SortOrder};
use kumi_formats::reference::{InMemory, ReferenceSource};
use kumi_formats::vcf::Record;
use kumi_seq::contig::Contig;
use kumi_seq::ploidy::{PloidyMap, Sex};

use crate::reads::Group;

pub(crate) struct Sample {
    reference: InMemory,
    _folder: tempfile::TempDir,
    path: PathBuf,
}

/// A record, taken apart.
pub(crate) struct Called {
    /// First base, 0-based, and one past the last.
    pub start: u32,
    pub end: u32,
    /// `POS REF ALT GT FILTER INFO` of a variant.
    pub site: Option<String>,
    /// FORMAT fields by name.
    pub cells: BTreeMap<String, String>,
}

impl Sample {
    pub(crate) fn new(sequence: &[u8], groups: &[Group]) -> Self {
        let contig = Contig::describe("c", sequence);
        let reference = InMemory::new(vec![(contig, sequence.to_vec())]).expect("one contig");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("s.bam");
        let group = ReadGroup {
            id: "g".into(),
            sample: "s".into(),
            ..ReadGroup::default()
        };
        let header = Header::build(reference.contigs(), &[group], "0", SortOrder::Coordinate);
        let file = std::fs::File::create(&path).expect("created");
        let mut writer = bam::Writer::new(file, &header).expect("written");
        let mut records: Vec<bam::Record> = (0..)
            .zip(groups)
            .flat_map(|(number, group)| group.records(number, sequence))
            .collect();
        records.sort_by_key(|record| record.view().pos());
        for record in &records {
            writer.write(record).expect("written");
        }
        writer.finish().expect("written");
        let index = bam::index(&path).expect("indexed");
        std::fs::write(path.with_extension("bam.bai"), index).expect("written");
        Self {
            reference,
            _folder: folder,
            path,
        }
    }

    pub(crate) fn length(&self) -> u32 {
        self.reference.contigs().as_slice()[0].length
    }

    pub(crate) fn call(&self, ploidy: u8) -> Vec<Called> {
        let contigs = self.reference.contigs();
        let map = PloidyMap::new(contigs, ploidy, Sex::Unknown);
        let mut called = Vec::new();
        let sink = |records: Vec<Record>| {
            called.extend(records.iter().map(apart));
            Ok::<(), ()>(())
        };
        let regions = contigs.whole();
        call_all(
            &self.path,
            &self.reference,
            &map,
            &regions,
            &Params::default(),
            sink,
        )
        .expect("called");
        called
    }
}

fn apart(record: &Record) -> Called {
    let line = String::from_utf8_lossy(&record.line);
    let fields: Vec<&str> = line.split('\t').collect();
    let cells = fields[8].split(':').zip(fields[9].split(':'));
    let cells: BTreeMap<String, String> = cells
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let alternative = fields[4].strip_suffix(",<NON_REF>");
    let site = alternative.map(|alternative| {
        let (position, old, filter, info) = (fields[1], fields[3], fields[6], fields[7]);
        format!(
            "{position} {old} {alternative} {} {filter} {info}",
            cells["GT"]
        )
    });
    Called {
        start: record.start,
        end: record.end,
        site,
        cells,
    }
}
