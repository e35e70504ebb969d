//! Censuses add up, whatever the order, and lose nothing when they are written.

use std::collections::BTreeMap;

use bytes::Bytes;
use kumi_formats::reference::ReferenceSource;
use kumi_joint::{Census, CensusError, Params, Segment, census};
use proptest::prelude::*;

use crate::cohort;
use crate::dialects::sample;
use crate::store::{BASES, Cohort, bytes, name, open};

fn of(segment: &Segment, counts: impl Fn(&str) -> bool) -> Census {
    census(segment, &Params::default(), counts).expect("counted")
}

fn written(census: &Census) -> Bytes {
    Bytes::from(census.write(Vec::new()).expect("written"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn adding_and_taking_away_in_any_order_is_counting_at_once(
        bases in BASES,
        samples in prop::collection::vec(sample(), 2..7),
        batch_of in prop::collection::vec(0usize..3, 7),
        gone in 0usize..6,
        windows in prop::collection::vec(1u32..500, 4),
        backwards in any::<bool>(),
    ) {
        let cohort = Cohort::new(&bases, &samples);
        let whole = cohort.reference.contigs().whole()[0];
        let segment = |paths: &[std::path::PathBuf], window: u32| {
            open("s", &bytes(paths, &cohort.reference, whole, window))
        };
        let gone = gone % samples.len();
        let mut stay = cohort.paths.clone();
        stay.remove(gone);
        let expected = of(&segment(&stay, windows[3]), |_| true);

        let mut parts = Vec::new();
        let mut part_of_gone = None;
        for (batch, window) in windows[..3].iter().enumerate() {
            let members = cohort.paths.iter().zip(&batch_of).filter(|(_, of)| **of == batch);
            let paths: Vec<_> = members.map(|(path, _)| path.clone()).collect();
            if paths.is_empty() {
                continue;
            }
            let segment = segment(&paths, *window);
            parts.push(of(&segment, |_| true));
            if batch_of[gone] == batch {
                part_of_gone = Some(of(&segment, |sample| sample == name(gone)));
            }
        }
        if backwards {
            parts.reverse();
        }
        let mut sum = Census::new(expected.header().clone());
        for part in &parts {
            sum.merge(part).expect("of one region");
        }
        let gone = part_of_gone.expect("in a batch");
        prop_assert_eq!(gone.samples(), 1);
        sum.subtract(&gone).expect("was added");
        prop_assert_eq!(&sum, &expected);
        prop_assert_eq!(written(&sum), written(&expected));

        let read = Census::read("c", written(&sum)).expect("a census");
        prop_assert_eq!(&read, &sum);
        let mut copy = read;
        copy.subtract(&sum).expect("is there");
        prop_assert_eq!(copy, Census::new(sum.header().clone()));
    }

    #[test]
    fn a_damaged_census_is_told(
        one in sample(),
        at in 0usize..100_000,
        bits in 1u8..=255,
    ) {
        let bases = "ACGGTCATTGCA".repeat(36);
        let cohort = Cohort::new(&bases, &[one]);
        let whole = cohort.reference.contigs().whole()[0];
        let census = of(&open("s", &bytes(&cohort.paths, &cohort.reference, whole, 256)), |_| true);
        let bytes = written(&census);
        let mut flipped = bytes.to_vec();
        let at = at % bytes.len();
        flipped[at] ^= bits;
        match Census::read("c", Bytes::from(flipped)) {
            Ok(read) => prop_assert_eq!(read, census.clone()),
            Err(error) => prop_assert!(error.to_string().contains("census c is damaged"), "{}", error),
        }
        let cut = Census::read("c", bytes.slice(..at));
        let told = matches!(cut, Err(CensusError::Damaged { .. }));
        prop_assert!(told);
    }
}

const SEQUENCE: &str = "ACGTTGCAAGGCTTACCGATAGGCTAACGTCCATTGACGT";

#[test]
fn counts_are_those_of_the_records() {
    let folder = tempfile::tempdir().expect("a folder");
    let reference = cohort::reference(&BTreeMap::from([("c".to_owned(), SEQUENCE.to_owned())]));
    // Base 11 is G. A het, a homozygous, a haploid carrier, a reference and a sample without reads.
    let block = |from: usize, to: usize, depth: u32| {
        let (pos, base, quality) = (from + 1, &SEQUENCE[from..=from], depth * 3);
        format!(
            "c {pos} {base} <NON_REF> . END={to} GT:DP:GQ:PL 0/0:{depth}:{quality}:0,{quality},900\n"
        )
    };
    let call = |cell: &str| {
        block(0, 10, 20) + &format!("c 11 G T,<NON_REF> . . GT:AD:PL {cell}\n") + &block(11, 40, 20)
    };
    let all = [
        ("het", call("0/1:10,10,0:300,0,300,330,330,600")),
        ("hom", call("1/1:0,20,0:600,15,0,600,60,600")),
        ("one", call("1:0,20,0:600,0,600")),
        ("ref", block(0, 40, 20)),
        ("dry", block(0, 40, 0)),
    ];
    let paths = all.map(|(name, lines)| {
        cohort::plain(folder.path(), name, &cohort::gvcf(&reference, name, &lines))
    });
    let whole = reference.contigs().whole()[0];
    let segment = open("s", &bytes(&paths, &reference, whole, 16));
    let census = of(&segment, |_| true);
    assert_eq!(census.samples(), 5);
    let sites: Vec<_> = census.sites().collect();
    let [site] = sites.as_slice() else {
        panic!("{sites:?}");
    };
    let told = (
        site.allele.position,
        site.allele.reference.as_str(),
        site.allele.alternative.as_str(),
    );
    assert_eq!(told, (10, "G", "T"));
    let counts = site.counts;
    assert_eq!((counts.listed, counts.entering, counts.carriers), (3, 3, 3));
    assert_eq!(counts.homozygous, 2);
    assert_eq!(counts.copies, [0, 2, 0, 2]);
    assert_eq!(counts.qualities[10], 3);
    assert_eq!((site.covered_samples, site.covered_copies), (4, 7));
    // Of the homozygous one 1.97 copies are expected: 10^-1.5 is 0.0316.
    let expected = 4_096.0 * (2.0 + (2.0 + 0.031_62) / 1.031_62);
    assert!(
        (counts.expected as f64 - expected).abs() < 2.0,
        "{}",
        counts.expected
    );
    assert!((site.frequency() - expected / 4_096.0 / 7.0).abs() < 1e-3);

    let mut other = Census::new(census.header().clone());
    assert!(matches!(
        other.subtract(&census),
        Err(CensusError::NeverAdded)
    ));
    assert_eq!(other, Census::new(census.header().clone()));
    let elsewhere = open(
        "t",
        &bytes(
            &paths,
            &reference,
            kumi_seq::interval::Interval { end: 20, ..whole },
            16,
        ),
    );
    assert!(matches!(
        other.merge(&of(&elsewhere, |_| true)),
        Err(CensusError::Other)
    ));
}
