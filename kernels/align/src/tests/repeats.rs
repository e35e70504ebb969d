//! Reads in repeats are not claimed for one place of several.

use kumi_seq::base;

use super::{align, indexed, random_bases, segment};

/// 10 kb with eight copies of 40 bases from 5,000 on.
fn with_tandem() -> super::Reference {
    let mut bases = random_bases(21, 10_000);
    for copy in 1..8 {
        bases.copy_within(5_000..5_040, 5_000 + 40 * copy);
    }
    indexed(bases)
}

/// Two places overlap by most of their bases; the mate is right for either.
#[test]
fn a_read_inside_a_tandem_repeat_has_rivals_one_unit_away() {
    let reference = with_tandem();
    let inside = segment(&reference.bases[5_080..5_230]);
    let mate = segment(&base::reverse_complement(&reference.bases[5_400..5_550]));
    let records = align(&reference, vec![inside, mate]);
    let qualities = [records[0].view().mapq(), records[1].view().mapq()];
    assert!(qualities[0] < 10, "{qualities:?}");
    assert_eq!(qualities[1], 60, "{qualities:?}");
}

/// It begins before the repeat: shifted by a unit it does not fit.
#[test]
fn a_read_that_leads_into_a_tandem_repeat_has_its_place() {
    let reference = with_tandem();
    let leading = segment(&reference.bases[4_940..5_090]);
    let mate = segment(&base::reverse_complement(&reference.bases[5_400..5_550]));
    let records = align(&reference, vec![leading, mate]);
    assert_eq!(records[0].view().pos(), 4_940);
    assert!(
        records[0].view().mapq() >= 50,
        "{}",
        records[0].view().mapq()
    );
}

/// The first mate stands twice. The second fits as badly beside either copy, but only one has a seed of it: the pair that
/// gives does not hide the other.
#[test]
fn a_pair_known_does_not_hide_another() {
    let mut bases = random_bases(77, 20_000);
    bases.copy_within(3_000..3_600, 13_000);
    let mut second = base::reverse_complement(&bases[3_400..3_550]);
    for at in (5..150).step_by(12) {
        second[at] = base::complement(second[at]);
    }
    let beside_copy = |at: usize| 13_549 - at;
    for at in [53, 65] {
        bases[beside_copy(at)] = base::complement(second[at]);
    }
    for at in [99, 111] {
        bases[beside_copy(at)] = second[at];
    }
    let reference = indexed(bases);
    let first = segment(&reference.bases[3_010..3_160]);
    let records = align(&reference, vec![first, segment(&second)]);
    let qualities = [records[0].view().mapq(), records[1].view().mapq()];
    assert!(
        qualities.iter().all(|&quality| quality < 10),
        "{qualities:?}"
    );
}
