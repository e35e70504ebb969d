//! What the tags of a line need to know of its alignment.

use kumi_index::View;
use kumi_seq::base;
use kumi_seq::cigar::{self, Kind, Op};
use kumi_seq::decimal;
use kumi_seq::interval::Interval;

use crate::extend::Alignment;
use crate::read::Read;

/// An alignment with what its tags need.
pub(crate) struct Described<'a> {
    /// The alignment.
    pub alignment: &'a Alignment,
    /// Its mapping quality.
    pub mapq: u8,
    /// All operations, clips among them.
    pub cigar: Vec<Op>,
    /// NM.
    pub edits: u32,
    /// MD.
    pub mismatches: Vec<u8>,
}

/// Describes an alignment of a read; `reference` is a buffer.
pub(crate) fn describe<'a>(
    view: View<'_>,
    alignment: &'a Alignment,
    mapq: u8,
    read: &Read,
    reference: &mut Vec<u8>,
) -> Described<'a> {
    let mut cigar = Vec::with_capacity(alignment.cigar.len() + 2);
    cigar::push(&mut cigar, Kind::SoftClip, alignment.query.0);
    cigar.extend_from_slice(&alignment.cigar);
    let behind = read.len() as u32 - alignment.query.1;
    cigar::push(&mut cigar, Kind::SoftClip, behind);
    reference.clear();
    let Alignment {
        contig, start, end, ..
    } = *alignment;
    view.codes(Interval { contig, start, end }, reference);
    let (edits, mismatches) = differences(alignment, read.codes(alignment.reverse), reference);
    Described {
        alignment,
        mapq,
        cigar,
        edits,
        mismatches,
    }
}

/// NM and MD (SAM tags specification).
fn differences(alignment: &Alignment, read: &[u8], reference: &[u8]) -> (u32, Vec<u8>) {
    let (mut q, mut r) = (alignment.query.0 as usize, 0);
    let (mut edits, mut run, mut text) = (0, 0, Vec::with_capacity(16));
    let ascii = |code: &u8| base::ASCII[usize::from(*code)];
    for op in &alignment.cigar {
        let length = op.len as usize;
        match op.kind {
            Kind::Insertion => (edits, q) = (edits + op.len, q + length),
            Kind::Deletion => {
                edits += op.len;
                decimal::append(run as i64, &mut text);
                text.push(b'^');
                text.extend(reference[r..r + length].iter().map(ascii));
                (run, r) = (0, r + length);
            }
            _ => {
                let (read, reference) = (&read[q..q + length], &reference[r..r + length]);
                let mut at = 0;
                while let Some(same) = first_difference(&read[at..], &reference[at..]) {
                    decimal::append((run + same) as i64, &mut text);
                    at += same;
                    text.push(ascii(&reference[at]));
                    (run, edits, at) = (0, edits + 1, at + 1);
                }
                run += length - at;
                (q, r) = (q + length, r + length);
            }
        }
    }
    decimal::append(run as i64, &mut text);
    (edits, text)
}

/// Where two sequences of codes differ first. An ambiguous base of the read on one of the reference is a difference
/// too.
fn first_difference(read: &[u8], reference: &[u8]) -> Option<usize> {
    const AMBIGUOUS: u64 = 0x0404_0404_0404_0404;
    let (eights, rest) = read.as_chunks::<8>();
    let (others, other_rest) = reference.as_chunks::<8>();
    for (at, (a, b)) in eights.iter().zip(others).enumerate() {
        let (a, b) = (u64::from_le_bytes(*a), u64::from_le_bytes(*b));
        let differs = (a ^ b) | (a & AMBIGUOUS);
        if differs != 0 {
            return Some(8 * at + differs.trailing_zeros() as usize / 8);
        }
    }
    let mut pairs = rest.iter().zip(other_rest);
    let last = pairs.position(|(a, b)| a != b || *a == base::N)?;
    Some(8 * eights.len() + last)
}
