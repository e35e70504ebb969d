use kumi_seq::cigar;

use crate::read::Read;
use crate::slips::{Locus, change, shift};

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

/// Loci of 20 bases with gaps at phred 22, 30 reads each; `wrong` reads of a hundred are.
fn loci(number: u32, wrong: u32, heterozygous: u32) -> Vec<Locus> {
    let make = |n: u32| {
        let errors = (n + 1) * 30 * wrong / 100 - n * 30 * wrong / 100;
        let two = n % 10 < heterozygous;
        let second = if two { (30 - errors) / 2 } else { errors };
        let other = if two { errors } else { 0 };
        Locus {
            bases: 20,
            gap_open: 22,
            reads: [30 - second - other, second, other],
            shorter: if n.is_multiple_of(2) {
                second + other
            } else {
                0
            },
        }
    };
    (0..number).map(make).collect()
}

#[test]
fn reads_are_counted_by_how_often_their_length_is_seen() {
    let changes = [(-2, 1), (-1, 7), (0, 9), (1, 2)].into_iter().collect();
    let locus = Locus::new(20, 22, &changes);
    assert_eq!((locus.reads, locus.shorter), ([9, 7, 3], 8));
    let mut lost = loci(200, 10, 0);
    let even = shift(&lost);
    for locus in &mut lost {
        locus.shorter = locus.reads[1];
    }
    assert_eq!(shift(&lost), even - 3, "all of them are lost");
}

#[test]
fn the_error_rate_is_found_whatever_the_genotypes() {
    // 2 x 20 x 10^-2.2 is 25 %: 10^-3.2 (a shift of 10) is 2.5 %.
    for heterozygous in [0, 2, 4] {
        let found = shift(&loci(200, 3, heterozygous));
        assert!((8..=11).contains(&found), "{heterozygous}: {found}");
    }
    assert!(shift(&loci(200, 0, 3)) > 20);
    let table = shift(&loci(200, 25, 0));
    assert!((-2..=2).contains(&table), "{table}");
    assert_eq!(shift(&loci(5, 0, 0)), 0, "too few reads");
}
