//! Nothing depends on the order of files, on cuts, on indexes or on threads.

use std::collections::BTreeMap;
use std::path::PathBuf;

use kumi_formats::reference::{InMemory, ReferenceSource};
use kumi_seq::contig::ContigId;
use kumi_seq::interval::Interval;
use proptest::prelude::*;

use crate::cohort;

/// One sample's variant: where, bases taken, bases put in, genotype, quality.
type Variant = (u32, usize, String, u8, u32);

fn lines(bases: &str, variants: &[Variant]) -> String {
    let mut text = String::new();
    let mut at = 0usize;
    let block = |from: usize, to: usize, text: &mut String| {
        if from < to {
            let base = &bases[from..=from];
            let depth = 5 + from % 30;
            let quality = 3 * depth;
            text.push_str(&format!(
                "c {} {base} <NON_REF> . END={to} GT:DP:GQ:PL 0/0:{depth}:{quality}:0,{quality},{}\n",
                from + 1,
                quality * 10
            ));
        }
    };
    for (start, taken, put, genotype, quality) in variants {
        let start = *start as usize;
        if start < at || start + taken + 1 >= bases.len() {
            continue;
        }
        let reference = &bases[start..start + taken];
        // An indel is anchored; a substitution is not when it differs at its first base.
        if put == reference {
            continue;
        }
        block(at, start, &mut text);
        let q = quality;
        let (gt, pl) = match genotype {
            0 => ("0/1", format!("{q},0,{q},{},{},{}", q + 60, q + 30, q + 70)),
            1 => (
                "1/1",
                format!("{},{q},0,{},{},{}", q * 9, q * 9, q + 8, q * 9),
            ),
            _ => (
                "0/0",
                format!("0,{q},{},{},{},{}", q * 9, q * 9, q * 9, q * 9),
            ),
        };
        text.push_str(&format!(
            "c {} {reference} {put},<NON_REF> . . GT:AD:DP:GQ:PL {gt}:7,8,0:15:{q}:{pl}\n",
            start + 1
        ));
        at = start + taken;
    }
    block(at, bases.len(), &mut text);
    text
}

fn variants() -> impl Strategy<Value = Vec<Variant>> {
    let put = prop_oneof![
        Just("A"),
        Just("C"),
        Just("G"),
        Just("AC"),
        Just("CA"),
        Just("ACA")
    ];
    let one = (
        0u32..380,
        1usize..4,
        put.prop_map(String::from),
        0u8..3,
        3u32..60,
    );
    prop::collection::vec(one, 0..20).prop_map(|mut all| {
        all.sort();
        all
    })
}

fn on_threads(
    threads: usize,
    paths: &[PathBuf],
    reference: &InMemory,
    regions: &[Interval],
) -> String {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let work = || cohort::genotyped(paths, reference, regions).expect("genotyped");
    cohort::lines(&pool.expect("a pool").install(work))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn order_cuts_indexes_and_threads_leave_no_trace(
        bases in "[ACG]{40}(ACAC){1,8}[ACGT]{260}(AC){20}[ACGT]{40}",
        samples in prop::collection::vec(variants(), 1..6),
        mut cuts in prop::collection::vec(1u32..400, 0..6),
        turn in 0usize..6,
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let reference = cohort::reference(&BTreeMap::from([("c".to_owned(), bases.clone())]));
        let (mut plain, mut indexed) = (Vec::new(), Vec::new());
        for (number, variants) in samples.iter().enumerate() {
            let name = format!("s{number}");
            let text = cohort::gvcf(&reference, &name, &lines(&bases, variants));
            plain.push(cohort::plain(folder.path(), &name, &text));
            indexed.push(cohort::indexed(folder.path(), &name, &text, &reference));
        }
        let whole = reference.contigs().whole();
        let expected = on_threads(1, &plain, &reference, &whole);
        prop_assert_eq!(&on_threads(2, &indexed, &reference, &whole), &expected);

        let length = indexed.len();
        indexed.rotate_left(turn % length);
        prop_assert_eq!(&on_threads(4, &indexed, &reference, &whole), &expected);

        cuts.extend([0, bases.len() as u32]);
        cuts.retain(|cut| *cut <= bases.len() as u32);
        cuts.sort_unstable();
        cuts.dedup();
        let mut pieces = String::new();
        for pair in cuts.windows(2) {
            let region = Interval { contig: ContigId(0), start: pair[0], end: pair[1] };
            pieces.push_str(&on_threads(1, &indexed, &reference, &[region]));
        }
        prop_assert_eq!(&pieces, &expected);

        for line in expected.lines() {
            let columns: Vec<&str> = line.split('\t').collect();
            let start = columns[1].parse::<usize>().expect("a number") - 1;
            prop_assert_eq!(&bases[start..start + columns[3].len()], columns[3]);
        }
        let mut places: Vec<&str> =
            expected.lines().map(|line| line.split('\t').nth(1).expect("POS")).collect();
        let count = places.len();
        places.dedup();
        prop_assert_eq!(places.len(), count);
    }
}
