//! Files that were cut, flipped, overwritten or made on purpose: an error or what was written, never a panic,
//! an endless loop or memory without bounds. A failure prints the seed and the damage it happened with.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kumi_formats::alignments::AlignmentFile;
use kumi_formats::bam::{self, Fields, Record, flag};
use kumi_formats::cram;
use kumi_formats::header::{Header, ReadGroup, SortOrder};
use kumi_formats::reads::{ReadsError, Source, Template, TemplateReader};
use kumi_formats::reference::{InMemory, ReferenceSource};
use kumi_formats::vcf;
use kumi_seq::cigar;
use kumi_seq::contig::{Contig, ContigId};
use kumi_seq::interval::Interval;
use noodles::bgzf;
use proptest::prelude::*;

/// Numbers from a seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit.max(1)
    }

    fn bases(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| b"ACGT"[self.below(4)]).collect()
    }
}

/// What is done to the bytes of a file. Places are parts of a million of its length.
#[derive(Clone, Debug)]
enum Damage {
    Cut { at: usize },
    Flip { at: usize, bits: u8 },
    Overwrite { at: usize, bytes: Vec<u8> },
    Drop { at: usize, count: usize },
    Repeat { at: usize, count: usize },
}

impl Damage {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let place = |at: usize| (at * bytes.len() / 1_000_000).min(bytes.len().saturating_sub(1));
        match self {
            _ if bytes.is_empty() => {}
            Self::Cut { at } => bytes.truncate(place(*at)),
            Self::Flip { at, bits } => {
                let at = place(*at);
                bytes[at] ^= bits;
            }
            Self::Overwrite { at, bytes: with } => {
                let at = place(*at);
                let end = (at + with.len()).min(bytes.len());
                bytes[at..end].copy_from_slice(&with[..end - at]);
            }
            Self::Drop { at, count } => {
                let at = place(*at);
                let end = (at + count).min(bytes.len());
                bytes.drain(at..end);
            }
            Self::Repeat { at, count } => {
                let at = place(*at);
                let end = (at + count).min(bytes.len());
                let again = bytes[at..end].to_vec();
                bytes.splice(end..end, again);
            }
        }
    }
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = 0usize..1_000_000;
    // Most fields that matter stand at the head.
    let at = prop_oneof![at.clone(), at.prop_map(|at| at / 50)];
    prop_oneof![
        at.clone().prop_map(|at| Damage::Cut { at }),
        (at.clone(), 1u8..).prop_map(|(at, bits)| Damage::Flip { at, bits }),
        (
            at.clone(),
            prop_oneof![
                proptest::collection::vec(any::<u8>(), 1..9),
                Just(vec![0xff; 4]),
                Just(vec![0; 4]),
                Just(vec![0xff, 0xff, 0xff, 0x7f]),
            ]
        )
            .prop_map(|(at, bytes)| Damage::Overwrite { at, bytes }),
        (at.clone(), 1usize..300).prop_map(|(at, count)| Damage::Drop { at, count }),
        (at, 1usize..300).prop_map(|(at, count)| Damage::Repeat { at, count }),
    ]
}

fn damages() -> impl Strategy<Value = Vec<Damage>> {
    proptest::collection::vec(damage(), 1..4)
}

fn spoil(mut bytes: Vec<u8>, damages: &[Damage]) -> Vec<u8> {
    for damage in damages {
        damage.apply(&mut bytes);
    }
    bytes
}

fn reference(seed: u64) -> InMemory {
    let mut numbers = Numbers(seed);
    let mut sequence = |name: &str, length| {
        let bases = numbers.bases(length);
        (Contig::describe(name, &bases), bases)
    };
    InMemory::new(vec![sequence("c1", 4_000), sequence("c2", 900)]).expect("two names")
}

fn header(reference: &InMemory) -> Header {
    let group = ReadGroup {
        id: "g".into(),
        sample: "S".into(),
        library: "L".into(),
        ..ReadGroup::default()
    };
    Header::build(reference.contigs(), &[group], "1", SortOrder::Coordinate)
}

/// Pairs of reads in coordinate order, some with gaps and clips, the last ones without a place.
fn records(seed: u64, reference: &InMemory) -> Vec<Record> {
    let mut numbers = Numbers(seed);
    let mut records = Vec::new();
    for number in 0..120 {
        let name = format!("read:{number}");
        for segment in [flag::FIRST, flag::LAST] {
            let placed = number < 100;
            let text = ["60M", "5S50M5S", "30M2I28M", "20M3D40M"][numbers.below(4)];
            let ops = if placed {
                cigar::parse(text).expect("a CIGAR")
            } else {
                Vec::new()
            };
            let start = numbers.below(3_900) as u32;
            let mut bases = Vec::new();
            let interval = Interval {
                contig: ContigId(0),
                start,
                end: start + 60,
            };
            reference.bases(interval, &mut bases);
            bases[numbers.below(60)] = b'N';
            let qualities: Vec<u8> = (0..60).map(|_| numbers.below(42) as u8).collect();
            let unmapped = if placed {
                0
            } else {
                flag::UNMAPPED | flag::MATE_UNMAPPED
            };
            let strand = if numbers.below(2) == 0 {
                flag::REVERSE
            } else {
                0
            };
            let mut record = Fields {
                name: name.as_bytes(),
                flags: flag::PAIRED | segment | unmapped | if placed { strand } else { 0 },
                place: placed.then_some((0, start)),
                mapq: if placed { 60 } else { 0 },
                cigar: &ops,
                mate: placed.then_some((0, start)),
                template_length: 0,
                bases: &bases,
                qualities: &qualities,
            }
            .to_record();
            record.push_integer_tag(*b"NM", numbers.below(900) as i32);
            record.push_string_tag(*b"RG", b"g");
            records.push(record);
        }
    }
    records.sort_by_key(|record| (record.view().ref_id() as u32, record.view().pos()));
    records
}

fn bam(header: &Header, records: &[Record]) -> Vec<u8> {
    let mut writer = bam::Writer::new(Vec::new(), header).expect("a header");
    for record in records {
        writer.write(record).expect("written");
    }
    writer.finish().expect("finished")
}

fn bgzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = bgzf::io::Writer::new(Vec::new());
    writer.write_all(bytes).expect("written");
    writer.finish().expect("finished")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(bytes).expect("written");
    writer.finish().expect("finished")
}

fn fastq(seed: u64) -> Vec<u8> {
    let mut numbers = Numbers(seed);
    let mut text = Vec::new();
    for number in 0..60 {
        let bases = numbers.bases(50);
        let qualities: Vec<u8> = (0..50).map(|_| 33 + numbers.below(42) as u8).collect();
        text.extend_from_slice(format!("@read:{number}/1 x\n").as_bytes());
        for line in [&bases[..], b"+", &qualities] {
            text.extend_from_slice(line);
            text.push(b'\n');
        }
    }
    text
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        path
    }
}

fn templates(source: Source) -> Result<Vec<Template>, ReadsError> {
    let mut reader = TemplateReader::open(vec![source], "S")?;
    let mut all = Vec::new();
    while reader.next_batch(&mut all, 100)? {}
    Ok(all)
}

fn as_fastq(path: &Path) -> Source {
    Source::Fastq {
        first: path.to_owned(),
        second: None,
        read_group: ReadGroup {
            id: "g".into(),
            ..Default::default()
        },
    }
}

fn as_alignment(path: &Path, reference: &InMemory) -> Source {
    Source::Alignment {
        path: path.to_owned(),
        read_group: ReadGroup {
            id: "other".into(),
            ..Default::default()
        },
        reference: Some(Arc::new(reference.clone())),
    }
}

/// What was read, if anything, is what was written.
fn error_or_same(
    found: Result<Vec<Template>, ReadsError>,
    written: &[Template],
) -> Result<(), TestCaseError> {
    match found {
        Err(error) => prop_assert!(!error.to_string().is_empty()),
        Ok(found) => prop_assert!(
            found == written,
            "{} templates of {}",
            found.len(),
            written.len()
        ),
    }
    Ok(())
}

/// Queries along the genome, through whatever index is there.
fn query_everywhere(path: &Path, reference: &InMemory) {
    let Ok(mut file) = AlignmentFile::open(path, Some(reference)) else {
        return;
    };
    for contig in [0, 1] {
        let length = [4_000, 900][contig];
        for start in (0..length).step_by(300) {
            let interval = Interval {
                contig: ContigId(contig as u32),
                start,
                end: length.min(start + 300),
            };
            let _ = file.query(interval);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// gzip and BGZF carry checksums: text that comes out whole is the text that went in.
    #[test]
    fn compressed_fastq(seed in any::<u64>(), blocked in any::<bool>(), damages in damages()) {
        let folder = Folder::new();
        let text = fastq(seed);
        let bytes = if blocked { bgzip(&text) } else { gzip(&text) };
        let written = templates(as_fastq(&folder.write("good", &bytes))).expect("good");
        let spoilt = folder.write("spoilt", &spoil(bytes, &damages));
        error_or_same(templates(as_fastq(&spoilt)), &written)?;
    }

    #[test]
    fn plain_fastq(seed in any::<u64>(), damages in damages()) {
        let folder = Folder::new();
        let spoilt = spoil(fastq(seed), &damages);
        let found = templates(as_fastq(&folder.write("spoilt", &spoilt)));
        if let Ok(found) = found {
            let bases: usize = found.iter().map(|t| t.segments[0].bases.len()).sum();
            prop_assert!(bases <= spoilt.len());
        }
    }

    #[test]
    fn bam_files(seed in any::<u64>(), damages in damages()) {
        let (folder, reference) = (Folder::new(), reference(7));
        let bytes = bam(&header(&reference), &records(seed, &reference));
        let good = folder.write("good.bam", &bytes);
        let index = bam::index(&good).expect("indexed");
        let written = templates(as_alignment(&good, &reference)).expect("good");
        let spoilt = folder.write("x.bam", &spoil(bytes, &damages));
        error_or_same(templates(as_alignment(&spoilt, &reference)), &written)?;
        folder.write("x.bam.bai", &index);
        query_everywhere(&spoilt, &reference);
    }

    /// The content was made wrong and packed rightly: no checksum helps.
    #[test]
    fn bam_content(seed in any::<u64>(), damages in damages()) {
        let (folder, reference) = (Folder::new(), reference(7));
        let bytes = bam(&header(&reference), &records(seed, &reference));
        let mut content = Vec::new();
        bgzf::io::Reader::new(&bytes[..]).read_to_end(&mut content).expect("whole");
        let spoilt = folder.write("x.bam", &bgzip(&spoil(content, &damages)));
        let _ = templates(as_alignment(&spoilt, &reference));
        if let Ok(index) = bam::index(&spoilt) {
            folder.write("x.bam.bai", &index);
            query_everywhere(&spoilt, &reference);
        }
    }

    #[test]
    fn cram_files(seed in any::<u64>(), damages in damages()) {
        let (folder, reference) = (Folder::new(), reference(7));
        let header = header(&reference);
        let mut writer = cram::Writer::new(Vec::new(), &header, &reference).expect("a header");
        for record in records(seed, &reference) {
            writer.write(&record).expect("written");
        }
        let bytes = writer.finish().expect("finished");
        let good = folder.write("good.cram", &bytes);
        let index = cram::index(&good).expect("indexed");
        let written = templates(as_alignment(&good, &reference)).expect("good");
        let spoilt = folder.write("x.cram", &spoil(bytes, &damages));
        error_or_same(templates(as_alignment(&spoilt, &reference)), &written)?;
        folder.write("x.cram.crai", &index);
        query_everywhere(&spoilt, &reference);
        let _ = cram::index(&spoilt);
    }

    /// An index that is damaged gives an error or records, not a panic.
    #[test]
    fn indexes_of_alignments(seed in any::<u64>(), damages in damages(), plain in any::<bool>()) {
        let (folder, reference) = (Folder::new(), reference(7));
        let header = header(&reference);
        let records = records(seed, &reference);
        let path = folder.write("x.bam", &bam(&header, &records));
        let index = bam::index(&path).expect("indexed");
        folder.write("x.bam.bai", &spoil(index, &damages));
        query_everywhere(&path, &reference);
        let mut writer = cram::Writer::new(Vec::new(), &header, &reference).expect("a header");
        for record in &records {
            writer.write(record).expect("written");
        }
        let path = folder.write("x.cram", &writer.finish().expect("finished"));
        let mut index = cram::index(&path).expect("indexed");
        if plain {
            let mut text = Vec::new();
            flate2::read::MultiGzDecoder::new(&index[..]).read_to_end(&mut text).expect("gzip");
            index = text;
        }
        folder.write("x.cram.crai", &spoil(index, &damages));
        query_everywhere(&path, &reference);
    }
}

const VCF_HEADER: &str = "##fileformat=VCFv4.3\n##contig=<ID=c1,length=4000>\n##contig=<ID=c2,length=900>\n\
    ##INFO=<ID=END,Number=1,Type=Integer,Description=\"End\">\n\
    ##FORMAT=<ID=GT,Number=1,Type=String,Description=\"Genotype\">\n\
    #CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS\n";

/// A gVCF, its index and its text.
fn gvcf(seed: u64, reference: &InMemory) -> (Vec<u8>, Vec<u8>, String) {
    variants(seed, reference, vcf::Form::Vcf)
}

/// A file of a form, its index and its text.
fn variants(seed: u64, reference: &InMemory, form: vcf::Form) -> (Vec<u8>, Vec<u8>, String) {
    let mut numbers = Numbers(seed);
    let writer = vcf::FormWriter::new(form, Vec::new(), VCF_HEADER, reference.contigs());
    let mut writer = writer.expect("a header");
    let mut text = VCF_HEADER.to_owned();
    let (mut at, mut contig) = (0u32, 0);
    for _ in 0..300 {
        let length = 1 + numbers.below(20) as u32;
        if at + length > [4_000, 900][contig] {
            if contig == 1 {
                break;
            }
            (at, contig) = (0, 1);
        }
        let end = at + length;
        let line = format!(
            "c{}\t{}\t.\tA\t<NON_REF>\t.\t.\tEND={end}\tGT\t0/0",
            contig + 1,
            at + 1
        );
        let record = vcf::Record {
            contig: ContigId(contig as u32),
            start: at,
            end,
            line: line.clone().into_bytes(),
        };
        writer.write(&record).expect("written");
        text.push_str(&line);
        text.push('\n');
        at = end;
    }
    let (bytes, index) = writer.finish().expect("finished");
    (bytes, index, text)
}

/// Walks through a BCF and goes to places through its index; where its records lie.
fn walk_bcf(path: &Path) -> Result<Vec<vcf::BcfSite>, vcf::VcfError> {
    let mut reader = vcf::BcfReader::open(path)?;
    let mut sites = Vec::new();
    while let Some(site) = reader.read()? {
        sites.push(site);
    }
    if reader.load_index()? {
        for site in &sites {
            let interval = Interval {
                contig: ContigId(site.contig),
                start: site.start,
                end: site.start.saturating_add(1),
            };
            if reader.seek(interval)? {
                let _ = reader.read()?;
            }
        }
    }
    Ok(sites)
}

/// Reads all of a VCF, asks every record for everything, and goes to places through its index.
fn read_vcf(path: &Path) -> Result<String, vcf::VcfError> {
    let mut reader = vcf::Reader::open(path)?;
    let mut text = reader.header().to_text();
    while let Some(record) = reader.read()? {
        let _ = (
            record.end(),
            record.alternatives().count(),
            record.info(b"END"),
        );
        let _ = (record.value(0, b"GT"), record.passes(), record.quality());
        text.push_str(&String::from_utf8_lossy(record.line()));
        text.push('\n');
    }
    if reader.load_index()? {
        for name in ["c1", "c2", "c3"] {
            for start in (0..4_000).step_by(500) {
                let interval = Interval {
                    contig: ContigId(0),
                    start,
                    end: start + 500,
                };
                if reader.seek(name, interval)? {
                    let _ = reader.read()?;
                }
            }
        }
    }
    Ok(text)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn vcf_files(seed in any::<u64>(), damages in damages()) {
        let (folder, reference) = (Folder::new(), reference(7));
        let (bytes, index, text) = gvcf(seed, &reference);
        prop_assert_eq!(&read_vcf(&folder.write("good.vcf.gz", &bytes)).expect("good"), &text);
        folder.write("x.vcf.gz.tbi", &index);
        let spoilt = folder.write("x.vcf.gz", &spoil(bytes, &damages));
        match read_vcf(&spoilt) {
            Err(error) => prop_assert!(error.to_string().contains("x.vcf.gz"), "{}", error),
            Ok(found) => prop_assert_eq!(found, text),
        }
    }

    #[test]
    fn vcf_content(seed in any::<u64>(), damages in damages(), blocked in any::<bool>()) {
        let (folder, reference) = (Folder::new(), reference(7));
        let (_, index, text) = gvcf(seed, &reference);
        let spoilt = spoil(text.into_bytes(), &damages);
        folder.write("x.vcf.gz.tbi", &index);
        let bytes = if blocked { bgzip(&spoilt) } else { spoilt };
        let path = folder.write("x.vcf.gz", &bytes);
        let _ = read_vcf(&path);
        let _ = vcf::concatenate(&[path], reference.contigs(), Vec::new());
    }

    #[test]
    fn bcf_files(seed in any::<u64>(), damages in damages()) {
        let (folder, reference) = (Folder::new(), reference(7));
        let (bytes, index, text) = variants(seed, &reference, vcf::Form::Bcf);
        folder.write("good.bcf.csi", &index);
        let good = walk_bcf(&folder.write("good.bcf", &bytes)).expect("good");
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        prop_assert_eq!(good.len(), lines.count());
        prop_assert!(good.iter().all(|site| site.samples == 1));
        folder.write("x.bcf.csi", &index);
        match walk_bcf(&folder.write("x.bcf", &spoil(bytes, &damages))) {
            Err(error) => prop_assert!(error.to_string().contains("x.bcf"), "{}", error),
            Ok(found) => prop_assert_eq!(found, good),
        }
    }

    #[test]
    fn bcf_content_and_index(seed in any::<u64>(), damages in damages(), of_index in any::<bool>()) {
        let (folder, reference) = (Folder::new(), reference(7));
        let (bytes, index, _) = variants(seed, &reference, vcf::Form::Bcf);
        let spoilt = |bytes: &[u8], really: bool| {
            let mut content = Vec::new();
            bgzf::io::Reader::new(bytes).read_to_end(&mut content).expect("whole");
            bgzip(&spoil(content, if really { &damages } else { &[] }))
        };
        folder.write("x.bcf.csi", &spoilt(&index, of_index));
        let _ = walk_bcf(&folder.write("x.bcf", &spoilt(&bytes, !of_index)));
    }

    #[test]
    fn indexes_of_variants(seed in any::<u64>(), damages in damages(), packed in any::<bool>()) {
        let (folder, reference) = (Folder::new(), reference(7));
        let (bytes, index, _) = gvcf(seed, &reference);
        let path = folder.write("x.vcf.gz", &bytes);
        let spoilt = if packed {
            spoil(index, &damages)
        } else {
            let mut content = Vec::new();
            bgzf::io::Reader::new(&index[..]).read_to_end(&mut content).expect("whole");
            bgzip(&spoil(content, &damages))
        };
        folder.write("x.vcf.gz.tbi", &spoilt);
        let _ = read_vcf(&path);
    }
}
