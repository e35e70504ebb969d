//! Reads as cases give them.

use kumi_formats::bam::{Fields, Record};
use kumi_seq::base;
use kumi_seq::cigar::{self, Kind, Op};
use serde::Deserialize;

const PAIRED: u16 = 0x1;
const PROPER: u16 = 0x2;
const REVERSE: u16 = 0x10;
const MATE_REVERSE: u16 = 0x20;
const FIRST: u16 = 0x40;
const SECOND: u16 = 0x80;
/// Illumina's adapter, again and again.
const ADAPTER: &[u8] = b"AGATCGGAAGAGCACACGTCTGAACTCCAGTCA";

/// Reads that are alike but for where they begin.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Group {
    #[serde(default = "one")]
    count: usize,
    /// Where the first begins, 1-based, and how much farther each next one.
    start: usize,
    #[serde(default)]
    step: usize,
    /// Reference bases that each covers.
    #[serde(default = "hundred")]
    length: usize,
    /// How they differ: `301 A>T`, `301 A>ATT`, `301 ATT>A`, 1-based.
    #[serde(default)]
    with: Vec<String>,
    /// Bases of another sequence before and behind, soft-clipped.
    #[serde(default)]
    clip: [usize; 2],
    #[serde(default)]
    strand: Strand,
    #[serde(default = "sixty")]
    mapq: u8,
    /// 255: not known.
    #[serde(default = "good")]
    quality: u8,
    /// Besides what strand and mates say.
    #[serde(default)]
    flags: u16,
    /// Pairs: bases of the fragment. What a read has more is adapter, aligned as if it were not.
    fragment: Option<usize>,
    /// How second reads differ, when otherwise than first ones.
    second: Option<Vec<String>>,
    /// `=` and `X` instead of `M`.
    #[serde(default)]
    exact: bool,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Strand {
    #[default]
    Both,
    Forward,
    Reverse,
}

fn one() -> usize {
    1
}

fn hundred() -> usize {
    100
}

fn sixty() -> u8 {
    60
}

fn good() -> u8 {
    32
}

/// Position, 0-based, REF and ALT.
struct Edit<'a>(usize, &'a [u8], &'a [u8]);

impl Group {
    /// The records; `number` tells groups apart by name.
    pub(crate) fn records(&self, number: usize, reference: &[u8]) -> Vec<Record> {
        let of = |n: usize| self.template(&format!("g{number}r{n}"), n, reference);
        (0..self.count).flat_map(of).collect()
    }

    fn template(&self, name: &str, n: usize, reference: &[u8]) -> Vec<Record> {
        let start = self.start - 1 + n * self.step;
        let reverse = match self.strand {
            Strand::Both => n % 2 == 1,
            strand => strand == Strand::Reverse,
        };
        let Some(fragment) = self.fragment else {
            let flags = if reverse { REVERSE } else { 0 };
            return vec![self.record(name, reference, start, &self.with, flags, None)];
        };
        // The first read is the forward one; the second ends where the fragment does.
        let length = self.length.min(fragment);
        let mates = [start, start + fragment - length];
        let adapter = self.length - length;
        let sign = |forward: bool| {
            if forward {
                fragment as i32
            } else {
                -(fragment as i32)
            }
        };
        let flags = [
            PAIRED | PROPER | MATE_REVERSE | FIRST,
            PAIRED | PROPER | REVERSE | SECOND,
        ];
        let with = [&self.with, self.second.as_ref().unwrap_or(&self.with)];
        (0..2)
            .map(|side| {
                let first = if side == 0 {
                    mates[0]
                } else {
                    mates[1] - adapter
                };
                let mate = Mate {
                    position: if side == 0 {
                        mates[1] - adapter
                    } else {
                        mates[0]
                    },
                    length: sign(side == 0),
                    adapter: (adapter, side == 1),
                };
                self.record(name, reference, first, with[side], flags[side], Some(mate))
            })
            .collect()
    }

    fn record(
        &self,
        name: &str,
        reference: &[u8],
        start: usize,
        with: &[String],
        flags: u16,
        mate: Option<Mate>,
    ) -> Record {
        let edits: Vec<Edit<'_>> = with.iter().map(|text| parse(text, reference)).collect();
        let (mut bases, mut ops) = edited(reference, start, self.length, &edits, self.exact);
        if let Some(Mate {
            adapter: (adapter, is_before),
            ..
        }) = mate
        {
            let sequence = ADAPTER.iter().copied().cycle().take(adapter);
            if is_before {
                let sequence: Vec<u8> = sequence.collect();
                bases[..adapter].copy_from_slice(&base::reverse_complement(&sequence));
            } else {
                let from = bases.len() - adapter;
                bases.splice(from.., sequence);
            }
        }
        let [before, behind] = self.clip;
        let other =
            |length: usize| (0..length).map(move |at| b"ACGT"[(at * at + at / 3 + start) % 4]);
        bases.splice(0..0, other(before));
        bases.extend(other(behind));
        let mut clipped = Vec::new();
        cigar::push(&mut clipped, Kind::SoftClip, before as u32);
        ops.drain(..)
            .for_each(|op| cigar::push(&mut clipped, op.kind, op.len));
        cigar::push(&mut clipped, Kind::SoftClip, behind as u32);
        let quality = (self.quality != 255).then(|| vec![self.quality; bases.len()]);
        Fields {
            name: name.as_bytes(),
            flags: flags | self.flags,
            place: Some((0, start as u32)),
            mapq: self.mapq,
            cigar: &clipped,
            mate: mate.as_ref().map(|mate| (0, mate.position as u32)),
            template_length: mate.map_or(0, |mate| mate.length),
            bases: &bases,
            qualities: &quality.unwrap_or_default(),
        }
        .to_record()
    }
}

/// What a read says of its mate and its fragment.
struct Mate {
    position: usize,
    length: i32,
    /// Bases of adapter, and whether they lie before the rest.
    adapter: (usize, bool),
}

fn parse<'a>(text: &'a str, reference: &[u8]) -> Edit<'a> {
    let (position, change) = text.split_once(' ').expect("a position");
    let position = position.parse::<usize>().expect("a position") - 1;
    let (old, new) = change.split_once('>').expect("REF>ALT");
    let there = &reference[position..position + old.len()];
    assert!(
        there == old.as_bytes(),
        "{text}: there stands {}",
        String::from_utf8_lossy(there)
    );
    Edit(position, old.as_bytes(), new.as_bytes())
}

/// The bases that a haplotype with `edits` has instead of `length` from `start` on, and how they lie.
fn edited(
    reference: &[u8],
    start: usize,
    length: usize,
    edits: &[Edit<'_>],
    exact: bool,
) -> (Vec<u8>, Vec<Op>) {
    let (mut bases, mut ops, mut at) = (Vec::new(), Vec::new(), start);
    let (same, differs) = if exact {
        (Kind::SequenceMatch, Kind::SequenceMismatch)
    } else {
        (Kind::Match, Kind::Match)
    };
    while at < (start + length).min(reference.len()) {
        let Some(Edit(_, old, new)) = edits.iter().find(|edit| edit.0 == at) else {
            bases.push(reference[at]);
            cigar::push(&mut ops, same, 1);
            at += 1;
            continue;
        };
        let kind = if old[0] == new[0] { same } else { differs };
        cigar::push(&mut ops, kind, 1);
        cigar::push(&mut ops, Kind::Insertion, (new.len() - 1) as u32);
        cigar::push(&mut ops, Kind::Deletion, (old.len() - 1) as u32);
        bases.extend_from_slice(new);
        at += old.len();
    }
    (bases, ops)
}
