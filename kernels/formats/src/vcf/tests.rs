use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use kumi_seq::contig::{Contig, ContigId, Contigs};
use kumi_seq::interval::Interval;

use noodles::vcf::variant::io::Write as _;

use crate::vcf::{
    BcfWriter, Header, HeaderError, Reader, Record, RecordView, VcfError, Writer, concatenate,
};

const HEADER: &str = "##fileformat=VCFv4.3\n\
    ##INFO=<ID=END,Number=1,Type=Integer,Description=\"End, of a block\">\n\
    ##FORMAT=<ID=GT,Number=1,Type=String,Description=\"Genotype\">\n\
    ##FORMAT=<ID=PL,Number=G,Type=Integer,Description=\"Likelihoods\">\n\
    ##contig=<ID=a,length=200000>\n\
    ##contig=<ID=b,length=200000,md5=0123456789abcdef0123456789abcdef>\n\
    #CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts\n";

fn contigs() -> Contigs {
    let contig = |name: &str| Contig {
        name: name.into(),
        length: 200_000,
        md5: [0; 16],
        alternate: false,
    };
    Contigs::new(vec![contig("a"), contig("b")]).expect("unique names")
}

/// Enough records for several BGZF blocks: a SNV at every 10th base, a block between.
fn records() -> Vec<Record> {
    let mut records = Vec::new();
    for (contig, name) in [(0, "a"), (1, "b")] {
        for step in 0..3_000u32 {
            let start = step * 10;
            let pos = start + 1;
            let line = format!("{name}\t{pos}\t.\tA\tC\t{step}\tPASS\t.\tGT:PL\t0/1:{step},0,9");
            records.push(record(contig, start, start + 1, line));
            let (pos, end) = (start + 2, start + 10);
            let line = format!("{name}\t{pos}\t.\tA\t<NON_REF>\t.\t.\tEND={end}\tGT\t0/0");
            records.push(record(contig, start + 1, end, line));
        }
    }
    records
}

fn record(contig: u32, start: u32, end: u32, line: impl Into<Vec<u8>>) -> Record {
    Record {
        contig: ContigId(contig),
        start,
        end,
        line: line.into(),
    }
}

fn texts(records: &[Record]) -> Vec<String> {
    let text = |record: &Record| String::from_utf8_lossy(&record.line).into_owned();
    records.iter().map(text).collect()
}

fn write(path: &Path, records: &[Record]) {
    let file = std::fs::File::create(path).expect("created");
    let mut writer = Writer::new(file, HEADER, &contigs()).expect("header");
    for record in records {
        writer.write(record).expect("record");
    }
    let (_, index) = writer.finish().expect("finished");
    let mut beside = path.as_os_str().to_owned();
    beside.push(".tbi");
    std::fs::write(beside, index).expect("index");
}

fn lines(path: &Path) -> Result<Vec<String>, VcfError> {
    let mut reader = Reader::open(path)?;
    let mut lines = Vec::new();
    while let Some(view) = reader.read()? {
        lines.push(String::from_utf8(view.line().to_vec()).expect("text"));
    }
    Ok(lines)
}

/// The output of a tool, or `None`, loudly, when it is not installed.
fn tool(name: &str, arguments: &[&str]) -> Option<String> {
    match Command::new(name).args(arguments).output() {
        Ok(output) => {
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{name} {arguments:?}: {errors}");
            Some(String::from_utf8(output.stdout).expect("text"))
        }
        Err(error) => {
            eprintln!("SKIPPED: {name} cannot be run: {error}");
            None
        }
    }
}

#[test]
fn headers_keep_their_lines() {
    let header = Header::parse(HEADER).expect("a header");
    assert_eq!(header.to_text(), HEADER);
    assert_eq!(header.samples(), ["s"]);
    assert_eq!(
        header.contigs(),
        [("a".to_owned(), 200_000), ("b".to_owned(), 200_000)]
    );
    assert_eq!(header.contig_md5("a"), None);
    assert_eq!(
        header.contig_md5("b"),
        Some("0123456789abcdef0123456789abcdef")
    );
}

#[test]
fn what_is_no_header_is_refused() {
    let columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO";
    for (text, error) in [
        (String::new(), HeaderError::NotVcf),
        ("##x\n".to_owned(), HeaderError::NotVcf),
        (
            "##fileformat=VCFv4.2\n##x".to_owned(),
            HeaderError::NoColumns,
        ),
        (
            "##fileformat=VCFv4.2\n#CHROM\tPOS\tREF".to_owned(),
            HeaderError::Column("ID"),
        ),
        (
            format!("##fileformat=VCFv4.2\n{columns}\tFORMAT\ts\tt\ts"),
            HeaderError::Sample("s".into()),
        ),
        (
            format!("##fileformat=VCFv4.2\n##contig=<ID=c,length=x>\n{columns}"),
            HeaderError::Length("c".into()),
        ),
    ] {
        assert_eq!(Header::parse(&text), Err(error), "{text}");
    }
}

#[test]
fn a_view_finds_columns() {
    let line = b"a\t7\trs1\tAC\tA,<NON_REF>\t30.5\tPASS\tDP=3;DB;END=12\tGT:GQ:PL\t0/1:.:1,2,3\t.";
    let view = RecordView::parse(line, 2).expect("a record");
    assert_eq!((view.start(), view.end()), (6, Ok(12)));
    assert_eq!(
        view.alternatives().collect::<Vec<_>>(),
        [&b"A"[..], b"<NON_REF>"]
    );
    assert_eq!(view.info(b"DP"), Some(Some(&b"3"[..])));
    assert_eq!(view.info(b"DB"), Some(None));
    assert_eq!(view.info(b"D"), None);
    assert_eq!(view.value(0, b"PL"), Some(&b"1,2,3"[..]));
    assert_eq!(view.value(0, b"GQ"), None);
    assert_eq!(view.value(1, b"PL"), None);
    let bare = RecordView::parse(b"a\t7\t.\tA\t.\t.\t.\t.", 0).expect("a record");
    assert_eq!(bare.alternatives().count(), 0);
    assert!(bare.passes() && bare.quality().is_none());
}

#[test]
fn what_is_written_is_read_whole_and_by_interval() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.vcf.gz");
    write(&path, &records());
    let expected = texts(&records());
    assert_eq!(lines(&path).expect("readable"), expected);

    let mut reader = Reader::open(&path).expect("opens");
    assert!(reader.load_index().expect("an index"));
    assert_eq!(reader.indexed_contigs(), ["a", "b"]);
    for (start, end) in [
        (0, 1),
        (5, 6),
        (9_999, 10_021),
        (29_990, 30_000),
        (30_000, 40_000),
    ] {
        let interval = Interval {
            contig: ContigId(1),
            start,
            end,
        };
        let mut found = Vec::new();
        if reader.seek("b", interval).expect("sought") {
            while let Some(view) = reader.read().expect("readable") {
                if view.contig() != b"b" || view.start() >= end {
                    break;
                }
                if view.end().expect("an end") > start {
                    found.push(String::from_utf8(view.line().to_vec()).expect("text"));
                }
            }
        }
        let mut wanted = records();
        wanted.retain(|record| {
            record.contig == ContigId(1) && record.start < end && record.end > start
        });
        assert_eq!(found, texts(&wanted), "{start}-{end}");
    }
    let nowhere = Interval {
        contig: ContigId(0),
        start: 0,
        end: 5,
    };
    assert!(!reader.seek("c", nowhere).expect("sought"));
}

#[test]
fn tabix_and_bcftools_use_what_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.vcf.gz");
    write(&path, &records());
    let name = path.to_str().expect("a plain path");
    if let Some(text) = tool("tabix", &[name, "b:10000-10021"]) {
        let first = text.lines().next().expect("a record");
        assert!(first.starts_with("b\t9992\t"), "{first}");
        assert_eq!(text.lines().count(), 6);
    }
    if let Some(text) = tool("bcftools", &["view", "-H", "-r", "a:29991", name]) {
        assert_eq!(text.lines().count(), 1);
    }
    if let Some(text) = tool("bcftools", &["index", "-s", name]) {
        assert_eq!(text, "a\t200000\t6000\nb\t200000\t6000\n");
    }
}

#[test]
fn bcf_says_the_same_as_text() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.bcf");
    let file = std::fs::File::create(&path).expect("created");
    let mut writer = BcfWriter::new(file, HEADER, &contigs()).expect("header");
    for record in records() {
        writer.write(&record).expect("record");
    }
    let (_, index) = writer.finish().expect("finished");
    std::fs::write(folder.path().join("x.bcf.csi"), index).expect("index");
    let file = std::fs::File::open(&path).expect("opened");
    let mut reader = noodles::bcf::io::Reader::new(file);
    let header = reader.read_header().expect("a header");
    let mut text = noodles::vcf::io::Writer::new(Vec::new());
    for record in reader.records() {
        text.write_variant_record(&header, &record.expect("a record"))
            .expect("text");
    }
    assert_eq!(
        text.into_inner(),
        (texts(&records()).join("\n") + "\n").into_bytes()
    );
    assert!(matches!(lines(&path), Err(VcfError::Bcf { .. })));
    let name = path.to_str().expect("a plain path");
    if let Some(text) = tool("bcftools", &["view", "-H", "-r", "b:10000-10021", name]) {
        assert_eq!(text.lines().count(), 6);
    }
}

#[test]
fn shards_leave_no_trace() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = folder.path().join("whole.vcf.gz");
    write(&whole, &records());
    let wanted = std::fs::read(&whole).expect("read");
    let index = std::fs::read(folder.path().join("whole.vcf.gz.tbi")).expect("read");
    for cut in [1, 2, 7] {
        let all = records();
        let shards: Vec<PathBuf> = all
            .chunks(all.len().div_ceil(cut))
            .enumerate()
            .map(|(number, records)| {
                let path = folder.path().join(format!("{cut}.{number}.vcf.gz"));
                write(&path, records);
                path
            })
            .collect();
        let (bytes, tbi, count) = concatenate(&shards, &contigs(), Vec::new()).expect("whole");
        assert_eq!(count, 12_000);
        assert!(bytes == wanted && tbi == index, "{cut} shards");
        if cut == 2 {
            let turned = [shards[1].clone(), shards[0].clone()];
            let error = concatenate(&turned, &contigs(), Vec::new()).expect_err("disorder");
            let source = std::error::Error::source(&error).expect("a source");
            assert!(source.to_string().contains("2.0.vcf.gz:8:"), "{source}");
        }
    }
}

#[test]
fn order_is_kept_by_the_writer() {
    let mut writer = Writer::new(Vec::new(), HEADER, &contigs()).expect("header");
    writer.write(&record(1, 5, 6, "x")).expect("first");
    assert!(writer.write(&record(1, 4, 6, "x")).is_err());
    assert!(writer.write(&record(0, 7, 8, "x")).is_err());
    assert!(writer.write(&record(2, 7, 8, "x")).is_err());
    assert!(writer.write(&record(1, 7, 7, "x")).is_err());
}

#[test]
fn damage_names_file_and_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bad.vcf");
    for (line, what) in [
        ("a\t7", "columns"),
        (
            "a\t7\t.\tA\tC\t.\t.\t.\tGT",
            "9 columns where the header has 10",
        ),
        ("a\t7\t.\tA\tC\t.\t.\t.\tGT\t0/1\t0/1", "11 columns"),
        ("a\tseven\t.\tA\tC\t.\t.\t.\tGT\t0/1", "POS `seven`"),
        ("a\t-7\t.\tA\tC\t.\t.\t.\tGT\t0/1", "POS `-7`"),
        ("a\t99999999999\t.\tA\tC\t.\t.\t.\tGT\t0/1", "POS"),
        ("a\t7\t.\t\tC\t.\t.\t.\tGT\t0/1", "REF or ALT"),
    ] {
        let good = "a\t7\t.\tA\tC\t.\t.\t.\tGT\t0/1\n";
        std::fs::write(&path, format!("{HEADER}{good}{line}\n")).expect("written");
        let error = lines(&path).expect_err(line).to_string();
        assert!(
            error.contains("bad.vcf:9:") && error.contains(what),
            "{error}"
        );
    }
}

#[test]
fn truncation_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.vcf.gz");
    write(&path, &records());
    let bytes = std::fs::read(&path).expect("read");
    for keep in [bytes.len() - 28, bytes.len() / 2, 40] {
        std::fs::write(&path, &bytes[..keep]).expect("written");
        let error = lines(&path).expect_err("truncated").to_string();
        assert!(error.contains("x.vcf.gz is truncated"), "{error}");
    }
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(HEADER.as_bytes()).expect("written");
    let whole = gzip.finish().expect("finished");
    std::fs::write(&path, &whole).expect("written");
    assert!(lines(&path).expect("plain gzip").is_empty());
    std::fs::write(&path, &whole[..whole.len() - 12]).expect("written");
    let error = lines(&path).expect_err("truncated").to_string();
    assert!(error.contains("x.vcf.gz is truncated"), "{error}");
}
