//! What duplicate marking needs to know of a template, in a few bytes whose order groups duplicates.
//!
//! Picard's definition: two pairs are duplicates when library, UMI and, for both reads, contig, unclipped
//! 5' end and strand agree; the best of a group has the highest sum of base qualities of at least 15.
//! Numbers are big-endian, so comparing bytes compares keys first, then puts the best template first.

use std::cmp::Ordering;

use kumi_formats::bam::{Value, View, flag};
use kumi_seq::cigar::Kind;

use crate::external::Order;
use crate::library::Place;
use crate::tile::{self, Tile};

/// Bases below this quality say nothing about which duplicate is best (Picard, `SUM_OF_BASE_QUALITIES`).
const QUALITY_MIN: u8 = 15;

/// The order of bytes.
pub(crate) struct Bytes;

impl Order for Bytes {
    fn prefix(item: &[u8]) -> u64 {
        // Library and UMI seldom differ: contig and position of the first read decide most.
        let byte = |i: usize| item.get(i).copied().unwrap_or(0);
        if item.get(..10).is_some_and(|head| head == [0; 10]) {
            u64::from_be_bytes(std::array::from_fn(|i| byte(10 + i)))
        } else {
            u64::MAX
        }
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

/// The sum of the base qualities that count. Reads that failed the platform's checks rank below all others.
pub(crate) fn score(record: View<'_>) -> u32 {
    let qualities = record.qualities();
    if record.flags() & flag::QC_FAIL != 0 || qualities.first() == Some(&0xff) {
        return 0;
    }
    let counted = qualities.iter().filter(|&&quality| quality >= QUALITY_MIN);
    counted
        .map(|&quality| u32::from(quality))
        .fold(1, u32::saturating_add)
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

/// Who a template is: the best of equals is the one whose name hashes lowest.
#[derive(Clone, Copy)]
pub(crate) struct Identity {
    pub(crate) score: u32,
    pub(crate) name: u64,
    pub(crate) template: u64,
}

impl Identity {
    pub(crate) fn new(score: u32, name: &[u8], template: u64) -> Self {
        Self {
            score,
            name: hash(name),
            template,
        }
    }

    fn to_bytes(self) -> [u8; 20] {
        let mut bytes = [0; 20];
        bytes[..4].copy_from_slice(&(!self.score).to_be_bytes());
        bytes[4..12].copy_from_slice(&self.name.to_be_bytes());
        bytes[12..].copy_from_slice(&self.template.to_be_bytes());
        bytes
    }
}

/// Library and UMI.
const SOURCE: usize = 10;
/// Contig and position.
const END: usize = 8;
/// The bytes that duplicate pairs share.
pub(crate) const PAIR_KEY: usize = SOURCE + 2 * END + 1;
/// The bytes that duplicate fragments share.
pub(crate) const FRAGMENT_KEY: usize = SOURCE + END + 1;
const PAIR: usize = PAIR_KEY + 20 + 20;

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

/// The signature of a pair. `ends` in the order first, last of the template.
pub(crate) fn pair(source: Source, ends: [End; 2], who: Identity, name: &[u8]) -> Vec<u8> {
    let [first, last] = ends;
    // The order of ends puts equal places forward strand first: FR and RF there are the same.
    let [low, high] = if first <= last {
        [first, last]
    } else {
        [last, first]
    };
    let mut bytes = Vec::with_capacity(PAIR);
    bytes.extend_from_slice(&source_bytes(source));
    bytes.extend_from_slice(&end_bytes(low));
    bytes.extend_from_slice(&end_bytes(high));
    bytes.push(u8::from(low.reverse) << 1 | u8::from(high.reverse));
    bytes.extend_from_slice(&who.to_bytes());
    // Where it was seen: read group, which strand the first read is on, lane, tile, x, y.
    bytes.extend_from_slice(&source.place.group.to_be_bytes());
    bytes.push(u8::from(first.reverse) << 1 | u8::from(last.reverse));
    match tile::parse(name) {
        Some(Tile { lane, tile, x, y }) => {
            bytes.push(1);
            for number in [lane, tile, x, y] {
                bytes.extend_from_slice(&number.to_be_bytes());
            }
        }
        None => bytes.push(0),
    }
    bytes
}

/// The signature of a mapped read. Without an identity it is one of a pair: a sign that a pair ends there.
pub(crate) fn fragment(source: Source, end: End, who: Option<Identity>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(FRAGMENT_KEY + 21);
    bytes.extend_from_slice(&source_bytes(source));
    bytes.extend_from_slice(&end_bytes(end));
    bytes.push(u8::from(end.reverse));
    bytes.push(u8::from(who.is_some()));
    if let Some(who) = who {
        bytes.extend_from_slice(&who.to_bytes());
    }
    bytes
}

/// Reads signatures back.
pub(crate) mod read {
    use super::{FRAGMENT_KEY, PAIR_KEY};
    use crate::tile::Tile;

    fn be<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
        std::array::from_fn(|i| bytes[at + i])
    }

    /// The library of either kind.
    pub(crate) fn library(bytes: &[u8]) -> usize {
        usize::from(u16::from_be_bytes(be(bytes, 0)))
    }

    /// The template of a pair.
    pub(crate) fn pair_template(bytes: &[u8]) -> u64 {
        u64::from_be_bytes(be(bytes, PAIR_KEY + 12))
    }

    /// The template of a fragment; `None` for one of a pair.
    pub(crate) fn fragment_template(bytes: &[u8]) -> Option<u64> {
        (bytes[FRAGMENT_KEY] == 1).then(|| u64::from_be_bytes(be(bytes, FRAGMENT_KEY + 1 + 12)))
    }

    /// Where a pair was seen: pairs with another surface cannot be optical duplicates.
    pub(crate) fn seen(bytes: &[u8]) -> Option<([u8; 3], Tile)> {
        let at = PAIR_KEY + 20;
        if bytes[at + 3] == 0 {
            return None;
        }
        let number = |i: usize| u32::from_be_bytes(be(bytes, at + 4 + 4 * i));
        let tile = Tile {
            lane: number(0),
            tile: number(1),
            x: number(2),
            y: number(3),
        };
        Some((be(bytes, at), tile))
    }
}
