//! Templates out of files, and files that are refused.

use std::io::Write;
use std::path::{Path, PathBuf};

use kumi_seq::contig::Contigs;

use crate::bam::{self, Fields, flag};
use crate::header::{Header, ReadGroup, SortOrder};
use crate::reads::{ReadsError, Source, Template, TemplateReader, probe_alignment, probe_fastq};

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
        (
            "damaged gzip",
            {
                let mut bytes = gzip(&good);
                let middle = bytes.len() / 2;
                bytes[middle..middle + 8].fill(0xff);
                bytes
            },
            good.clone().into(),
            "the compressed data are damaged here",
        ),
        (
            "something behind gzip",
            [gzip(&good), b"garbage garbage".to_vec()].concat(),
            fastq(&["a", "b", "c"]).into(),
            "the compressed data are damaged here",
        ),
        (
            "no plus",
            "@a\nACGT\nABCD\n@b\n".into(),
            good.clone().into(),
            "1:3: the third line",
        ),
        (
            "no bases",
            "@a\nAC\u{e9}T\n+\nABCDE\n".into(),
            good.clone().into(),
            "1:2: the sequence holds what is no base",
        ),
        (
            "no name",
            "@a\u{e9}\nA\n+\nA\n".into(),
            good.clone().into(),
            "1:1: a read name holds",
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

    let source = || Source::Alignment {
        path: path.clone(),
        read_group: ReadGroup {
            id: "other".into(),
            ..Default::default()
        },
        reference: None,
    };
    let all = read(vec![source()]).expect("reads");
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
    assert_eq!(
        probe_alignment(&path, None).expect("whole").first_name,
        b"p"
    );
    let as_fastq = probe_fastq(&path).expect_err("no FASTQ").to_string();
    assert!(as_fastq.contains("is BAM or CRAM"), "{as_fastq}");

    let bytes = std::fs::read(&path).expect("read");
    // In the middle of a block; and between two, where a reader sees nothing but the end of the file.
    for end in [bytes.len() - 30, bytes.len() - 28, bytes.len() - 27] {
        std::fs::write(&path, &bytes[..end]).expect("written");
        let said = probe_alignment(&path, None).expect_err("cut").to_string();
        assert!(said.contains("truncated"), "{said}");
        let said = read(vec![source()]).expect_err("cut").to_string();
        assert!(said.contains("truncated"), "{said}");
    }
}

fn bgzf(text: &str) -> Vec<u8> {
    let mut writer = noodles::bgzf::io::Writer::new(Vec::new());
    writer.write_all(text.as_bytes()).expect("written");
    writer.finish().expect("finished")
}

/// `bgzip a b` written one behind the other has an end-of-file marker in its middle.
#[test]
fn a_marker_in_the_middle_ends_nothing_and_none_at_the_end_is_a_truncation() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (one, two) = (fastq(&["a", "b"]), fastq(&["c"]));
    let both = [bgzf(&one), bgzf(&two)].concat();
    let mates = fastq(&["a", "b", "c"]);
    let all = read(pair(dir.path(), &both, mates.as_bytes())).expect("reads");
    assert_eq!(all.len(), 3);
    let cut = &both[..both.len() - 28];
    let said = read(pair(dir.path(), cut, mates.as_bytes())).expect_err("no marker");
    let said = said.to_string();
    assert!(
        said.contains("1 is truncated: the end-of-file marker"),
        "{said}"
    );
}

#[test]
fn reads_without_bases_and_empty_lines_at_the_end_are_no_damage() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let text = "@a\n\n+\n\n@b\r\nacgu.\r\n+b\r\nABCDE\r\n\n\n";
    let all = read(pair(dir.path(), text.as_bytes(), text.as_bytes())).expect("reads");
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].segments[0].bases, b"");
    assert_eq!(all[1].segments[1].bases, b"ACGU.");
    let split = text.replace("@b", "\n@b");
    let said = read(pair(dir.path(), split.as_bytes(), text.as_bytes())).expect_err("no record");
    assert!(said.to_string().contains("1:5: a record begins"), "{said}");
}

#[test]
fn read_groups_keep_their_ids_apart_and_must_fit_a_header() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("r.fq");
    std::fs::write(&path, fastq(&["a"])).expect("written");
    let source = |id: &str, library: &str| Source::Fastq {
        first: path.clone(),
        second: None,
        read_group: ReadGroup {
            id: id.into(),
            library: library.into(),
            ..Default::default()
        },
    };
    let sources = vec![
        source("g", "1"),
        source("g.2", "1"),
        source("g", "2"),
        source("g", "1"),
    ];
    let reader = TemplateReader::open(sources, "S").expect("opened");
    let ids: Vec<_> = reader.read_groups().iter().map(|g| g.id.as_str()).collect();
    assert_eq!(ids, ["g", "g.2", "g.3"]);
    for (id, library, says) in [
        ("", "l", "it has no ID"),
        ("g", "a\tb", "LB `a\\tb`"),
        ("ä", "l", "ID"),
    ] {
        let said = TemplateReader::open(vec![source(id, library)], "S").map(drop);
        let said = said.expect_err("unwritable").to_string();
        assert!(said.contains(says) && said.contains("r.fq"), "{said}");
    }
}

#[test]
fn what_is_no_regular_file_is_refused_without_waiting() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let said = probe_fastq(dir.path()).expect_err("a directory");
    assert!(said.is_io(), "{said}");
    let said = probe_alignment(Path::new("/dev/null"), None).expect_err("a device");
    assert!(!said.to_string().is_empty());
    let pipe = dir.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    if made.is_ok_and(|status| status.success()) {
        assert!(probe_fastq(&pipe).is_err(), "nobody writes into it");
        assert!(probe_alignment(&pipe, None).is_err());
    }
}

/// What a uBAM says of a read beside its bases: whether it failed the platform's checks, and its UMI.
#[test]
fn failed_checks_and_umis_are_carried() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("u.bam");
    let header = Header::build(&Contigs::default(), &[], "1", SortOrder::Unsorted);
    let mut writer = bam::Writer::new(Vec::new(), &header).expect("a header");
    for (name, flags) in [
        (&b"a"[..], flag::UNMAPPED | flag::QC_FAIL),
        (b"b", flag::UNMAPPED),
    ] {
        let fields = Fields {
            name,
            flags,
            bases: b"ACGT",
            qualities: &[30; 4],
            ..Default::default()
        };
        let mut record = fields.to_record();
        if name == b"b" {
            record.push_string_tag(*b"RX", b"ACG-TT");
        }
        writer.write(&record).expect("written");
    }
    std::fs::write(&path, writer.finish().expect("finished")).expect("written");
    let source = Source::Alignment {
        path,
        read_group: ReadGroup {
            id: "g".into(),
            ..Default::default()
        },
        reference: None,
    };
    let all = read(vec![source]).expect("reads");
    let found: Vec<_> = all
        .iter()
        .map(|t| (t.segments[0].failed, t.umi.as_deref()))
        .collect();
    assert_eq!(found, [(true, None), (false, Some(&b"ACG-TT"[..]))]);

    let text = fastq(&["M:1:F:1:1101:5:6:ACG+TT", "M:1:F:1:1101:5:7:index"]);
    let all = read(pair(dir.path(), text.as_bytes(), text.as_bytes())).expect("reads");
    assert_eq!(all[0].umi.as_deref(), Some(&b"ACG-TT"[..]));
    assert_eq!(all[1].umi, None);
}

/// A batch of long reads is a short one, and nothing is lost between two.
#[test]
fn long_reads_do_not_fill_memory() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let read = format!("{}\n+\n{}\n", "A".repeat(1_000_000), "I".repeat(1_000_000));
    let text: String = (0..70).map(|number| format!("@{number}\n{read}")).collect();
    let path = dir.path().join("long.fastq");
    std::fs::write(&path, text).expect("written");
    let source = Source::Fastq {
        first: path,
        second: None,
        read_group: ReadGroup {
            id: "g".into(),
            ..Default::default()
        },
    };
    let mut reader = TemplateReader::open(vec![source], "S").expect("opened");
    let mut batch = Vec::new();
    let mut sizes = Vec::new();
    while reader.next_batch(&mut batch, 1000).expect("reads") {
        sizes.push(batch.len());
        batch.clear();
    }
    assert_eq!(sizes, [34, 34, 2]);
}
