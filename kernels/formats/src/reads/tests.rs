//! Templates out of files, and files that are refused.

use std::io::Write;
use std::path::{Path, PathBuf};

use kumi_seq::contig::Contigs;

use crate::bam::{self, Fields, flag};
use crate::header::{Header, ReadGroup, SortOrder};
use crate::reads::{ReadsError, Source, Template, TemplateReader, probe};

fn fastq(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("@{name}\nACGTN\n+\nABCDE\n"))
        .collect()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).expect("written");
    encoder.finish().expect("finished")
}

fn read(sources: Vec<Source>) -> Result<Vec<Template>, ReadsError> {
    let mut reader = TemplateReader::open(sources, "S")?;
    let mut all = Vec::new();
    while reader.next_batch(&mut all, 2)? {}
    Ok(all)
}

fn pair(dir: &Path, first: &[u8], second: &[u8]) -> Vec<Source> {
    let path = |name: &str, bytes: &[u8]| -> PathBuf {
        std::fs::write(dir.join(name), bytes).expect("written");
        dir.join(name)
    };
    let read_group = ReadGroup {
        id: "g".into(),
        ..Default::default()
    };
    vec![Source::Fastq {
        first: path("1", first),
        second: Some(path("2", second)),
        read_group,
    }]
}

#[test]
fn pairs_come_in_order_whatever_the_compression() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (one, two) = (
        fastq(&["a/1", "b 1:N:0", "c"]),
        fastq(&["a/2", "b 2:N:0", "c RX:Z:ACG"]),
    );
    let plain = read(pair(dir.path(), one.as_bytes(), two.as_bytes())).expect("reads");
    let members = [gzip(&fastq(&["a/1"])), gzip(&fastq(&["b 1:N:0", "c"]))].concat();
    let zipped = read(pair(dir.path(), &members, &gzip(&two))).expect("reads");
    assert_eq!(plain, zipped);
    assert_eq!(
        plain.iter().map(|t| t.name.as_slice()).collect::<Vec<_>>(),
        [b"a", b"b", b"c"]
    );
    assert_eq!(plain[0].segments[1].qualities, [32, 33, 34, 35, 36]);
}

/// Each case: first file, second file, and what the message must say.
#[test]
fn broken_files_are_refused_with_their_line() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let good = fastq(&["a", "b"]);
    let cases: &[(&str, Vec<u8>, Vec<u8>, &str)] = &[
        (
            "other names",
            good.clone().into(),
            fastq(&["a", "x"]).into(),
            "2:8: read b faces mate x",
        ),
        (
            "fewer",
            good.clone().into(),
            fastq(&["a"]).into(),
            "fewer mates",
        ),
        (
            "more",
            fastq(&["a"]).into(),
            good.clone().into(),
            "more mates",
        ),
        (
            "short qualities",
            "@a\nACGT\n+\nAB\n".into(),
            good.clone().into(),
            "1:4: 2 qualities for 4 bases",
        ),
        (
            "no at",
            "a\nACGT\n+\nABCD\n".into(),
            good.clone().into(),
            "1:1: a record begins",
        ),
        (
            "bad quality",
            "@a\nA\n+\n \n".into(),
            good.clone().into(),
            "1:4: a quality outside",
        ),
        (
            "cut",
            "@a\nACGT\n+\n".into(),
            good.clone().into(),
            "the file ends inside a record",
        ),
        ("empty", Vec::new(), good.clone().into(), "is empty"),
        ("empty gzip", gzip(""), good.clone().into(), "is empty"),
        (
            "truncated gzip",
            gzip(&good)[..20].to_vec(),
            good.clone().into(),
            "is truncated",
        ),
    ];
    for (name, first, second, says) in cases {
        let error = read(pair(dir.path(), first, second))
            .expect_err(name)
            .to_string();
        assert!(error.contains(says), "{name}: {error}");
    }
}

#[test]
fn a_bam_is_taken_apart() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("x.bam");
    let groups = [
        ReadGroup {
            id: "g1".into(),
            ..Default::default()
        },
        ReadGroup {
            id: "g2".into(),
            ..Default::default()
        },
    ];
    let header = Header::build(&Contigs::default(), &groups, "1", SortOrder::Unsorted);
    let mut writer =
        bam::Writer::new(std::fs::File::create(&path).expect("created"), &header).expect("header");
    let mut put = |name: &[u8], flags: u16, bases: &[u8]| {
        let mut record = Fields {
            name,
            flags,
            bases,
            qualities: &vec![9; bases.len()],
            ..Default::default()
        }
        .to_record();
        record.push_string_tag(*b"RG", b"g2");
        writer.write(&record).expect("written");
    };
    let unmapped = flag::PAIRED | flag::UNMAPPED | flag::MATE_UNMAPPED;
    put(b"p", flag::PAIRED | flag::LAST | flag::REVERSE, b"AACG");
    put(b"lonely", unmapped | flag::FIRST, b"TTTT");
    put(
        b"p",
        flag::PAIRED | flag::FIRST | flag::SUPPLEMENTARY,
        b"CC",
    );
    put(b"p", flag::PAIRED | flag::FIRST, b"GGGG");
    put(b"single", flag::UNMAPPED, b"CCCC");
    writer.finish().expect("finished");

    let source = Source::Alignment {
        path: path.clone(),
        read_group: ReadGroup::default(),
        reference: None,
    };
    let all = read(vec![source]).expect("reads");
    let shown: Vec<(String, Vec<String>, u16)> = all
        .iter()
        .map(|t| {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            (
                text(&t.name),
                t.segments.iter().map(|s| text(&s.bases)).collect(),
                t.read_group,
            )
        })
        .collect();
    let expect = |name: &str, segments: &[&str]| {
        (
            name.to_owned(),
            segments.iter().map(ToString::to_string).collect(),
            1,
        )
    };
    assert_eq!(
        shown,
        [
            expect("p", &["GGGG", "CGTT"]),
            expect("single", &["CCCC"]),
            expect("lonely", &["TTTT"])
        ]
    );
    assert_eq!(probe(&path, None).expect("whole").first_name, b"p");

    let bytes = std::fs::read(&path).expect("read");
    std::fs::write(&path, &bytes[..bytes.len() - 30]).expect("written");
    assert!(
        probe(&path, None)
            .expect_err("cut")
            .to_string()
            .contains("truncated")
    );
}
