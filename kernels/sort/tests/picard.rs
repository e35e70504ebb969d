//! Duplicates as Picard's `MarkDuplicates` marks and counts them, record for record, on made reads of every kind.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use kumi_formats::bam::{Fields, Reader, Record, Writer, flag};
use kumi_formats::header::{Header, ReadGroup, SortOrder};
use kumi_seq::cigar;
use kumi_seq::contig::{Contig, Contigs};
use kumi_sort::library::Libraries;
use kumi_sort::metrics::DuplicationMetrics;
use kumi_sort::sorter::{Params, Sorter};

/// What no primary line has.
const OTHER: u16 = flag::SECONDARY | flag::SUPPLEMENTARY;
const LENGTH: u32 = 60;

/// Numbers from a seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32 % limit
    }

    fn one_in(&mut self, count: u32) -> bool {
        self.below(count) == 0
    }
}

/// Two libraries on three lanes, and a lane without a library.
fn read_groups() -> Vec<ReadGroup> {
    let group = |(id, library): (&str, &str)| ReadGroup {
        id: id.into(),
        sample: "S".into(),
        library: library.into(),
        platform: "ILLUMINA".into(),
        platform_unit: id.into(),
    };
    let groups = [("a1", "A"), ("a2", "A"), ("b", "B"), ("none", "")];
    groups.map(group).to_vec()
}

/// What names tell.
#[derive(Clone, Copy, PartialEq)]
enum Names {
    /// A spot of its own on the flow cell.
    Spots,
    /// Sometimes a spot, which others have too; more often nothing.
    Opaque,
    /// A spot, and a UMI behind it.
    Umis,
}

impl Names {
    fn name(self, number: u32, numbers: &mut Numbers) -> String {
        let (tile, lane) = (1101 + numbers.below(2), 1 + numbers.below(2));
        // Spots of their own, many of them close together, some beyond 16 bits as on HiSeq X.
        let (x, y) = (1000 + 90 * (number % 20), 32_700 + number / 20);
        match self {
            Self::Opaque if numbers.one_in(3) => format!("M:{lane}:{tile}:{x}:{}#0", number / 20),
            Self::Opaque => format!("read{}", number.wrapping_mul(2_654_435_761)),
            Self::Spots => format!("M:7:F:{lane}:{tile}:{x}:{y}"),
            Self::Umis => format!("M:7:F:{lane}:{tile}:{x}:{y}:ACGT"),
        }
    }
}

/// One read of a template: contig, unclipped 5' end, strand.
#[derive(Clone, Copy)]
struct End {
    contig: u32,
    five_prime: u32,
    reverse: bool,
}

impl End {
    fn any(numbers: &mut Numbers) -> Self {
        Self {
            contig: numbers.below(3),
            five_prime: 1000 + 7 * numbers.below(8),
            reverse: numbers.one_in(2),
        }
    }

    /// A mate mostly on the same contig and other strand, sometimes at the very place.
    fn mate(self, numbers: &mut Numbers) -> Self {
        let mut mate = Self::any(numbers);
        if !numbers.one_in(5) {
            (mate.contig, mate.reverse) = (self.contig, !self.reverse);
            mate.five_prime = self.five_prime + 5 * numbers.below(2);
        }
        mate
    }

    /// Clips leave the 5' end where it is: 0-based position and CIGAR.
    fn placed(self, numbers: &mut Numbers) -> (u32, String) {
        let (before, behind) = (numbers.below(3) * 4, numbers.below(2) * 6);
        let kind = if numbers.one_in(4) { 'H' } else { 'S' };
        let middle = ["M", "M2D", "M2I"][numbers.below(3) as usize];
        let clip = |length: u32| match length {
            0 => String::new(),
            _ => format!("{length}{kind}"),
        };
        let inner = LENGTH - before - behind - if middle == "M2I" { 2 } else { 0 };
        let core = match middle {
            "M" => format!("{inner}M"),
            gap => format!("20{gap}{}M", inner - 20),
        };
        let text = format!("{}{core}{}", clip(before), clip(behind));
        let covered = cigar::reference_length(&cigar::parse(&text).expect("a CIGAR"));
        let start = if self.reverse {
            self.five_prime + 1 - covered - behind
        } else {
            self.five_prime + before
        };
        (start, text)
    }
}

/// A template: its records, the primary ones first.
fn template(number: u32, names: Names, numbers: &mut Numbers) -> Vec<Record> {
    let name = names.name(number, numbers);
    let group = ["a1", "a2", "b", "none", "unknown"][numbers.below(5) as usize];
    let umi = [None, Some("ACGT"), Some("ACGA-TTTT")][numbers.below(3) as usize];
    let failed = if numbers.one_in(8) { flag::QC_FAIL } else { 0 };
    let first = End::any(numbers);
    let ends = match numbers.below(10) {
        0 => vec![Some(first)],
        1 => vec![Some(first), None],
        2 => vec![None, Some(first)],
        3 if number.is_multiple_of(7) => vec![None, None],
        _ => vec![Some(first), Some(first.mate(numbers))],
    };
    let places: Vec<Option<(u32, String)>> = ends
        .iter()
        .map(|end| end.map(|end| end.placed(numbers)))
        .collect();
    let mut records = Vec::new();
    for (side, end) in ends.iter().enumerate() {
        let mut flags = failed;
        if ends.len() == 2 {
            flags |= flag::PAIRED | [flag::FIRST, flag::LAST][side];
            flags |= match ends[1 - side] {
                None => flag::MATE_UNMAPPED,
                Some(mate) if mate.reverse => flag::MATE_REVERSE,
                Some(_) => 0,
            };
        }
        flags |= match end {
            None => flag::UNMAPPED,
            Some(end) if end.reverse => flag::REVERSE,
            Some(_) => 0,
        };
        let place = |side: usize| Some((ends.get(side)?.as_ref()?.contig, places[side].clone()?.0));
        let text = places[side].as_ref().map_or("*", |(_, text)| text);
        let mate = if ends.len() == 2 {
            place(1 - side).or(place(side))
        } else {
            None
        };
        let mut make = |flags: u16, place, text: &str| {
            let ops = cigar::parse(text).unwrap_or_default();
            let length = match cigar::read_length(&ops) {
                0 => LENGTH,
                length => length,
            };
            // Few different sums: most of the best are best by what comes after the score.
            let quality = [10, 15, 30, 30][numbers.below(4) as usize];
            let mut record = Fields {
                name: name.as_bytes(),
                flags,
                place,
                cigar: &ops,
                mate,
                bases: &vec![b'A'; length as usize],
                qualities: &vec![quality; length as usize],
                ..Default::default()
            }
            .to_record();
            if group != "unknown" {
                record.push_string_tag(*b"RG", group.as_bytes());
            }
            if let Some(umi) = umi {
                record.push_string_tag(*b"RX", umi.as_bytes());
            }
            records.push(record);
        };
        make(flags, place(side).or(mate), text);
        if end.is_some() && number.is_multiple_of(9) {
            make(flags | flag::SUPPLEMENTARY, Some((2, 5000)), "30S30M");
            make(flags | flag::SECONDARY, Some((1, 6000)), "60M");
        }
    }
    records.sort_by_key(|record| record.view().flags() & OTHER);
    records
}

fn write(path: &Path, header: &Header, records: &[Record]) {
    let file = File::create(path).expect("created");
    let mut writer = Writer::new(file, header).expect("a header");
    for record in records {
        writer.write(record).expect("written");
    }
    writer.finish().expect("finished");
}

/// FLAG of every record by name, FLAG without the duplicate's bit, place.
fn flags<'a>(
    records: impl Iterator<Item = &'a Record>,
) -> BTreeMap<(String, u16, i32, i32), Vec<bool>> {
    let mut all = BTreeMap::<_, Vec<bool>>::new();
    for view in records.map(Record::view) {
        let name = String::from_utf8_lossy(view.name()).into_owned();
        let flags = view.flags();
        let key = (name, flags & !flag::DUPLICATE, view.ref_id(), view.pos());
        all.entry(key)
            .or_default()
            .push(flags & flag::DUPLICATE != 0);
    }
    all
}

/// Marks a BAM file with Picard: its records and its table, without the sizes of libraries.
fn picard(folder: &Path, input: &str, more: &[&str]) -> (Vec<Record>, Vec<Vec<String>>) {
    let output = Command::new("PicardCommandLine")
        .args([
            "MarkDuplicates",
            &format!("I={input}"),
            "O=m.bam",
            "M=m.txt",
        ])
        .args([
            "BARCODE_TAG=RX",
            "VALIDATION_STRINGENCY=SILENT",
            "QUIET=true",
        ])
        .args(more)
        .env(
            "JAVA_TOOL_OPTIONS",
            "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        )
        .current_dir(folder)
        .output()
        .expect("Picard runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let marked = File::open(folder.join("m.bam")).expect("opened");
    let mut reader = Reader::new(marked).expect("a BAM file");
    let mut records = Vec::new();
    while let Some(record) = reader.read().expect("a record") {
        records.push(record);
    }
    let table = fs::read_to_string(folder.join("m.txt")).expect("read");
    let rows = table
        .lines()
        .skip_while(|line| !line.starts_with("LIBRARY"));
    let rows = rows.skip(1).take_while(|line| !line.is_empty());
    let mut rows: Vec<Vec<String>> = rows
        .map(|row| row.split('\t').take(8).map(str::to_owned).collect())
        .collect();
    rows.sort();
    (records, rows)
}

fn row(library: &DuplicationMetrics) -> Vec<String> {
    let counts = [
        library.unpaired_reads_examined,
        library.read_pairs_examined,
        library.secondary_or_supplementary_reads,
        library.unmapped_reads,
        library.unpaired_read_duplicates,
        library.read_pair_duplicates,
        library.read_pair_optical_duplicates,
    ];
    let counts = counts.iter().map(u64::to_string);
    std::iter::once(library.library.clone())
        .chain(counts)
        .collect()
}

fn have_picard() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|f| f.join("PicardCommandLine").is_file());
    let required = std::env::var("KUMI_TEST_TOOLS").as_deref() == Ok("required");
    assert!(found || !required, "not installed: PicardCommandLine");
    if !found {
        eprintln!("skipped: not installed: PicardCommandLine");
    }
    found
}

/// Marks made reads with ours and with Picard, sorted by coordinate and, where names tell which is the best of
/// equals, by name: only then does Picard mark supplementary and secondary lines.
fn compare(names: Names, more: &[&str]) {
    if !have_picard() {
        return;
    }
    let contig = |name: &str| Contig::describe(name, &[b'A'; 20_000]);
    let contigs = Contigs::new(["1", "2", "3"].map(contig).to_vec()).expect("unique");
    let header = Header::build(&contigs, &read_groups(), "1", SortOrder::Coordinate);
    let folder = tempfile::tempdir().expect("a temporary directory");
    let mut numbers = Numbers(7);
    let mut sorter = Sorter::new(Params {
        memory_bytes: 1 << 20,
        scratch: folder.path().to_owned(),
        libraries: Libraries::new(&read_groups()),
        optical_distance: 100,
    });
    let mut templates = Vec::new();
    for number in 0..6000 {
        let records = template(number, names, &mut numbers);
        sorter.push_batch(records.clone()).expect("scratch");
        templates.push(records);
    }
    let mut sorted = sorter.finish().expect("scratch");
    let ours: Vec<Record> = sorted.by_ref().collect::<Result<_, _>>().expect("scratch");
    let mut rows: Vec<_> = sorted.metrics().iter().map(row).collect();
    rows.sort();
    let marked = |record: &&Record| record.view().flags() & flag::DUPLICATE != 0;
    let duplicates = ours.iter().filter(marked).count();
    assert!((1000..ours.len()).contains(&duplicates), "{duplicates}");

    write(&folder.path().join("c.bam"), &header, &ours);
    let (theirs, table) = picard(folder.path(), "c.bam", more);
    let primary = |record: &&Record| record.view().flags() & OTHER == 0;
    let found = flags(ours.iter().filter(primary));
    assert!(differences(&found, &flags(theirs.iter().filter(primary))).is_empty());
    assert_eq!(rows, table);
    let optical: u64 = rows
        .iter()
        .map(|row| row[7].parse::<u64>().expect("a count"))
        .sum();
    assert!(optical > 15, "{optical}");

    if names == Names::Opaque {
        return;
    }
    templates.sort_by(|a, b| a[0].view().name().cmp(b[0].view().name()));
    let text = header
        .to_text()
        .expect("ours")
        .replace("SO:coordinate", "SO:queryname");
    let header = Header::parse(&text).expect("SAM");
    write(&folder.path().join("n.bam"), &header, &templates.concat());
    let (theirs, table) = picard(folder.path(), "n.bam", more);
    // Whether an unmapped mate is marked depends there on which read of the pair it is.
    let mapped = |record: &&Record| record.view().flags() & flag::UNMAPPED == 0;
    let found = flags(ours.iter().filter(mapped));
    assert!(differences(&found, &flags(theirs.iter().filter(mapped))).is_empty());
    assert_eq!(rows, table);
}

fn differences<K: Ord + Clone, V: PartialEq>(a: &BTreeMap<K, V>, b: &BTreeMap<K, V>) -> Vec<K> {
    assert!(a.keys().eq(b.keys()));
    let differ = |key: &&K| a[*key] != b[*key];
    a.keys().filter(differ).cloned().collect()
}

#[test]
fn spots_decide_among_equals() {
    compare(Names::Spots, &[]);
}

#[test]
fn the_order_of_coordinates_decides_where_names_tell_nothing() {
    compare(Names::Opaque, &[]);
}

/// Picard's own pattern of names knows no UMI behind the spot.
#[test]
fn names_with_umis_have_spots_too() {
    compare(
        Names::Umis,
        &["READ_NAME_REGEX=(?:.*:)?([0-9]+):([0-9]+):([0-9]+):[A-Z]+$"],
    );
}
