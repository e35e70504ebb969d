//! Which bases of a read could not hide a short indel.
//!
//! A read that ends inside a repeat matches the reference with or without a change of the repeat's length, so
//! it says nothing about one. As in GATK's reference confidence model, a base is informative when every shift of
//! the rest of the read by up to ten bases makes more (quality-weighted) mismatches than none.

use kumi_seq::cigar::Kind;

use crate::read::Read;
use crate::window::Window;

/// A base is informative about indels of up to so many bases.
pub(crate) const LONGEST_INDEL: i64 = 10;

/// Tells for every base of the read whether it is informative; those in clips and insertions never are.
pub(crate) fn bases(read: &Read, reference: &Window, into: &mut Vec<bool>) {
    into.clear();
    into.resize(read.bases.len(), false);
    let (mut index, mut at) = (0usize, read.start);
    for op in &read.ops {
        let len = op.len as usize;
        // The rest of the read beyond its next gap is left out: what is near decides.
        if op.kind == Kind::Match {
            segment(read, reference, index, at, len, into);
        }
        index += if op.kind.consumes_read() { len } else { 0 };
        at += if op.kind.consumes_reference() {
            len as i64
        } else {
            0
        };
    }
}

fn segment(read: &Read, reference: &Window, index: usize, at: i64, len: usize, into: &mut [bool]) {
    let mismatch = |n: usize, shift: i64| -> u32 {
        let base = reference.at(at + n as i64 + shift);
        let differs =
            base != read.bases[index + n] && base != b'N' && read.bases[index + n] != b'N';
        if differs {
            u32::from(read.quals[index + n])
        } else {
            0
        }
    };
    let last = (0..len).rev().find(|&n| mismatch(n, 0) > 0);
    // From behind the last mismatch a single mismatch of a shift suffices.
    let mut clean = len;
    for shift in (-LONGEST_INDEL..=LONGEST_INDEL).filter(|&shift| shift != 0) {
        let until = (0..clean).rev().find(|&n| mismatch(n, shift) > 0);
        clean = until.map_or(0, |n| n + 1);
    }
    let from = last.map_or(0, |n| n + 1);
    if clean > from {
        into[index + from..index + clean].fill(true);
    }
    let Some(last) = last else { return };
    let mut sums = [0u32; 2 * LONGEST_INDEL as usize + 1];
    for n in (last + 1..len).rev() {
        for (sum, shift) in sums.iter_mut().zip(-LONGEST_INDEL..) {
            *sum += mismatch(n, shift);
        }
    }
    for n in (0..=last).rev() {
        for (sum, shift) in sums.iter_mut().zip(-LONGEST_INDEL..) {
            *sum += mismatch(n, shift);
        }
        let none = sums[LONGEST_INDEL as usize];
        into[index + n] = sums
            .iter()
            .enumerate()
            .all(|(number, &sum)| number == LONGEST_INDEL as usize || sum > none);
    }
}

#[cfg(test)]
mod tests {
    use kumi_seq::cigar;

    use super::bases;
    use crate::read::{Mate, Read};
    use crate::window::Window;

    fn informative(reference: &str, read_bases: &str) -> String {
        let ops = cigar::parse(&format!("{}M", read_bases.len())).expect("valid CIGAR");
        let read = Read {
            start: 0,
            end: read_bases.len() as i64,
            ops,
            bases: read_bases.as_bytes().to_vec(),
            quals: vec![30; read_bases.len()],
            mate: vec![Mate::Silent; read_bases.len()],
            ..Read::default()
        };
        let window = Window {
            start: 0,
            bases: reference.as_bytes().to_vec(),
        };
        let mut into = Vec::new();
        bases(&read, &window, &mut into);
        into.iter().map(|&b| if b { '+' } else { '-' }).collect()
    }

    #[test]
    fn a_read_that_ends_in_a_repeat_tells_nothing_about_it() {
        let reference = "GATTACAGCTTGAAAAAAAAAAAACGTGCATCGATTGCCATAGC";
        assert_eq!(
            informative(reference, "GATTACAGCTTGAAAAAA"),
            "++++++++++++------"
        );
        let whole = informative(reference, &reference[..34]);
        assert!(whole.starts_with("++++++++++++++++++++++++"), "{whole}");
    }

    #[test]
    fn a_mismatch_explained_by_a_shift_is_not_informative() {
        // The read lost one A; aligned without a gap its end mismatches, and a shift repairs that.
        let reference = "GATTACAGCTTGAAAACGTGCATCGATTTTGGCCATAGG";
        let with = informative(reference, "GATTACAGCTTGAAACGTGCATCGA");
        assert!(with[..15].bytes().all(|b| b == b'-'), "{with}");
    }
}
