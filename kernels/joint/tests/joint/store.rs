//! Records made from segments are those made from gVCFs, however the cohort was put together.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use kumi_formats::reference::{InMemory, ReferenceSource};
use kumi_joint::{
    IngestParams, JointError, Params, Segment, SegmentError, ingest, joint_segments, purge,
};
use kumi_seq::contig::ContigId;
use kumi_seq::interval::Interval;
use proptest::prelude::*;

use crate::cohort;
use crate::dialects::{Sample, lines, sample};

fn params(window: u32) -> IngestParams {
    IngestParams {
        made_by: "a test".to_owned(),
        window: Some(window),
    }
}

/// A segment's bytes.
pub(crate) fn bytes(
    gvcfs: &[PathBuf],
    reference: &InMemory,
    region: Interval,
    window: u32,
) -> Vec<u8> {
    let done = ingest(gvcfs, reference, region, &params(window), Vec::new());
    done.expect("ingested").0
}

pub(crate) fn open(name: &str, bytes: &[u8]) -> Segment {
    let segment = Segment::open(name, Bytes::from(bytes.to_vec())).expect("a segment");
    segment.verify().expect("nothing is damaged");
    segment
}

/// Records from segments, as text.
pub(crate) fn from_segments(
    segments: &[Segment],
    withdrawn: &[&str],
    reference: &InMemory,
    regions: &[Interval],
) -> Result<String, JointError<std::convert::Infallible>> {
    let mut all = Vec::new();
    let withdrawn: BTreeSet<String> = withdrawn.iter().map(ToString::to_string).collect();
    let sink = |mut records: Vec<kumi_formats::vcf::Record>| {
        all.append(&mut records);
        Ok(())
    };
    joint_segments(
        segments,
        &withdrawn,
        reference,
        regions,
        &Params::default(),
        sink,
    )?;
    Ok(cohort::lines(&all))
}

/// The parts of a contig between cuts.
pub(crate) fn cut(length: u32, cuts: &[u32]) -> Vec<Interval> {
    let mut ends: BTreeSet<u32> = cuts.iter().map(|cut| cut % length).collect();
    ends.extend([0, length]);
    let ends: Vec<u32> = ends.into_iter().collect();
    let part = |pair: &[u32]| Interval {
        contig: ContigId(0),
        start: pair[0],
        end: pair[1],
    };
    ends.windows(2).map(part).collect()
}

pub(crate) struct Cohort {
    _folder: tempfile::TempDir,
    pub(crate) reference: InMemory,
    pub(crate) paths: Vec<PathBuf>,
    length: u32,
}

impl Cohort {
    pub(crate) fn new(bases: &str, samples: &[Sample]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let reference = cohort::reference(&BTreeMap::from([("c".to_owned(), bases.to_owned())]));
        let path = |(number, sample): (usize, &Sample)| {
            let name = name(number);
            let text = cohort::gvcf(&reference, &name, &lines(bases, sample));
            write(folder.path(), number, &name, &text, &reference)
        };
        let paths = samples.iter().enumerate().map(path).collect();
        Self {
            paths,
            length: bases.len() as u32,
            _folder: folder,
            reference,
        }
    }

    fn genotyped(&self, paths: &[PathBuf]) -> String {
        let whole = self.reference.contigs().whole();
        cohort::lines(&cohort::genotyped(paths, &self.reference, &whole).expect("genotyped"))
    }

    fn segments(&self, paths: &[PathBuf], cuts: &[u32], window: u32) -> Vec<Segment> {
        let segment = |part: Interval| {
            let bytes = bytes(paths, &self.reference, part, window);
            open(&format!("{}", part.start), &bytes)
        };
        cut(self.length, cuts).into_iter().map(segment).collect()
    }
}

pub(crate) fn name(number: usize) -> String {
    format!("subject-{number}")
}

/// Half of the files have an index.
fn write(folder: &Path, number: usize, name: &str, text: &str, reference: &InMemory) -> PathBuf {
    if number.is_multiple_of(2) {
        cohort::indexed(folder, name, text, reference)
    } else {
        cohort::plain(folder, name, text)
    }
}

pub(crate) const BASES: &str = "[ACG]{40}(ACAC){1,8}[ACGT]{260}(AC){20}[ACGT]{40}";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn batches_cuts_windows_order_and_threads_leave_no_trace(
        bases in BASES,
        samples in prop::collection::vec(sample(), 1..7),
        batches in prop::collection::vec((0usize..3, prop::collection::vec(0u32..1_000, 0..4), 1u32..500), 3),
        batch_of in prop::collection::vec(0usize..3, 7),
        turn in 0usize..6,
        threads in 1usize..4,
    ) {
        let cohort = Cohort::new(&bases, &samples);
        let expected = cohort.genotyped(&cohort.paths);
        let mut segments = Vec::new();
        for (number, (_, cuts, window)) in batches.iter().enumerate() {
            let of = cohort.paths.iter().zip(&batch_of).filter(|(_, batch)| **batch == number);
            let mut paths: Vec<PathBuf> = of.map(|(path, _)| path.clone()).collect();
            if paths.is_empty() {
                continue;
            }
            let places = paths.len();
            paths.rotate_left(turn % places);
            segments.extend(cohort.segments(&paths, cuts, *window));
        }
        let count = segments.len();
        segments.rotate_left(turn % count);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        let whole = cohort.reference.contigs().whole();
        let found = pool.install(|| from_segments(&segments, &[], &cohort.reference, &whole));
        prop_assert_eq!(found.expect("genotyped"), expected.clone());

        let mut pieces = String::new();
        for part in cut(cohort.length, &batches[0].1) {
            pieces += &from_segments(&segments, &[], &cohort.reference, &[part]).expect("genotyped");
        }
        prop_assert_eq!(pieces, expected);
    }

    #[test]
    fn who_withdraws_leaves_no_trace(
        bases in BASES,
        samples in prop::collection::vec(sample(), 2..6),
        cuts in prop::collection::vec(0u32..1_000, 0..3),
        window in 1u32..500,
        gone in 0usize..6,
    ) {
        let cohort = Cohort::new(&bases, &samples);
        let gone = gone % samples.len();
        let mut stay = cohort.paths.clone();
        stay.remove(gone);
        let whole = cohort.reference.contigs().whole();
        let expected = cohort.genotyped(&stay);
        let segments = cohort.segments(&cohort.paths, &cuts, window);
        let without = [name(gone)];
        let found = from_segments(&segments, &[&without[0]], &cohort.reference, &whole);
        prop_assert_eq!(found.expect("genotyped"), expected);

        for segment in &segments {
            let header = segment.header();
            let region = Interval { contig: ContigId(0), start: header.start, end: header.end };
            let purged = purge(segment, &BTreeSet::from(without.clone()), Vec::new()).expect("purged");
            prop_assert!(purged == bytes(&stay, &cohort.reference, region, window));
        }
    }

    #[test]
    fn damage_is_told(
        samples in prop::collection::vec(sample(), 1..3),
        at in 0usize..100_000,
        bits in 1u8..=255,
        length in 0usize..100_000,
    ) {
        let bases = "ACGGTCATTGCA".repeat(36);
        let cohort = Cohort::new(&bases, &samples);
        let whole = bytes(&cohort.paths, &cohort.reference, cohort.reference.contigs().whole()[0], 256);
        let mut flipped = whole.clone();
        let at = at % whole.len();
        flipped[at] ^= bits;
        let cut = whole[..length % whole.len()].to_vec();
        for (bytes, changed) in [(flipped, true), (cut, false)] {
            let read = Segment::open("s", Bytes::from(bytes));
            let read = read.and_then(|segment| segment.verify().map(|()| segment));
            match read {
                Err(error) => prop_assert!(error.to_string().contains("segment s"), "{}", error),
                // What nobody reads may change: padding, and the copy of the schema at the beginning.
                Ok(segment) => {
                    prop_assert!(changed);
                    let regions = cohort.reference.contigs().whole();
                    let found = from_segments(&[segment], &[], &cohort.reference, &regions);
                    prop_assert_eq!(found.expect("genotyped"), cohort.genotyped(&cohort.paths));
                }
            }
        }
    }
}

const SEQUENCE: &str = "ACGTTGCAAGGCTTACCGATAGGCTAACGTCCATTGACGT";

/// Two samples; the second has a name and an allele that nobody else has.
fn pair() -> Cohort {
    let folder = tempfile::tempdir().expect("a folder");
    let reference = cohort::reference(&BTreeMap::from([("c".to_owned(), SEQUENCE.to_owned())]));
    let block = |from: usize, to: usize| {
        let base = &SEQUENCE[from..=from];
        format!(
            "c {} {base} <NON_REF> . END={to} GT:DP:GQ:PL 0/0:30:60:0,60,900\n",
            from + 1
        )
    };
    let call = |at: usize, put: &str| {
        let base = &SEQUENCE[at..=at];
        format!(
            "c {} {base} {put},<NON_REF> . . GT:AD:DP:GQ:PL 0/1:15,15,0:30:99:500,0,500,545,545,1090\n",
            at + 1
        )
    };
    let common = block(0, 10) + &call(10, "T") + &block(11, 40);
    let private = block(0, 10)
        + &call(10, "T")
        + &block(11, 20)
        + &call(20, "AGGATTACAGGATTACA")
        + &block(21, 40);
    let write = |name: &str, lines: &str| {
        cohort::plain(folder.path(), name, &cohort::gvcf(&reference, name, lines))
    };
    let paths = vec![write("alice", &common), write("rumpelstiltskin", &private)];
    Cohort {
        _folder: folder,
        reference,
        paths,
        length: SEQUENCE.len() as u32,
    }
}

/// True when the bytes, or what their compressed columns unpack to, hold `text`.
fn holds(bytes: &[u8], text: &str) -> bool {
    let found = |bytes: &[u8]| {
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    let reader = arrow_ipc::reader::FileReader::try_new(std::io::Cursor::new(bytes), None);
    let mut unpacked = String::new();
    for batch in reader.expect("an Arrow file") {
        unpacked += &format!("{:?}", batch.expect("a batch"));
    }
    found(bytes) || found(unpacked.as_bytes())
}

#[test]
fn a_purged_segment_holds_neither_name_nor_allele() {
    let cohort = pair();
    let region = cohort.reference.contigs().whole()[0];
    let before = bytes(&cohort.paths, &cohort.reference, region, 16);
    let name = "rumpelstiltskin".to_owned();
    let allele = "GGATTACAGGATTAC";
    assert!(holds(&before, &name) && holds(&before, allele));
    let segment = open("s", &before);
    let after = purge(&segment, &BTreeSet::from([name.clone()]), Vec::new()).expect("purged");
    assert!(!holds(&after, &name) && !holds(&after, allele));
    let everybody = BTreeSet::from([name, "alice".to_owned()]);
    let nobody = purge(&segment, &everybody, Vec::new());
    assert!(matches!(nobody, Err(SegmentError::Empty { .. })));
}

#[test]
fn a_window_is_never_longer_than_a_run_can_be() {
    let cohort = pair();
    let whole = cohort.reference.contigs().whole()[0];
    let bytes = bytes(&cohort.paths, &cohort.reference, whole, 1 << 25);
    assert_eq!(open("long", &bytes).header().window, 1 << 18);
}

#[test]
fn every_base_of_every_sample_lies_in_one_segment() {
    let cohort = pair();
    let parts = cut(cohort.length, &[20]);
    let whole = cohort.reference.contigs().whole();
    let one = |paths: &[PathBuf], part: usize, name: &str| {
        open(name, &bytes(paths, &cohort.reference, parts[part], 16))
    };
    let (alice, both) = (&cohort.paths[..1], &cohort.paths[..]);
    let told = |segments: &[Segment]| {
        let found = from_segments(segments, &[], &cohort.reference, &whole);
        match found.expect_err("a refusal") {
            JointError::Segment(error) => error.to_string(),
            other => other.to_string(),
        }
    };
    assert_eq!(
        told(&[one(both, 0, "first"), one(alice, 1, "second")]),
        "no segment holds sample rumpelstiltskin at c:21"
    );
    assert_eq!(
        told(&[
            one(both, 0, "first"),
            one(both, 1, "second"),
            one(alice, 1, "third")
        ]),
        "segments second and third both hold sample alice at c:21"
    );
    assert!(told(&[]).contains("no gVCFs"));
    let other = cohort::reference(&BTreeMap::from([("c".to_owned(), "ACGT".repeat(10))]));
    let found = from_segments(&[one(both, 0, "first")], &[], &other, &whole);
    assert!(matches!(
        found,
        Err(JointError::Segment(SegmentError::Reference { .. }))
    ));
}
