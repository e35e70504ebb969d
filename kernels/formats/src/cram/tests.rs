//! Records into CRAM and back, through our reader, noodles' and samtools; equal records, equal bytes.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use kumi_seq::cigar::{self, Op};
use kumi_seq::contig::{Contig, ContigId};
use kumi_seq::interval::Interval;
use md5::Digest as _;
use proptest::prelude::*;

use super::{Writer, index};
use crate::alignments::{AlignmentFile, AlignmentsError};
use crate::bam::{self, Fields, Record, flag};
use crate::header::{Header, ReadGroup, SortOrder};
use crate::reference::{InMemory, ReferenceSource};

const SEED: u64 = 17;

/// A generator of numbers that are the same everywhere.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

pub(super) fn reference(seed: u64) -> InMemory {
    let mut numbers = Numbers(seed);
    let mut sequence = |name: &str, length: usize| {
        let bases: Vec<u8> = (0..length)
            .map(|at| match at % 500 {
                7 => b'N',
                9 => b'R',
                _ => numbers.one_of(b"ACGT"),
            })
            .collect();
        (Contig::describe(name, &bases), bases)
    };
    InMemory::new(vec![sequence("c1", 60_000), sequence("c2", 900)]).expect("two names")
}

pub(super) fn header(reference: &InMemory, order: SortOrder) -> Header {
    let group = |id: &str| ReadGroup {
        id: id.into(),
        sample: "S".into(),
        library: "L".into(),
        ..ReadGroup::default()
    };
    Header::build(reference.contigs(), &[group("g"), group("h")], "1", order)
}

const CIGARS: [&str; 8] = [
    "50M",
    "20M2D30M",
    "5S40M5S",
    "10M1I39M",
    "10M3I37M",
    "3H50M2H",
    "20M100N30M",
    "10M2P40M",
];

/// One segment with all its fields, tags by name and RG last.
fn segment(numbers: &mut Numbers, reference: &InMemory, fields: &Fields<'_>, ops: &[Op]) -> Record {
    let mut bases = Vec::new();
    let mut cigar: &[Op] = &[];
    if let Some((contig, pos)) = fields.place.filter(|_| fields.flags & flag::UNMAPPED == 0) {
        let mut at = pos;
        for op in ops {
            let interval = Interval {
                contig: ContigId(contig),
                start: at,
                end: at + op.len,
            };
            if op.kind.is_aligned() {
                reference.bases(interval, &mut bases);
            } else if op.kind.consumes_read() {
                bases.extend((0..op.len).map(|_| numbers.one_of(b"ACGTN")));
            }
            at += if op.kind.consumes_reference() {
                op.len
            } else {
                0
            };
        }
        cigar = ops;
    } else {
        bases.extend((0..50).map(|_| numbers.one_of(b"ACGT")));
    }
    for _ in 0..numbers.below(4) {
        let at = numbers.below(bases.len() as u64) as usize;
        bases[at] = numbers.one_of(b"ACGTNRY");
    }
    let mut qualities: Vec<u8> = bases.iter().map(|_| numbers.one_of(&[2, 12, 37])).collect();
    match numbers.below(20) {
        0 => qualities.clear(),
        1 if fields.flags & flag::SECONDARY != 0 => {
            bases.clear();
            qualities.clear();
        }
        _ => {}
    }
    let mut record = Fields {
        cigar,
        bases: &bases,
        qualities: &qualities,
        ..fields.clone()
    }
    .to_record();
    if numbers.below(2) == 0 {
        let score = [-7, 0, 200, 300, 40_000, 70_000][numbers.below(6) as usize];
        push_smallest(&mut record, *b"AS", score);
    }
    if numbers.below(3) == 0 {
        record
            .extend_tags(b"BXBS\x02\0\0\0\x01\0\x02\0XTAuYFf\0\0\x80?ZHH1AFF\0")
            .expect("valid tags");
    }
    record.push_string_tag(*b"ZZ", b"some text");
    match numbers.below(4) {
        0 => {}
        1 => record.push_string_tag(*b"RG", b"h"),
        _ => record.push_string_tag(*b"RG", b"g"),
    }
    record
}

fn push_smallest(record: &mut Record, name: [u8; 2], value: i64) {
    let (kind, bytes): (u8, Vec<u8>) = match value {
        0..=255 => (b'C', vec![value as u8]),
        -128..0 => (b'c', vec![value as i8 as u8]),
        -32_768..32_768 => (b's', (value as i16).to_le_bytes().to_vec()),
        32_768..65_536 => (b'S', (value as u16).to_le_bytes().to_vec()),
        _ => (b'i', (value as i32).to_le_bytes().to_vec()),
    };
    record
        .extend_tags(&[&name[..], &[kind], &bytes].concat())
        .expect("valid tag");
}

/// Pairs of all kinds, in coordinate order.
pub(super) fn records(seed: u64, pairs: usize, reference: &InMemory) -> Vec<Record> {
    let mut numbers = Numbers(seed);
    let mut records = Vec::new();
    for pair in 0..pairs {
        let name = format!("read{pair}");
        let contig = u32::from(numbers.below(10) == 0);
        let limit = [59_000, 500][contig as usize];
        let first = numbers.below(limit) as u32;
        let second = first + numbers.below(150) as u32;
        let ops: Vec<Vec<Op>> = (0..2)
            .map(|_| cigar::parse(numbers.one_of(&CIGARS)).expect("a CIGAR"))
            .collect();
        let end = |at: usize, pos: u32| (pos + cigar::reference_length(&ops[at])) as i32;
        let mut length = end(0, first).max(end(1, second)) - first as i32;
        if numbers.below(5) == 0 {
            length += 3;
        }
        let kind = numbers.below(8);
        let (mut mine, mut other) = (0x63, 0x93);
        if kind == 0 {
            // The second segment is unaligned beside the first.
            (mine, other, length) = (0x49, 0x85, 0);
        }
        let second = if kind == 0 { first } else { second };
        let mut push = |numbers: &mut Numbers, flags, pos, mate, length, at: usize| {
            let fields = Fields {
                name: name.as_bytes(),
                flags,
                place: Some((contig, pos)),
                mapq: if flags & flag::UNMAPPED == 0 { 60 } else { 0 },
                mate: Some((contig, mate)),
                template_length: length,
                ..Fields::default()
            };
            records.push(segment(numbers, reference, &fields, &ops[at]));
        };
        push(&mut numbers, mine, first, second, length, 0);
        push(&mut numbers, other, second, first, -length, 1);
        if kind == 1 {
            push(
                &mut numbers,
                0x63 | flag::SUPPLEMENTARY,
                second,
                first,
                9,
                0,
            );
            push(&mut numbers, 0x63 | flag::SECONDARY, first + 5, first, 0, 1);
        }
        if kind == 2 {
            let fields = Fields {
                name: name.as_bytes(),
                flags: 0x4d,
                ..Fields::default()
            };
            records.push(segment(&mut numbers, reference, &fields, &[]));
        }
    }
    records.sort_by_key(|record| (record.view().ref_id() as u32, record.view().pos()));
    records
}

pub(super) fn write(header: &Header, records: &[Record], reference: &InMemory) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), header, reference).expect("header");
    for record in records {
        writer.write(record).expect("a record that CRAM can hold");
    }
    writer.finish().expect("written")
}

pub(super) fn in_file(folder: &Path, bytes: &[u8]) -> PathBuf {
    let path = folder.join("x.cram");
    std::fs::write(&path, bytes).expect("written");
    path
}

fn with_index(folder: &Path, bytes: &[u8]) -> PathBuf {
    let path = in_file(folder, bytes);
    std::fs::write(folder.join("x.cram.crai"), index(&path).expect("indexed")).expect("written");
    path
}

pub(super) fn read_all(path: &Path, reference: &InMemory) -> Result<Vec<Record>, AlignmentsError> {
    let mut file = AlignmentFile::open(path, Some(reference))?;
    std::iter::from_fn(|| file.read().transpose()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn records_come_back_as_they_were(seed in any::<u64>(), pairs in 0usize..60, sorted in any::<bool>()) {
        let reference = reference(SEED);
        let records = records(seed, pairs, &reference);
        let order = if sorted { SortOrder::Coordinate } else { SortOrder::Unsorted };
        let header = header(&reference, order);
        let folder = tempfile::tempdir().expect("a folder");
        let path = in_file(folder.path(), &write(&header, &records, &reference));
        prop_assert_eq!(read_all(&path, &reference).expect("readable"), records);
    }
}

#[test]
fn the_order_and_size_of_tags_do_not_change_the_bytes() {
    let reference = reference(SEED);
    let header = header(&reference, SortOrder::Coordinate);
    let fields = Fields {
        name: b"r",
        place: Some((0, 100)),
        cigar: &cigar::parse("4M").expect("a CIGAR"),
        bases: b"ACGT",
        qualities: &[30; 4],
        ..Fields::default()
    };
    let with = |tags: &[&[u8]]| {
        let mut record = fields.to_record();
        record.extend_tags(&tags.concat()).expect("valid tags");
        write(&header, &[record], &reference)
    };
    let (rg, nm, md) = (&b"RGZg\0"[..], &b"NMC\x04"[..], &b"MDZ4\0"[..]);
    let expected = with(&[rg, nm, md]);
    for tags in [[md, nm, rg], [nm, rg, md], [md, rg, &b"NMi\x04\0\0\0"[..]]] {
        assert_eq!(with(&tags), expected);
    }
}

/// The process that this test starts runs this test and writes the digest where the variable says.
#[test]
fn two_processes_write_the_same_bytes() {
    const VARIABLE: &str = "KUMI_TEST_CRAM_DIGEST_FILE";
    let reference = reference(SEED);
    let header = header(&reference, SortOrder::Coordinate);
    let bytes = write(&header, &records(3, 12_000, &reference), &reference);
    let digest: [u8; 16] = md5::Md5::digest(&bytes).into();
    if let Some(path) = std::env::var_os(VARIABLE) {
        std::fs::write(path, digest).expect("written");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("digest");
    let status = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "cram::tests::two_processes_write_the_same_bytes"])
        .env(VARIABLE, &path)
        .stdout(std::process::Stdio::null())
        .status()
        .expect("started");
    assert!(status.success());
    assert_eq!(std::fs::read(path).expect("written"), digest);
}

#[test]
fn small_queries_find_what_overlaps() {
    let reference = reference(SEED);
    let header = header(&reference, SortOrder::Coordinate);
    let records = records(5, 15_000, &reference);
    let folder = tempfile::tempdir().expect("a folder");
    let path = with_index(folder.path(), &write(&header, &records, &reference));
    let mut file = AlignmentFile::open(&path, Some(&reference)).expect("opened");
    let mut check = |contig: u32, start: u32, end: u32| {
        let interval = Interval {
            contig: ContigId(contig),
            start,
            end,
        };
        let overlaps = |record: &&Record| {
            let view = record.view();
            view.ref_id() == contig as i32 && view.pos() < end as i32 && view.end() > start as i32
        };
        let expected: Vec<Record> = records.iter().filter(overlaps).cloned().collect();
        assert_eq!(
            file.query(interval).expect("readable"),
            expected,
            "{interval:?}"
        );
    };
    for start in (0..60_000).step_by(2_500) {
        check(0, start.max(700) - 700, (start + 3_200).min(60_000));
    }
    for (contig, start, end) in [
        (1, 0, 900),
        (0, 30_000, 30_001),
        (0, 0, 60_000),
        (1, 899, 900),
    ] {
        check(contig, start, end);
    }
}

#[test]
fn samtools_reads_the_same_records() {
    let found = Command::new("samtools").arg("--version").output();
    if found.is_err() {
        eprintln!("SKIPPED: samtools is not installed");
        return;
    }
    let reference = reference(SEED);
    let folder = tempfile::tempdir().expect("a folder");
    let fasta = folder.path().join("x.fa");
    let mut text = std::fs::File::create(&fasta).expect("created");
    for (id, contig) in reference.contigs().iter() {
        let mut bases = Vec::new();
        let (start, end) = (0, contig.length);
        reference.bases(
            Interval {
                contig: id,
                start,
                end,
            },
            &mut bases,
        );
        writeln!(
            text,
            ">{}\n{}",
            contig.name,
            String::from_utf8_lossy(&bases)
        )
        .expect("written");
    }
    for order in [SortOrder::Coordinate, SortOrder::Unsorted] {
        let header = header(&reference, order);
        let records = records(11, 6_000, &reference);
        let cram = in_file(folder.path(), &write(&header, &records, &reference));
        let bam = folder.path().join("x.bam");
        let mut writer = bam::Writer::new(Vec::new(), &header).expect("header");
        for record in &records {
            writer.write(record).expect("written");
        }
        std::fs::write(&bam, writer.finish().expect("finished")).expect("written");
        let view = |path: &Path| {
            let output = Command::new("samtools")
                .args([
                    "view",
                    "-h",
                    "--no-PG",
                    "--input-fmt-option",
                    "decode_md=0",
                    "-T",
                ])
                .args([&fasta, path])
                .output()
                .expect("run");
            let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(
                output.status.success() && complaint.is_empty(),
                "{complaint}"
            );
            output.stdout
        };
        let (theirs, ours) = (view(&cram), view(&bam));
        let differs = |(a, b): &(&[u8], &[u8])| a != b;
        let mut lines = theirs
            .split(|&b| b == b'\n')
            .zip(ours.split(|&b| b == b'\n'));
        if let Some((a, b)) = lines.find(differs) {
            panic!(
                "{}\n{}",
                String::from_utf8_lossy(a),
                String::from_utf8_lossy(b)
            );
        }
        assert_eq!(theirs.len(), ours.len());
        let status = Command::new("samtools")
            .arg("quickcheck")
            .arg(&cram)
            .status();
        assert!(status.expect("run").success());
    }
}

#[test]
fn files_of_samtools_are_read() {
    let found = Command::new("samtools").arg("--version").output();
    if found.is_err() {
        eprintln!("SKIPPED: samtools is not installed");
        return;
    }
    let reference = reference(SEED);
    let header = header(&reference, SortOrder::Coordinate);
    let records = records(23, 3_000, &reference);
    let folder = tempfile::tempdir().expect("a folder");
    let ours = in_file(folder.path(), &write(&header, &records, &reference));
    let fasta = folder.path().join("x.fa");
    let mut text = std::fs::File::create(&fasta).expect("created");
    for (id, contig) in reference.contigs().iter() {
        let mut bases = Vec::new();
        let (start, end) = (0, contig.length);
        reference.bases(
            Interval {
                contig: id,
                start,
                end,
            },
            &mut bases,
        );
        writeln!(
            text,
            ">{}\n{}",
            contig.name,
            String::from_utf8_lossy(&bases)
        )
        .expect("written");
    }
    for options in [
        "version=3.0",
        "version=3.1,archive",
        "version=3.0,embed_ref=1",
        "version=3.0,use_bzip2=1,use_lzma=1",
    ] {
        let theirs = folder.path().join("y.cram");
        let status = Command::new("samtools")
            .args(["view", "--no-PG", "--input-fmt-option", "decode_md=0", "-o"])
            .arg(&theirs)
            .arg(format!("--output-fmt=cram,{options},seqs_per_slice=700"))
            .arg("-T")
            .args([&fasta, &ours])
            .status();
        assert!(status.expect("run").success());
        let read = read_all(&theirs, &reference).expect(options);
        assert_eq!(read.len(), records.len());
        for (theirs, ours) in read.iter().zip(&records) {
            assert_eq!(theirs, ours, "{options}");
        }
    }
}

#[test]
fn another_reference_and_damage_are_errors() {
    let reference = reference(SEED);
    let header = header(&reference, SortOrder::Coordinate);
    let records = records(7, 200, &reference);
    let folder = tempfile::tempdir().expect("a folder");
    let bytes = write(&header, &records, &reference);
    let path = in_file(folder.path(), &bytes);
    let other = self::reference(99);
    let refused = AlignmentFile::open(&path, Some(&other))
        .err()
        .expect("refused");
    assert!(
        matches!(refused, AlignmentsError::Reference { .. }),
        "{refused}"
    );
    assert!(read_all_without_reference(&path).is_err());
    for length in [10, 100, bytes.len() / 2, bytes.len() - 38, bytes.len() - 1] {
        let path = in_file(folder.path(), &bytes[..length]);
        assert!(read_all(&path, &reference).is_err(), "{length}");
    }
    for at in (400..bytes.len() - 38).step_by(997) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        let path = in_file(folder.path(), &damaged);
        assert!(read_all(&path, &reference).is_err(), "{at}");
    }
}

fn read_all_without_reference(path: &Path) -> Result<Vec<Record>, AlignmentsError> {
    let mut file = AlignmentFile::open(path, None)?;
    std::iter::from_fn(|| file.read().transpose()).collect()
}

#[test]
fn what_cannot_be_kept_is_refused() {
    let reference = reference(SEED);
    let header = header(&reference, SortOrder::Coordinate);
    let fields = Fields {
        name: b"r",
        place: Some((0, 100)),
        bases: b"ACGT",
        ..Fields::default()
    };
    let mut writer = Writer::new(Vec::new(), &header, &reference).expect("header");
    writer.write(&fields.to_record()).expect("taken");
    let error = writer.finish().expect_err("no CIGAR");
    assert!(error.to_string().contains("read r"), "{error}");
}
