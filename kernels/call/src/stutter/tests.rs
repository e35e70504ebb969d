use kumi_seq::cigar;

use crate::read::Read;
use crate::repeats::Repeat;
use crate::stutter::{GROUPS, Locus, Shift, Skew, Stutter, change, shift};
use crate::window::Window;

#[test]
fn a_read_changes_a_repeat_by_the_gaps_in_it() {
    let read = |cigar: &str| {
        let ops = cigar::parse(cigar).expect("valid CIGAR");
        Read {
            start: 100,
            end: 100 + i64::from(cigar::reference_length(&ops)),
            ops,
            ..Read::default()
        }
    };
    let cases = [
        ("60M", Some(0)),
        ("20M2D40M", Some(-2)),
        ("20M3I40M", Some(3)),
        ("15M2D40M", None),
        ("37M", None),
        ("38M", Some(0)),
    ];
    for (cigar, expected) in cases {
        assert_eq!(change(&read(cigar), 120, 130), expected, "{cigar}");
    }
}

/// Loci of 20 bases, 40 reads each, of which so many of a hundred lost and gained a unit; of ten loci so many have two alleles.
fn loci(number: u32, lost: u32, gained: u32, two: u32) -> Vec<Locus> {
    let repeat = Repeat {
        start: 0,
        end: 20,
        period: 1,
        units: 20,
        gap_open: 22,
    };
    let make = |n: u32| {
        let mut changes = [(0, 0); 6].map(|(_, reads)| reads);
        let mut of_allele = |at: usize, reads: u32| {
            // Spread over the loci, so that shares below a read come about.
            let part = |percent: u32| (n + 1) * reads * percent / 100 - n * reads * percent / 100;
            let (lost, gained) = (part(lost), part(gained));
            changes[at - 1] += lost;
            changes[at + 1] += gained;
            changes[at] += reads - lost - gained;
        };
        if n % 10 < two {
            of_allele(2, 20);
            of_allele(if n.is_multiple_of(2) { 3 } else { 4 }, 20);
        } else {
            of_allele(2, 40);
        }
        let changes = (-2..)
            .zip(changes)
            .filter(|&(_, reads)| reads > 0)
            .collect();
        Locus::new(20, &repeat, &changes)
    };
    (0..number).map(make).collect()
}

#[test]
fn the_error_rate_is_found_whatever_the_genotypes() {
    // 20 x 10^-2.2 x 0.9 is 11.4 % of those that are right.
    for two in [0, 2, 4] {
        for (lost, gained, expected) in [
            (13, 13, -2),
            (20, 10, -4),
            (10, 20, -4),
            (30, 6, -6),
            (3, 3, 5),
            (1, 1, 10),
        ] {
            let found = shift(&loci(200, lost, gained, two)).gap;
            let near = (expected - 1..=expected + 1).contains(&found);
            assert!(
                near,
                "{two} of ten heterozygous, {lost} and {gained} %: {found}"
            );
        }
    }
    assert!(shift(&loci(200, 0, 0, 3)).gap > 15);
    assert_eq!(shift(&loci(4, 0, 0, 0)), Shift::default(), "too few reads");
}

#[test]
fn losses_are_told_from_gains() {
    for (lost, gained) in [(20, 10), (10, 20), (12, 4)] {
        let found = shift(&loci(200, lost, gained, 2)).skew;
        let expected = (f64::from(lost) / f64::from(gained)).log10();
        assert!(
            (found - expected).abs() < 0.06,
            "{lost} and {gained}: {found}"
        );
    }
    let mut skew = Skew::default();
    skew.0[3] = 0.3;
    let window = Window {
        start: 50,
        bases: format!("GATTC{}GATTC", "A".repeat(15)).into_bytes(),
    };
    assert_eq!(
        [54, 55, 69, 70].map(|at| skew.at(&window, at)),
        [0.0, 0.3, 0.3, 0.0]
    );
}

#[test]
fn few_reads_change_little() {
    // Five loci of 40 reads let expect 22 errors of either kind: none of them seen is 10 log10(1 / 24).
    assert_eq!(shift(&loci(5, 0, 0, 0)).gap, 14);
}

#[test]
fn losses_of_a_longer_unit_are_learned_with_the_bases_that_follow_the_first() {
    let repeat = Repeat {
        start: 0,
        end: 30,
        period: 2,
        units: 15,
        gap_open: 26,
    };
    // 30 x 10^-3.6 x 0.9 is 0.7 % of those that are right; 8 % are lost. A base alone is not of a unit.
    let changes = [(0, 37), (-2, 3), (-1, 1)].into_iter().collect();
    let mut stutter = Stutter::default();
    let group = GROUPS
        .iter()
        .position(|&group| group == (2, 12, 255))
        .expect("a group");
    stutter.loci[group] = vec![Locus::new(30, &repeat, &changes); 100];
    assert_eq!(stutter.loci[group][0].counts, [(0, 37.0), (-1, 3.0)]);
    let found = shift(&stutter.loci[group]).gap;
    assert!((-11..=-9).contains(&found), "{found}");
}
