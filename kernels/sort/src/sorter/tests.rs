//! Order, duplicates and their counts, on made reads and against `samtools markdup` on real ones.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use kumi_formats::bam::{Fields, Reader, Record, flag};
use kumi_formats::header::ReadGroup;
use kumi_seq::cigar::{self, Kind, Op};
use proptest::prelude::*;

use super::{Params, Sorted, Sorter};
use crate::library::Libraries;
use crate::metrics::DuplicationMetrics;

fn sorter(directory: &Path, memory_bytes: usize, read_groups: &[ReadGroup]) -> Sorter {
    Sorter::new(Params {
        memory_bytes,
        scratch: directory.to_owned(),
        libraries: Libraries::new(read_groups),
        optical_distance: 100,
    })
}

fn two_libraries() -> [ReadGroup; 2] {
    ["a", "b"].map(|id| ReadGroup {
        id: id.into(),
        library: format!("lib-{id}"),
        ..Default::default()
    })
}

/// A read as a line of text: `name flags pos cigar mean-quality [RG [UMI]]`, pos 1-based, all on one contig.
fn read(line: &str) -> Record {
    let words: Vec<&str> = line.split_whitespace().collect();
    let number = |at: usize| words[at].parse::<u32>().expect("a number");
    let ops = cigar::parse(words[3]).expect("a CIGAR");
    let length = cigar::read_length(&ops).max(4) as usize;
    let mut record = Fields {
        name: words[0].as_bytes(),
        flags: number(1) as u16,
        place: Some((0, number(2) - 1)),
        cigar: &ops,
        bases: &vec![b'A'; length],
        qualities: &vec![number(4) as u8; length],
        ..Default::default()
    }
    .to_record();
    for (tag, at) in [(*b"RG", 5), (*b"RX", 6)] {
        if let Some(text) = words.get(at) {
            record.push_string_tag(tag, text.as_bytes());
        }
    }
    record
}

fn finish(sorter: Sorter) -> Sorted {
    sorter.finish().expect("scratch")
}

fn duplicates(lines: &[&str]) -> (Vec<String>, Vec<DuplicationMetrics>) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut sorter = sorter(directory.path(), 1 << 20, &two_libraries());
    for line in lines {
        sorter.push(read(line)).expect("scratch");
    }
    let mut sorted = finish(sorter);
    let mut names: Vec<String> = sorted
        .by_ref()
        .map(|record| record.expect("scratch"))
        .filter(|record| record.view().flags() & flag::DUPLICATE != 0)
        .map(|record| String::from_utf8_lossy(record.view().name()).into_owned())
        .collect();
    names.sort();
    (names, sorted.metrics())
}

/// Each case: what it shows, the reads, and the names of the duplicates (a name for every record).
#[test]
fn duplicates_follow_the_definition() {
    let cases: &[(&str, &[&str], &[&str])] = &[
        (
            "the pair of lower quality is the duplicate, clips undone",
            &[
                "p 99 100 10M 30 a",
                "p 147 200 10M 30 a",
                "q 99 103 3S7M 20 a",
                "q 147 200 8M2S 20 a",
                "r 99 100 10M 40 b",
                "r 147 200 10M 40 b",
            ],
            &["p", "p"].map(|_| "q"),
        ),
        (
            "another end, another strand, another UMI: no duplicates",
            &[
                "p 99 100 10M 30 a",
                "p 147 200 10M 30 a",
                "q 99 100 10M 30 a",
                "q 147 201 10M 30 a",
                "r 65 100 10M 30 a",
                "r 129 200 10M 30 a",
                "s 99 100 10M 30 a ACG",
                "s 147 200 10M 30 a ACG",
            ],
            &[],
        ),
        (
            "first and last may be swapped",
            &[
                "p 99 100 10M 30 a",
                "p 147 200 10M 30 a",
                "q 83 200 10M 31 a",
                "q 163 100 10M 31 a",
            ],
            &["p", "p"],
        ),
        (
            "a fragment where a pair ends is always the duplicate, the best fragment elsewhere is not",
            &[
                "p 99 100 10M 16 a",
                "p 147 200 10M 16 a",
                "f 0 100 10M 40 a",
                "g 16 195 15M 40 a",
                "h 0 300 10M 20 a",
                "i 0 300 12M 20 a",
                "j 16 300 10M 20 a",
            ],
            &["f", "g", "h"],
        ),
        (
            "the mapped read of a half-mapped pair is a fragment, its mate is not flagged",
            &[
                "p 73 100 10M 20 a",
                "p 133 100 * 20 a",
                "q 73 100 10M 30 a",
                "q 133 100 * 30 a",
            ],
            &["p"],
        ),
        (
            "supplementary and secondary records follow",
            &[
                "p 99 100 10M 20 a",
                "p 147 200 10M 20 a",
                "p 2147 900 5M 20 a",
                "p 355 700 10M 20 a",
                "q 99 100 10M 30 a",
                "q 147 200 10M 30 a",
                "q 2147 900 5M 30 a",
            ],
            &["p", "p", "p", "p"],
        ),
        (
            "reads that failed the checks lose",
            &["f 512 100 10M 40 a", "g 0 100 10M 20 a"],
            &["f"],
        ),
        (
            "qualities below 15 do not count",
            &["f 0 100 100M 14 a", "g 0 100 10M 15 a"],
            &["f"],
        ),
    ];
    for (what, lines, expected) in cases {
        assert_eq!(duplicates(lines).0, *expected, "{what}");
    }
}

#[test]
fn counts_are_by_library_and_optical_ones_by_place() {
    let mut lines = Vec::new();
    for (place, rg) in [
        ("1:1101:100:100", "a"),
        ("1:1101:190:150", "a"),
        ("1:1101:280:100", "a"),
        ("1:1101:500:100", "a"),
        ("1:1102:100:100", "a"),
        ("2:1101:100:100", "a"), // Picard looks at read groups, not at lanes
        ("1:1101:101:100", "b"),
    ] {
        lines.push(format!("m:1:f:{place} 99 100 10M 30 {rg}"));
        lines.push(format!("m:1:f:{place} 147 200 10M 30 {rg}"));
    }
    lines.push("u 73 100 10M 30 b".to_owned());
    lines.push("u 133 100 * 30 b".to_owned());
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let metrics = duplicates(&lines).1;
    let a = DuplicationMetrics {
        library: "lib-a".into(),
        read_pairs_examined: 6,
        read_pair_duplicates: 5,
        read_pair_optical_duplicates: 3,
        ..Default::default()
    };
    let b = DuplicationMetrics {
        library: "lib-b".into(),
        read_pairs_examined: 1,
        unpaired_reads_examined: 1,
        unmapped_reads: 1,
        unpaired_read_duplicates: 1,
        ..Default::default()
    };
    assert_eq!(metrics, [a, b]);
}

fn template() -> impl Strategy<Value = Vec<(u16, u32, u32, u8)>> {
    let flags = prop::sample::select(vec![99u16, 147, 83, 163, 0, 16, 4, 73, 133, 2147]);
    prop::collection::vec((flags, 1u32..6, 0u32..3, 10u8..30), 1..4)
}

fn sort_all(
    templates: &[Vec<Record>],
    memory_bytes: usize,
) -> (Vec<Record>, Vec<DuplicationMetrics>) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut sorter = sorter(directory.path(), memory_bytes, &two_libraries());
    for template in templates {
        sorter.push_batch(template.clone()).expect("scratch");
    }
    let mut sorted = finish(sorter);
    let records = sorted.by_ref().collect::<Result<_, _>>().expect("scratch");
    (records, sorted.metrics())
}

proptest! {
    #[test]
    fn neither_memory_nor_input_order_changes_a_byte(
        made in prop::collection::vec(template(), 1..25),
        memory in 8usize..20_000,
    ) {
        let mut templates: Vec<Vec<Record>> = Vec::new();
        for (name, reads) in made.iter().enumerate() {
            let mut segments = Vec::new();
            let reads = reads.iter().filter(|(flags, ..)| {
                let is_new = !segments.contains(&(flags & 0x8c0));
                segments.push(flags & 0x8c0);
                is_new
            });
            let lines = reads.map(|(flags, pos, clip, quality)| {
                let cigar = if flags & 4 != 0 { "*".to_owned() } else { format!("{}S6M", clip + 1) };
                read(&format!("r{name} {flags} {pos} {cigar} {quality} a"))
            });
            templates.push(lines.collect());
        }
        let whole = sort_all(&templates, 1 << 20);
        let spilled = sort_all(&templates, memory);
        templates.reverse();
        let reversed = sort_all(&templates, memory);
        prop_assert_eq!(&whole, &spilled);
        prop_assert_eq!(&whole, &reversed);
        let keys: Vec<_> = whole.0.iter().map(|r| (r.view().ref_id(), r.view().pos())).collect();
        prop_assert!(keys.is_sorted());
        let count: usize = templates.iter().map(Vec::len).sum();
        prop_assert_eq!(whole.0.len(), count);
    }
}

#[test]
fn reads_without_a_place_come_last() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut sorter = sorter(directory.path(), 100, &[]);
    let place = |contig: Option<u32>, name: &'static [u8]| Fields {
        name,
        place: contig.map(|contig| (contig, 5)),
        flags: if contig.is_none() { flag::UNMAPPED } else { 0 },
        cigar: if contig.is_none() {
            &[]
        } else {
            &[Op {
                kind: Kind::Match,
                len: 4,
            }]
        },
        bases: b"ACGT",
        ..Default::default()
    };
    for fields in [
        place(None, b"b"),
        place(Some(7), b"c"),
        place(None, b"a"),
        place(Some(0), b"d"),
    ] {
        sorter.push(fields.to_record()).expect("scratch");
    }
    let names: Vec<u8> = finish(sorter)
        .map(|record| record.expect("scratch").view().name()[0])
        .collect();
    assert_eq!(names, b"dcab");
}

/// The trio's BAM files, when this checkout has them.
fn trio(sample: &str) -> Option<PathBuf> {
    let trio = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/data/ceu_trio_10kb"
    );
    let file = Path::new(trio).join(format!("{sample}.chr20.10_10p1mb_sorted.bam"));
    if !file.exists() {
        eprintln!("skipped: needs {}", file.display());
    }
    file.exists().then_some(file)
}

/// Sorts a BAM file whose templates may be anywhere in it.
fn sort_file(file: &Path) -> Sorted {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut reader = Reader::new(File::open(file).expect("opened")).expect("a BAM file");
    let read_groups = reader.header().read_groups();
    let mut templates: BTreeMap<Vec<u8>, Vec<Record>> = BTreeMap::new();
    while let Some(record) = reader.read().expect("a record") {
        let name = record.view().name().to_vec();
        templates.entry(name).or_default().push(record);
    }
    let mut sorter = sorter(directory.path(), 1 << 20, &read_groups);
    for template in templates.into_values() {
        sorter.push_batch(template).expect("scratch");
    }
    finish(sorter)
}

/// The lines of `MarkDuplicates` (Picard 2.27.5) for these files.
#[test]
fn the_metrics_are_those_of_picard() {
    let cases = [
        ("HG001", [3, 904, 8, 3, 0, 116, 0], 0.128_106, 3214),
        ("NA12891", [4, 1287, 10, 4, 1, 186, 0], 0.144_686, 4012),
        ("NA12892", [6, 1237, 6, 6, 0, 144, 0], 0.116_129, 4892),
    ];
    for (sample, counts, duplication, size) in cases {
        let Some(file) = trio(sample) else { return };
        let metrics = sort_file(&file).metrics();
        let [m] = metrics.as_slice() else {
            panic!("one library, not {metrics:?}")
        };
        let ours = [
            m.unpaired_reads_examined,
            m.read_pairs_examined,
            m.secondary_or_supplementary_reads,
            m.unmapped_reads,
            m.unpaired_read_duplicates,
            m.read_pair_duplicates,
            m.read_pair_optical_duplicates,
        ];
        assert_eq!(ours, counts, "{sample}");
        assert!((m.duplication() - duplication).abs() < 1e-6, "{sample}");
        assert_eq!(m.estimated_library_size(), Some(size), "{sample}");
    }
}

fn samtools(arguments: &[&str]) -> String {
    let output = Command::new("samtools")
        .args(arguments)
        .output()
        .expect("samtools runs");
    assert!(output.status.success(), "samtools {arguments:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn as_many_duplicates_as_samtools_finds_in_the_trio() {
    if Command::new("samtools").arg("--version").output().is_err() {
        eprintln!("skipped: needs samtools");
        return;
    }
    for sample in ["HG001", "NA12891", "NA12892"] {
        let Some(input) = trio(sample) else { return };
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = |name: &str| {
            directory
                .path()
                .join(name)
                .to_str()
                .expect("UTF-8")
                .to_owned()
        };
        let (names, mates) = (path("names.bam"), path("mates.bam"));
        let (sorted, marked) = (path("sorted.bam"), path("marked.bam"));
        samtools(&["sort", "-n", "-o", &names, input.to_str().expect("UTF-8")]);
        samtools(&["fixmate", "-m", &names, &mates]);
        samtools(&["sort", "-o", &sorted, &mates]);
        samtools(&["markdup", "-c", &sorted, &marked]);
        let text = samtools(&["view", "-c", "-f", "1024", "-F", "2304", &marked]);
        let theirs: usize = text.parse().expect("a count");

        let ours = sort_file(Path::new(&mates));
        let is_counted = |record: &Record| record.view().flags() & (0x400 | 0x900) == 0x400;
        let ours = ours
            .filter(|record| is_counted(record.as_ref().expect("scratch")))
            .count();
        assert!(
            theirs > 0 && ours.abs_diff(theirs) * 200 <= theirs,
            "{sample}: {ours} {theirs}"
        );
    }
}
