//! Censuses add up, whatever the order, lose nothing when they are written, and tell the sites of their samples.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bytes::Bytes;
use kumi_formats::reference::{InMemory, ReferenceSource};
use kumi_formats::vcf::Record;
use kumi_joint::output::Called;
use kumi_joint::output::vcf::sites_only;
use kumi_joint::{
    Census, CensusError, CensusPart, JointError, Params, Segment, add_up, joint_censuses,
    joint_with,
};
use kumi_seq::interval::Interval;
use proptest::prelude::*;

use crate::cohort;
use crate::dialects::sample;
use crate::store::{BASES, Cohort, bytes, cut, name, open};

fn of(segment: &Segment, counts: impl Fn(&str) -> bool) -> Bytes {
    summed(vec![CensusPart::segment(
        segment,
        counts,
        &Params::default(),
    )])
    .expect("counted")
}

fn summed(parts: Vec<CensusPart<'_>>) -> Result<Bytes, CensusError> {
    let counted = add_up(parts, Vec::new())?.expect("parts");
    Ok(Bytes::from(counted.output))
}

fn read(bytes: Bytes) -> Census {
    Census::open("c", bytes).expect("a census")
}

fn sum_of(parts: &[Bytes]) -> Bytes {
    let parts: Vec<Census> = parts.iter().map(|part| read(part.clone())).collect();
    summed(parts.iter().map(CensusPart::census).collect()).expect("of one region")
}

/// The sites of a cohort from its gVCFs.
fn sites(paths: &[PathBuf], reference: &InMemory, regions: &[Interval]) -> String {
    let params = Params::default();
    let mut all: Vec<Record> = Vec::new();
    let sink = |mut records: Vec<Record>| {
        all.append(&mut records);
        Ok::<(), std::io::Error>(())
    };
    let make = |called: &Called<'_>| sites_only(called, &params);
    joint_with(paths, reference, regions, &params, make, sink).expect("genotyped");
    cohort::lines(&all)
}

/// The sites of a cohort from its censuses.
fn from_censuses(
    censuses: &[Census],
    reference: &InMemory,
    regions: &[Interval],
) -> Result<String, JointError<std::io::Error>> {
    let mut all: Vec<Record> = Vec::new();
    let sink = |mut records: Vec<Record>| {
        all.append(&mut records);
        Ok(())
    };
    joint_censuses(censuses, reference, regions, &Params::default(), sink)?;
    Ok(cohort::lines(&all))
}

/// Censuses of the samples one by one, added up, tell the same sites as their gVCFs.
pub(crate) fn same_sites(
    paths: &[PathBuf],
    reference: &InMemory,
    regions: &[Interval],
) -> Result<(), String> {
    let census = |contig: Interval| {
        let parts = paths.iter().map(|path| {
            let bytes = bytes(std::slice::from_ref(path), reference, contig, 16);
            of(&open("s", &bytes), |_| true)
        });
        read(sum_of(&parts.collect::<Vec<_>>()))
    };
    let censuses: Vec<Census> = reference
        .contigs()
        .whole()
        .into_iter()
        .map(census)
        .collect();
    let found = from_censuses(&censuses, reference, regions).map_err(|error| error.to_string())?;
    let expected = sites(paths, reference, regions);
    if found == expected {
        return Ok(());
    }
    Err(format!(
        "from censuses:\n{found}and from gVCFs:\n{expected}"
    ))
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
        let segment = |paths: &[PathBuf], window: u32| {
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
        let sum = read(sum_of(&parts));
        let gone = read(part_of_gone.expect("in a batch"));
        prop_assert_eq!(gone.samples(), 1);
        let left = summed(vec![CensusPart::census(&sum), CensusPart::census(&gone).taken_away()]);
        prop_assert_eq!(left.expect("was added"), expected);
        // Others may be counted just as it was, but not more than there are.
        let gone = std::iter::repeat_with(|| CensusPart::census(&gone).taken_away());
        let parts = std::iter::once(CensusPart::census(&sum)).chain(gone.take(samples.len() + 1));
        let too_often = summed(parts.collect());
        prop_assert!(matches!(too_often, Err(CensusError::NeverAdded)), "{:?}", too_often.err());
    }

    #[test]
    fn the_sites_of_a_census_are_those_of_the_samples(
        bases in BASES,
        samples in prop::collection::vec(sample(), 1..9),
        cuts in prop::collection::vec(1u32..400, 0..4),
        window in 1u32..500,
        part in (0u32..400, 1u32..200),
    ) {
        let cohort = Cohort::new(&bases, &samples);
        let length = bases.len() as u32;
        let whole = cohort.reference.contigs().whole();
        let (first, second) = cohort.paths.split_at(cohort.paths.len() / 2);
        let census = |region: Interval| {
            let parts = [first, second].into_iter().filter(|paths| !paths.is_empty());
            let parts = parts.map(|paths| {
                of(&open("s", &bytes(paths, &cohort.reference, region, window)), |_| true)
            });
            read(sum_of(&parts.collect::<Vec<_>>()))
        };
        let censuses: Vec<Census> = cut(length, &cuts).into_iter().map(census).collect();
        let start = part.0.min(length - 1);
        let part = Interval { start, end: (start + part.1).min(length), ..whole[0] };
        for regions in [&whole[..], &[part]] {
            let found = from_censuses(&censuses, &cohort.reference, regions).expect("good");
            prop_assert_eq!(found, sites(&cohort.paths, &cohort.reference, regions));
        }
    }

    #[test]
    fn a_damaged_census_is_told(
        one in sample(),
        at in 0usize..100_000,
        bits in 1u8..=255,
    ) {
        let bases = "ACGGTCATTGCA".repeat(36);
        let cohort = Cohort::new(&bases, &[one]);
        let whole = cohort.reference.contigs().whole();
        let bytes = of(&open("s", &bytes(&cohort.paths, &cohort.reference, whole[0], 256)), |_| true);
        let mut flipped = bytes.to_vec();
        let at = at % bytes.len();
        flipped[at] ^= bits;
        let damaged = |error: &dyn std::fmt::Display| error.to_string().contains("census c is damaged");
        match Census::open("c", Bytes::from(flipped)) {
            Ok(census) => match census.verify() {
                // Padding and the copy of the schema at the beginning are not read.
                Ok(()) => prop_assert_eq!(
                    from_censuses(&[census], &cohort.reference, &whole).expect("good"),
                    sites(&cohort.paths, &cohort.reference, &whole)
                ),
                Err(error) => prop_assert!(damaged(&error), "{}", error),
            },
            Err(error) => prop_assert!(damaged(&error), "{}", error),
        }
        let cut = Census::open("c", bytes.slice(..at));
        let told = matches!(cut, Err(CensusError::Damaged { .. }));
        prop_assert!(told);
    }
}

const SEQUENCE: &str = "ACGTTGCAAGGCTTACCGATAGGCTAACGTCCATTGACGT";

/// Three samples at base 11, a G.
fn three(reference: &InMemory, folder: &std::path::Path) -> [PathBuf; 3] {
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
        ("other", call("0/1:15,14,0:420,0,451,466,492,958")),
        ("ref", block(0, 40, 20)),
    ];
    all.map(|(name, lines)| cohort::plain(folder, name, &cohort::gvcf(reference, name, &lines)))
}

#[test]
fn samples_that_say_the_same_take_no_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let reference = cohort::reference(&BTreeMap::from([("c".to_owned(), SEQUENCE.to_owned())]));
    let paths = three(&reference, folder.path());
    let whole = reference.contigs().whole()[0];
    let one = of(
        &open("s", &bytes(&paths[..1], &reference, whole, 16)),
        |_| true,
    );
    let two = of(
        &open("s", &bytes(&paths[..2], &reference, whole, 16)),
        |_| true,
    );
    assert_eq!(
        (read(one.clone()).samples(), read(two.clone()).samples()),
        (1, 2)
    );
    assert!(
        two.len() <= one.len() + 8,
        "{} after {}",
        two.len(),
        one.len()
    );
}

#[test]
fn censuses_that_do_not_fit_each_other_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let reference = cohort::reference(&BTreeMap::from([("c".to_owned(), SEQUENCE.to_owned())]));
    let paths = three(&reference, folder.path());
    let whole = reference.contigs().whole();
    let of_part = |paths: &[PathBuf], start: u32, end: u32| {
        let part = Interval {
            start,
            end,
            ..whole[0]
        };
        read(of(&open("s", &bytes(paths, &reference, part, 16)), |_| {
            true
        }))
    };
    let (left, right) = (of_part(&paths, 0, 20), of_part(&paths, 20, 40));
    let both = summed(vec![CensusPart::census(&left), CensusPart::census(&right)]);
    assert!(matches!(both, Err(CensusError::Other)), "{both:?}");
    let told = |censuses: &[Census]| {
        let error = from_censuses(censuses, &reference, &whole).expect_err("not whole");
        std::error::Error::source(&error).map(ToString::to_string)
    };
    let hole = told(&[of_part(&paths, 0, 20)]);
    assert_eq!(
        hole.as_deref(),
        Some("0 censuses hold c:21; give one of each region")
    );
    let twice = told(&[of_part(&paths, 0, 40), of_part(&paths, 20, 40)]);
    assert_eq!(
        twice.as_deref(),
        Some("2 censuses hold c:21; give one of each region")
    );
    let fewer = told(&[left, of_part(&paths[1..], 20, 40)]);
    assert_eq!(
        fewer.as_deref(),
        Some("census c is of 3 samples, census c of 2")
    );
}
