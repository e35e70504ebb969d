//! What duplicate marking needs to know of a template, in a few bytes whose order groups duplicates.
//!
//! Picard's definition: two pairs are duplicates when library, UMI and, for both reads, contig, unclipped
//! 5' end and strand agree; the best of a group has the highest sum of base qualities of at least 15, among
//! equals it is the one on the lowest tile, x and y, then the first in the order of coordinates.
//! Numbers are big-endian, so comparing bytes compares keys first, then puts the best template first. A key begins
//! with the contig of a pair's first end or of the read: the signatures of some contigs lie together, and every
//! group is among those of one contig.

use std::cmp::Ordering;

use kumi_formats::bam::{Value, View, flag};
use kumi_seq::cigar::Kind;

use crate::external::Order;
use crate::library::Place;
use crate::tile::{self, Spot};

/// Bases below this quality say nothing about which duplicate is best (Picard, `SUM_OF_BASE_QUALITIES`).
const QUALITY_MIN: u8 = 15;

/// The order of bytes.
pub(crate) struct Bytes;

impl Order for Bytes {
    /// Contig and position.
    fn prefix(item: &[u8]) -> u64 {
        u64::from_be_bytes(std::array::from_fn(|i| item.get(i).copied().unwrap_or(0)))
    }

    fn compare(a: &[u8], b: &[u8]) -> Ordering {
        a.cmp(b)
    }
}

/// One end of a template: the unclipped 5' end of a mapped read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct End {
    contig: u32,
    /// 1-based and shifted by 2^31, so that clips beyond the contig's start keep their order.
    position: u32,
    reverse: bool,
}

impl End {
    /// The 5' end of a mapped record, soft and hard clips undone.
    pub(crate) fn of(record: View<'_>) -> Self {
        let reverse = record.flags() & flag::REVERSE != 0;
        let is_clip = |kind: Kind| matches!(kind, Kind::SoftClip | Kind::HardClip);
        let (mut leading, mut trailing, mut aligned) = (0i64, 0i64, 0i64);
        let mut inside = false;
        for op in record.cigar() {
            let length = i64::from(op.len);
            if !is_clip(op.kind) {
                inside = true;
                aligned += if op.kind.consumes_reference() {
                    length
                } else {
                    0
                };
            } else if inside {
                trailing += length;
            } else {
                leading += length;
            }
        }
        let start = i64::from(record.pos()) + 1;
        let five_prime = if reverse {
            start + aligned.max(1) - 1 + trailing
        } else {
            start - leading
        };
        let shifted = (five_prime + (1 << 31)).clamp(0, i64::from(u32::MAX));
        Self {
            contig: record.ref_id() as u32,
            position: shifted as u32,
            reverse,
        }
    }
}

/// What a read adds to the score of its template: the sum of the base qualities that count, cut so that two reads
/// fit into 16 bits. A read that failed the platform's checks ranks below all others (Picard).
fn score(record: View<'_>) -> i16 {
    const MOST: u32 = i16::MAX as u32 / 2;
    let qualities = record.qualities();
    let known = qualities.first() != Some(&0xff);
    let counted = qualities
        .iter()
        .filter(|&&quality| known && quality >= QUALITY_MIN);
    let sum = counted
        .map(|&quality| u32::from(quality))
        .fold(0, u32::saturating_add);
    let failed = record.flags() & flag::QC_FAIL != 0;
    sum.min(MOST) as i16 + if failed { i16::MIN / 2 } else { 0 }
}

/// FNV-1a, then mixed: a name's place among equals, the same in every run.
fn hash(bytes: &[u8]) -> u64 {
    let mut hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash ^= hash >> 32;
    hash = hash.wrapping_mul(0xd6e8_feb8_6659_fd93);
    hash ^ hash >> 32
}

/// Which molecules can be duplicates of each other at all: library and UMI.
#[derive(Clone, Copy)]
pub(crate) struct Source {
    place: Place,
    umi: u64,
}

impl Source {
    pub(crate) fn of(place: Place, record: View<'_>) -> Self {
        let umi = record.tag(*b"RX").and_then(Value::as_string);
        Self {
            place,
            umi: umi.map_or(0, |umi| hash(umi).max(1)),
        }
    }
}

/// Which of two templates is better: that of the higher score, then the one that lies first on the flow cell, then
/// the one whose read comes first in the order of coordinates.
struct Rank<'a> {
    score: i16,
    spot: Spot,
    /// Position and strand of the read that decides.
    read: (i32, bool),
    name: &'a [u8],
}

impl<'a> Rank<'a> {
    fn of(record: View<'a>) -> Self {
        Self {
            score: score(record),
            spot: tile::parse(record.name()),
            read: (record.pos(), record.flags() & flag::REVERSE != 0),
            name: record.name(),
        }
    }

    /// The lesser of two byte strings is the better template. Where the spot is known nothing else is as good as
    /// never equal, so that the name need not be kept.
    fn push_to(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&ascending(!self.score));
        for number in [self.spot.tile, self.spot.x, self.spot.y] {
            bytes.extend_from_slice(&ascending(number));
        }
        bytes.extend_from_slice(&self.read.0.to_be_bytes());
        bytes.push(u8::from(self.read.1));
        if self.spot.is_known() {
            bytes.extend_from_slice(&hash(self.name).to_be_bytes());
        } else {
            bytes.extend_from_slice(self.name);
            bytes.push(0);
        }
    }
}

/// Bytes whose order is that of signed numbers.
fn ascending(number: i16) -> [u8; 2] {
    (number as u16 ^ 0x8000).to_be_bytes()
}

/// Library and UMI.
const SOURCE: usize = 10;
/// Contig and position.
const END: usize = 8;
/// The bytes that duplicate pairs share.
pub(crate) const PAIR_KEY: usize = SOURCE + 2 * END + 1;
/// The bytes that duplicate fragments share.
pub(crate) const FRAGMENT_KEY: usize = SOURCE + END + 1;
/// Where the spot stands in a pair, behind the score.
const SPOT: usize = PAIR_KEY + 2;
/// The end of a fragment: its template.
const TEMPLATE: usize = 8;
/// The end of a pair: its read group, the strands of its first and last read, its template.
const SEEN: usize = 3 + TEMPLATE;

fn source_bytes(source: Source) -> [u8; SOURCE] {
    let mut bytes = [0; SOURCE];
    bytes[..2].copy_from_slice(&source.place.library.to_be_bytes());
    bytes[2..].copy_from_slice(&source.umi.to_be_bytes());
    bytes
}

fn end_bytes(end: End) -> [u8; END] {
    let mut bytes = [0; END];
    bytes[..4].copy_from_slice(&end.contig.to_be_bytes());
    bytes[4..].copy_from_slice(&end.position.to_be_bytes());
    bytes
}

/// The signature of a pair: the mapped first and last read of a template.
pub(crate) fn pair(source: Source, [first, last]: [View<'_>; 2], template: u64) -> Vec<u8> {
    let ends = [End::of(first), End::of(last)];
    // The order of ends puts equal places forward strand first: FR and RF there are the same.
    let ((low, low_read), (high, high_read)) = if ends[0] <= ends[1] {
        ((ends[0], first), (ends[1], last))
    } else {
        ((ends[1], last), (ends[0], first))
    };
    let mut rank = Rank::of(low_read);
    rank.score += score(high_read);
    if (low.contig, low.position) == (high.contig, high.position) {
        // Either read may be the one that comes first.
        rank.read = rank.read.min(Rank::of(high_read).read);
    }
    let mut bytes = Vec::with_capacity(PAIR_KEY + 48 + SEEN);
    bytes.extend_from_slice(&end_bytes(low));
    bytes.extend_from_slice(&source_bytes(source));
    bytes.extend_from_slice(&end_bytes(high));
    bytes.push(u8::from(low.reverse) << 1 | u8::from(high.reverse));
    rank.push_to(&mut bytes);
    bytes.extend_from_slice(&source.place.group.to_be_bytes());
    bytes.push(u8::from(ends[0].reverse) << 1 | u8::from(ends[1].reverse));
    bytes.extend_from_slice(&template.to_be_bytes());
    bytes
}

/// The signature of a mapped read. Without a template it is one of a pair: a sign that a pair ends there.
pub(crate) fn fragment(source: Source, record: View<'_>, template: Option<u64>) -> Vec<u8> {
    let end = End::of(record);
    let mut bytes = Vec::with_capacity(FRAGMENT_KEY + 48);
    bytes.extend_from_slice(&end_bytes(end));
    bytes.extend_from_slice(&source_bytes(source));
    bytes.push(u8::from(end.reverse));
    bytes.push(u8::from(template.is_some()));
    if let Some(template) = template {
        Rank::of(record).push_to(&mut bytes);
        bytes.extend_from_slice(&template.to_be_bytes());
    }
    bytes
}

/// Reads signatures back.
pub(crate) mod read {
    use super::{END, FRAGMENT_KEY, SEEN, SPOT, TEMPLATE};
    use crate::tile::Spot;

    fn be<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
        std::array::from_fn(|i| bytes[at + i])
    }

    /// The library of either kind.
    pub(crate) fn library(bytes: &[u8]) -> usize {
        usize::from(u16::from_be_bytes(be(bytes, END)))
    }

    /// The template of a pair.
    pub(crate) fn pair_template(bytes: &[u8]) -> u64 {
        u64::from_be_bytes(be(bytes, bytes.len() - TEMPLATE))
    }

    /// The template of a fragment; `None` for one of a pair.
    pub(crate) fn fragment_template(bytes: &[u8]) -> Option<u64> {
        (bytes[FRAGMENT_KEY] == 1).then(|| pair_template(bytes))
    }

    /// Where a pair was seen: its read group, the strands of its first and last read (0 to 3), its spot. Pairs
    /// that differ in any but x and y cannot be optical duplicates.
    pub(crate) fn seen(bytes: &[u8]) -> (u16, u8, Spot) {
        let at = bytes.len() - SEEN;
        let number = |i: usize| (u16::from_be_bytes(be(bytes, SPOT + 2 * i)) ^ 0x8000) as i16;
        let spot = Spot {
            tile: number(0),
            x: number(1),
            y: number(2),
        };
        (u16::from_be_bytes(be(bytes, at)), bytes[at + 2], spot)
    }
}
