//! Parts give what the whole gives.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use crate::header::ReadGroup;
use crate::reads::{Part, ReadsError, Source, Template, TemplateReader, cut};

/// How a test's file is written.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Plain,
    /// gzip members of so many bytes of text.
    Gzip(usize),
    /// BGZF blocks of so many bytes of text.
    Bgzf(usize),
    /// As BGZF, and from the middle on gzip.
    Mixed(usize),
}

fn gzip(text: &[u8], of: usize) -> Vec<u8> {
    let member = |text: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).expect("written");
        encoder.finish().expect("finished")
    };
    text.chunks(of).flat_map(member).collect()
}

fn bgzf(text: &[u8], of: usize) -> Vec<u8> {
    let mut writer = noodles::bgzf::io::Writer::new(Vec::new());
    for text in text.chunks(of) {
        writer.write_all(text).expect("written");
        writer.flush().expect("a block");
    }
    writer.finish().expect("finished")
}

impl Kind {
    fn bytes(self, text: &[u8]) -> Vec<u8> {
        match self {
            Self::Plain => text.to_vec(),
            Self::Gzip(of) => gzip(text, of),
            Self::Bgzf(of) => bgzf(text, of),
            Self::Mixed(of) => {
                let (head, tail) = text.split_at(text.len() / 2);
                let mut bytes = bgzf(head, of);
                bytes.extend(gzip(tail, of));
                // Without the marker it would count as truncated.
                bytes.extend(crate::open::BGZF_EOF);
                bytes
            }
        }
    }
}

/// Records whose qualities begin as records do.
fn fastq(lane: usize, records: usize, mate: u8, end: &str) -> String {
    let record = |number: usize| {
        let length = 1 + (number * 7 + usize::from(mate) * 3) % 23;
        let (bases, qualities) = ("ACGTN".repeat(5), "@+".repeat(12));
        let (bases, qualities) = (&bases[..length], &qualities[..length]);
        format!("@l{lane}:{number}/{mate}{end}{bases}{end}+{end}{qualities}{end}")
    };
    (0..records).map(record).collect()
}

fn lanes(dir: &Path, lanes: &[(usize, bool)], kinds: [Kind; 2], tail: &str) -> Vec<Source> {
    let write = |name: String, bytes: Vec<u8>| -> PathBuf {
        let path = dir.join(name);
        std::fs::write(&path, bytes).expect("written");
        path
    };
    let lane = |(lane, &(records, paired)): (usize, &(usize, bool))| {
        let text = |mate| fastq(lane, records, mate, "\n") + if mate == 1 { tail } else { "" };
        let second = paired.then(|| kinds[1].bytes(text(2).as_bytes()));
        Source::Fastq {
            first: write(format!("{lane}.1"), kinds[0].bytes(text(1).as_bytes())),
            second: second.map(|bytes| write(format!("{lane}.2"), bytes)),
            read_group: ReadGroup {
                id: format!("g{}", lane % 2),
                library: format!("l{lane}"),
                ..Default::default()
            },
        }
    };
    lanes.iter().enumerate().map(lane).collect()
}

fn all(mut reader: TemplateReader) -> Result<Vec<Template>, ReadsError> {
    let mut templates = Vec::new();
    while reader.next_batch(&mut templates, 3)? {}
    Ok(templates)
}

/// The templates of each part; their numbers rise.
fn parts(sources: &[Source], parts: usize) -> Result<Vec<Vec<Template>>, ReadsError> {
    let cut = cut(sources, parts)?;
    assert_eq!(cut.len(), parts);
    let mut next = 0;
    let read = |part: &Part| {
        let templates = all(TemplateReader::open_part(sources, "S", part)?)?;
        assert!(part.first_template >= next, "{part:?} after {next}");
        next = part.first_template + templates.len() as u64;
        Ok(templates)
    };
    cut.iter().map(read).collect()
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Plain),
        (5usize..400).prop_map(Kind::Gzip),
        (5usize..400).prop_map(Kind::Bgzf),
        (5usize..400).prop_map(Kind::Mixed),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn parts_one_after_the_other_are_the_whole(
        shape in prop::collection::vec((1usize..40, any::<bool>()), 1..4),
        first in kind(),
        second in kind(),
        tail in prop_oneof![Just(""), Just("\n"), Just("\n\n\n\n\n\n\n\n\n")],
        count in 1usize..9,
    ) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let sources = lanes(dir.path(), &shape, [first, second], tail);
        let whole = TemplateReader::open(sources.clone(), "S").expect("opened");
        let groups = whole.read_groups().to_vec();
        let none = TemplateReader::open_part(&sources, "S", &Part::default()).expect("opened");
        prop_assert_eq!(none.read_groups(), groups.as_slice());
        let whole = all(whole).expect("whole");
        let parts = parts(&sources, count).expect("whole");
        prop_assert_eq!(parts.concat(), whole);
    }
}

/// Marks are thinned out on the way: parts of many reads are still about equal.
#[test]
fn many_records_are_cut_into_equal_parts() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for kind in [Kind::Plain, Kind::Gzip(1 << 20), Kind::Bgzf(60_000)] {
        let sources = lanes(dir.path(), &[(30_011, true), (9_000, true)], [kind; 2], "");
        let sizes: Vec<usize> = parts(&sources, 7)
            .expect("whole")
            .iter()
            .map(Vec::len)
            .collect();
        assert_eq!(sizes.iter().sum::<usize>(), 39_011);
        let even = 39_011usize / 7;
        assert!(
            sizes.iter().all(|size| size.abs_diff(even) < 40),
            "{kind:?}: {sizes:?}"
        );
    }
}

#[test]
fn what_is_wrong_is_said_by_the_part_that_holds_it() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = |name: &str| dir.path().join(name);
    let source = |first: &str, second: &str| {
        vec![Source::Fastq {
            first: path(first),
            second: Some(path(second)),
            read_group: ReadGroup {
                id: "g".into(),
                ..Default::default()
            },
        }]
    };
    let (one, two) = (fastq(0, 50, 1, "\n"), fastq(0, 50, 2, "\n"));
    let spoilt = two.replace("@l0:41/2", "@l0:4x/2");
    let zipped = bgzf(one.as_bytes(), 300);
    let cut_short = &zipped[..zipped.len() - 200];
    let marked = [cut_short, &crate::open::BGZF_EOF].concat();
    for (first, second, says) in [
        (
            one.as_bytes(),
            spoilt.as_bytes(),
            "2:168: read l0:41 faces mate l0:4x",
        ),
        (one.as_bytes(), &two.as_bytes()[..900], "2:"),
        (cut_short, two.as_bytes(), "1 is truncated"),
        (&marked, two.as_bytes(), "1"),
    ] {
        std::fs::write(path("1"), first).expect("written");
        std::fs::write(path("2"), second).expect("written");
        let sources = source("1", "2");
        let whole = TemplateReader::open(sources.clone(), "S").and_then(all);
        let whole = whole.expect_err("it is wrong").to_string();
        let said = parts(&sources, 3).expect_err("it is wrong").to_string();
        assert!(said.contains(says), "{said}; the whole says {whole}");
    }
    let gone = cut(&source("none", "2"), 2).expect_err("not there");
    assert!(gone.is_io(), "{gone}");
    let bam = Source::Alignment {
        path: path("a.bam"),
        read_group: ReadGroup::default(),
        reference: None,
    };
    let said = cut(&[bam], 2).expect_err("BAM").to_string();
    assert!(said.contains("a.bam is BAM or CRAM"), "{said}");
}
