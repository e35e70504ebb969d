//! Planted reads are found, whatever was done to them, and threads change nothing.

use std::path::PathBuf;

use kumi_formats::bam::{Record, flag};
use kumi_formats::header::ReadGroup;
use kumi_formats::reads::{Segment, Template};
use kumi_index::Index;
use kumi_seq::base;
use kumi_seq::cigar;
use kumi_seq::contig::Contig;
use kumi_simd::level::Level;

use crate::insert_size::InsertSizes;
use crate::params::Params;
use crate::template::{Aligner, Scratch};

mod pipeline;
mod repeats;
mod ways;

pub(crate) struct Reference {
    _dir: tempfile::TempDir,
    pub(crate) path: PathBuf,
    pub(crate) bases: Vec<u8>,
}

pub(crate) fn random_bases(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed | 1;
    (0..length)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            base::ASCII[(state >> 62) as usize]
        })
        .collect()
}

/// 20 kb of which 6,000..6,600 stands again at 14,000.
pub(crate) fn reference() -> Reference {
    let mut bases = random_bases(7, 20_000);
    bases.copy_within(6_000..6_600, 14_000);
    indexed(bases)
}

fn indexed(bases: Vec<u8>) -> Reference {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("r.kidx");
    kumi_index::build(
        &[(Contig::describe("c", &bases), bases.clone())],
        "r",
        &path,
        &|_| std::ops::ControlFlow::Continue(()),
    )
    .expect("built");
    Reference {
        _dir: dir,
        path,
        bases,
    }
}

pub(crate) fn segment(bases: &[u8]) -> Segment {
    Segment {
        bases: bases.to_vec(),
        qualities: vec![30; bases.len()],
        failed: false,
    }
}

fn align(reference: &Reference, segments: Vec<Segment>) -> Vec<Record> {
    let index = Index::open(&reference.path).expect("opened");
    let template = Template {
        name: b"t".to_vec(),
        segments,
        ..Default::default()
    };
    let groups = [ReadGroup {
        id: "g".into(),
        ..Default::default()
    }];
    let mut all = Vec::new();
    for level in Level::available() {
        let mut records = Vec::new();
        let mut scratch = Scratch::default();
        let aligner = Aligner {
            view: index.view(),
            params: &Params::default(),
            level,
            sizes: &InsertSizes::default(),
            read_groups: &groups,
        };
        aligner.align(std::slice::from_ref(&template), &mut scratch, &mut records);
        all.push(records);
    }
    assert!(
        all.windows(2).all(|pair| pair[0] == pair[1]),
        "levels differ"
    );
    all.remove(0)
}

fn shown(record: &Record) -> String {
    let view = record.view();
    let tag = |name: [u8; 2]| match view.tag(name) {
        Some(kumi_formats::bam::Value::String(text)) => String::from_utf8_lossy(text).into_owned(),
        Some(kumi_formats::bam::Value::Integer(number)) => number.to_string(),
        _ => "-".to_owned(),
    };
    let ops: Vec<_> = view.cigar().collect();
    format!(
        "{} {} {} NM:{} MD:{}",
        view.flags() & 0x910,
        view.pos(),
        cigar::format(&ops),
        tag(*b"NM"),
        tag(*b"MD")
    )
}

/// Each case: what is done to bases 2,000 to 2,150, and the line that must come out.
#[test]
fn changed_reads_are_found_with_their_changes() {
    let reference = reference();
    let read = &reference.bases[2_000..2_150];
    let other = |b: u8| if b == b'A' { b'C' } else { b'A' };
    let mut one_mismatch = read.to_vec();
    one_mismatch[70] = other(read[70]);
    let deleted = [
        &reference.bases[2_000..2_070],
        &reference.bases[2_078..2_158],
    ]
    .concat();
    let inserted = [&read[..70], &random_bases(3, 6), &read[70..144]].concat();
    let clipped = [
        &read[..110],
        &[other(read[110]), other(read[111])],
        &random_bases(99, 38),
    ]
    .concat();
    let backward = base::reverse_complement(read);
    let cases: [(&str, Vec<u8>, &str); 6] = [
        ("as it is", read.to_vec(), "0 2000 150M NM:0 MD:150"),
        ("reverse", backward, "16 2000 150M NM:0 MD:150"),
        (
            "mismatch",
            one_mismatch,
            &format!("0 2000 150M NM:1 MD:70{}79", char::from(read[70])),
        ),
        ("deletion", deleted, "NM:8"),
        ("insertion", inserted, "NM:6"),
        ("clip", clipped, "0 2000 110M40S"),
    ];
    for (name, bases, expected) in cases {
        let records = align(&reference, vec![segment(&bases)]);
        let line = shown(&records[0]);
        assert!(line.contains(expected), "{name}: {line}");
        assert_eq!(records[0].view().mapq(), 60, "{name}");
    }
}

#[test]
fn a_pair_is_proper_and_a_mate_in_a_repeat_is_placed_by_its_mate() {
    let reference = reference();
    let first = segment(&reference.bases[5_700..5_850]);
    let second = segment(&base::reverse_complement(&reference.bases[6_050..6_200]));
    let records = align(&reference, vec![first, second.clone()]);
    let positions: Vec<_> = records
        .iter()
        .map(|r| (r.view().pos(), r.view().flags() & flag::PROPER))
        .collect();
    assert_eq!(positions, [(5_700, 2), (6_050, 2)]);
    assert_eq!(records[0].view().template_length(), 500);
    assert!(
        records[1].view().mapq() >= 20,
        "{}",
        records[1].view().mapq()
    );
    let alone = align(&reference, vec![second]);
    assert_eq!(alone[0].view().mapq(), 0, "two places are as good");
}

#[test]
fn a_split_read_has_two_lines_that_name_each_other() {
    let reference = reference();
    let bases = [
        &reference.bases[1_000..1_080],
        &reference.bases[9_000..9_070],
    ]
    .concat();
    let records = align(&reference, vec![segment(&bases)]);
    let lines: Vec<_> = records.iter().map(shown).collect();
    assert_eq!(records.len(), 2, "{lines:?}");
    assert_eq!(
        records[1].view().flags() & flag::SUPPLEMENTARY,
        flag::SUPPLEMENTARY
    );
    assert!(
        records
            .iter()
            .all(|record| record.view().tag(*b"SA").is_some())
    );
}

#[test]
fn hopeless_reads_give_a_line_and_no_panic() {
    let reference = reference();
    for bases in [
        vec![b'N'; 150],
        Vec::new(),
        b"A".to_vec(),
        vec![b'A'; 400],
        random_bases(1234, 100),
    ] {
        let records = align(&reference, vec![segment(&bases), segment(b"ACGT")]);
        assert_eq!(records.len(), 2);
        assert!(
            records
                .iter()
                .all(|record| record.view().flags() & flag::UNMAPPED != 0)
        );
    }
}
