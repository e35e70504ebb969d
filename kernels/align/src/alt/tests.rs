//! A reference of which four kilobases stand again, a little different, on an alternate contig.

use kumi_formats::bam::{Record, Value, flag};
use kumi_formats::reads::{Segment, Template};
use kumi_index::Index;
use kumi_seq::base;
use kumi_seq::contig::Contig;
use kumi_simd::level::Level;

use crate::insert_size::InsertSizes;
use crate::params::Params;
use crate::template::{Aligner, Scratch};

/// Where the alternate contig lies on the primary assembly.
const PLACE: std::ops::Range<usize> = 8000..12_000;
/// Of the alternate contig these bases differ.
const EVERY: usize = 50;

fn contigs(alternate: bool) -> Vec<(Contig, Vec<u8>)> {
    let mut state = 11u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        base::ASCII[(state >> 62) as usize]
    };
    let primary: Vec<u8> = (0..20_000).map(|_| next()).collect();
    let mut other = primary[PLACE].to_vec();
    for base in other.iter_mut().step_by(EVERY) {
        *base = if *base == b'A' { b'C' } else { b'A' };
    }
    let mut second = Contig::describe("c_alt", &other);
    second.alternate = alternate;
    vec![(Contig::describe("c", &primary), primary), (second, other)]
}

/// Aligns reads, one or two, and shows: FLAG without what pairs say, contig, position, MAPQ, tags.
fn aligned(contigs: &[(Contig, Vec<u8>)], reads: &[&[u8]]) -> Vec<String> {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("r.kidx");
    let step = |_| std::ops::ControlFlow::Continue(());
    kumi_index::build(contigs, "r", &path, &step).expect("built");
    let index = Index::open(&path).expect("opened");
    let aligner = Aligner {
        view: index.view(),
        params: &Params::default(),
        level: Level::detect(),
        sizes: &InsertSizes::default(),
        read_groups: &[],
    };
    let segment = |bases: &&[u8]| Segment {
        bases: bases.to_vec(),
        qualities: vec![30; bases.len()],
        ..Default::default()
    };
    let template = Template {
        name: b"t".to_vec(),
        segments: reads.iter().map(segment).collect(),
        ..Default::default()
    };
    let mut records = Vec::new();
    aligner.align(&[template], &mut Scratch::default(), &mut records);
    let shown = |record: &Record| {
        let view = record.view();
        let mut text = format!(
            "{} {} {} {}",
            view.flags() & (flag::SUPPLEMENTARY | flag::PROPER | flag::UNMAPPED),
            view.ref_id(),
            view.pos(),
            view.mapq()
        );
        for name in [*b"XA", *b"SA", *b"pa"] {
            match view.tag(name) {
                Some(Value::String(value)) => {
                    text += &format!(" {}", String::from_utf8_lossy(value));
                }
                Some(Value::Float(value)) => text += &format!(" pa={value}"),
                _ => {}
            }
        }
        text
    };
    records.iter().map(shown).collect()
}

#[test]
fn a_read_of_the_primary_assembly_stands_there_as_if_alone() {
    let contigs = contigs(true);
    let read = &contigs[0].1[9010..9110];
    assert_eq!(
        aligned(&contigs, &[read]),
        ["0 0 9010 60 c_alt,+1011,100M,2;"]
    );
    let pair = [read, &base::reverse_complement(&contigs[0].1[9210..9310])];
    assert_eq!(
        aligned(&contigs, &pair),
        [
            "2 0 9010 60 c_alt,+1011,100M,2;",
            "2 0 9210 60 c_alt,-1211,100M,2;"
        ]
    );
}

/// Its line on the primary assembly says how much better the other place is.
#[test]
fn a_read_of_an_alternate_contig_gets_a_line_there_beside_its_own() {
    let contigs = contigs(true);
    let read = &contigs[1].1[1010..1110];
    assert_eq!(
        aligned(&contigs, &[read]),
        [
            "0 0 9010 60 c_alt,1011,+,100M,40,0; pa=0.9",
            "2048 1 1010 40 c,+9011,100M,2; c,9011,+,100M,60,2;"
        ]
    );
}

/// The same bases on both: the primary assembly has it.
#[test]
fn equal_places_are_no_rivals() {
    let mut contigs = contigs(true);
    contigs[1].1 = contigs[0].1[PLACE].to_vec();
    let read = contigs[0].1[9000..9100].to_vec();
    assert_eq!(
        aligned(&contigs, &[&read]),
        ["0 0 9000 60 c_alt,+1001,100M,0;"]
    );
    contigs[1].0.alternate = false;
    assert!(aligned(&contigs, &[&read])[0].starts_with("0 0 9000 0 "));
}

/// The contigs, the alternate one with 300 bases more that are nowhere else.
fn longer() -> Vec<(Contig, Vec<u8>)> {
    let mut contigs = contigs(true);
    let mut own = contigs[0].1[100..400].to_vec();
    own.reverse();
    contigs[1].1.extend(own);
    contigs[1].0 = Contig {
        alternate: true,
        ..Contig::describe("c_alt", &contigs[1].1)
    };
    contigs
}

/// What is nowhere else is an ordinary place.
#[test]
fn a_read_that_only_an_alternate_contig_has_lies_there() {
    let contigs = longer();
    let read = contigs[1].1[4050..4150].to_vec();
    let mate = base::reverse_complement(&contigs[1].1[4180..4280]);
    assert_eq!(aligned(&contigs, &[&read]), ["0 1 4050 60"]);
    assert_eq!(
        aligned(&contigs, &[&read, &mate]),
        ["2 1 4050 60", "2 1 4180 60"]
    );
}

/// A mate that only an alternate contig has is no reason to leave the primary assembly.
#[test]
fn a_mate_beyond_the_primary_assembly_pulls_nobody() {
    let contigs = longer();
    let read = contigs[1].1[3890..3990].to_vec();
    let mate = base::reverse_complement(&contigs[1].1[4120..4220]);
    assert_eq!(
        aligned(&contigs, &[&read, &mate]),
        [
            "0 0 11890 60 c_alt,3891,+,100M,40,0; pa=0.9",
            "2048 1 3890 40 c,+11891,100M,2; c,11891,+,100M,60,2;",
            "0 1 4120 60"
        ]
    );
}
