//! BAM records encoded into the series of a slice (CRAM 3.0, section 10).

use std::collections::BTreeMap;
use std::io;

use kumi_seq::cigar::{self, Kind, Op};

use super::compression::BASES;
use super::decode::compression_flag as bit;
use super::series::{Key, STOP, Streams};
use super::window::Window;
use crate::bam::{Record, Value, View, flag};

/// A slice that grows.
pub(super) struct Encoder<'a, 'r> {
    pub(super) streams: Streams,
    /// The kinds of records by their tags, in order of appearance.
    pub(super) tag_lines: Vec<Vec<[u8; 3]>>,
    line_numbers: BTreeMap<Vec<[u8; 3]>, i32>,
    groups: &'a BTreeMap<Vec<u8>, i32>,
    window: Window<'r>,
    /// Contigs are written with every record, and positions as they are.
    several: bool,
    last_start: i32,
}

/// How a record tells of its mate.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mate {
    /// In its own fields.
    Detached,
    /// It is so many records further down.
    Downstream(usize),
    /// The mate has told.
    Upstream,
}

impl<'a, 'r> Encoder<'a, 'r> {
    pub(super) fn new(
        groups: &'a BTreeMap<Vec<u8>, i32>,
        window: Window<'r>,
        several: bool,
        start: i32,
    ) -> Self {
        Self {
            streams: Streams::default(),
            tag_lines: Vec::new(),
            line_numbers: BTreeMap::new(),
            groups,
            window,
            several,
            last_start: start,
        }
    }

    /// Encodes all records of the slice.
    ///
    /// # Errors
    /// `InvalidInput` for a record that CRAM cannot hold.
    pub(super) fn encode(&mut self, records: &[Record]) -> io::Result<()> {
        for (record, mate) in records.iter().zip(mates(records)) {
            self.record(&record.view(), mate)?;
        }
        Ok(())
    }

    fn record(&mut self, view: &View<'_>, mate: Mate) -> io::Result<()> {
        let ops: Vec<Op> = view.cigar().collect();
        let unmapped = view.flags() & flag::UNMAPPED != 0;
        check(view, &ops, unmapped)?;
        let no_bases = view.read_length() == 0;
        let has_qualities = has_qualities(view);
        let mut compressed = 0;
        if has_qualities {
            compressed |= bit::QUALITIES;
        }
        if no_bases {
            compressed |= bit::NO_BASES;
        }
        compressed |= match mate {
            Mate::Detached => bit::DETACHED,
            Mate::Downstream(_) => bit::MATE_DOWNSTREAM,
            Mate::Upstream => 0,
        };
        let s = &mut self.streams;
        s.number(Key::Flags, i32::from(view.flags()));
        s.number(Key::CompressionFlags, compressed);
        let start = view.pos() + 1;
        if self.several {
            s.number(Key::Contig, view.ref_id());
        }
        let length = if no_bases {
            cigar::read_length(&ops) as usize
        } else {
            view.read_length()
        };
        s.number(Key::Length, length as i32);
        s.number(
            Key::Position,
            if self.several {
                start
            } else {
                start - self.last_start
            },
        );
        self.last_start = start;
        let group = match view.tag(*b"RG") {
            Some(Value::String(id)) => self.groups.get(id).copied(),
            _ => None,
        };
        s.number(Key::Group, group.unwrap_or(-1));
        let name = s.bytes(Key::Name);
        name.extend_from_slice(view.name());
        name.push(STOP);
        match mate {
            Mate::Detached => {
                s.number(Key::MateFlags, mate_flags(view.flags()));
                s.number(Key::MateContig, view.mate_ref_id());
                s.number(Key::MatePosition, view.mate_pos() + 1);
                s.number(Key::TemplateLength, view.template_length());
            }
            Mate::Downstream(between) => s.number(Key::MateDistance, between as i32),
            Mate::Upstream => {}
        }
        self.tags(view, group.is_some())?;
        if !unmapped {
            self.features(view, &ops, no_bases)?;
            self.streams.number(Key::Mapq, i32::from(view.mapq()));
        } else if !no_bases {
            self.streams.bytes(Key::Base).extend(view.bases());
        }
        if has_qualities {
            let qualities = self.streams.bytes(Key::Quality);
            qualities.extend_from_slice(view.qualities());
        }
        Ok(())
    }

    /// Tags by name, integers in the smallest type: equal records are equal bytes.
    fn tags(&mut self, view: &View<'_>, has_group: bool) -> io::Result<()> {
        let mut tags: Vec<([u8; 2], Value<'_>)> = view
            .tags()
            .flatten()
            .filter(|(name, _)| !(has_group && name == b"RG"))
            .collect();
        tags.sort_by_key(|&(name, _)| name);
        let mut line = Vec::with_capacity(tags.len());
        for (name, value) in tags {
            let (kind, bytes) = tag_value(value);
            let tag = [name[0], name[1], kind];
            let stream = self.streams.tags.entry(tag).or_default();
            match kind {
                b'Z' | b'H' if bytes.contains(&STOP) => {
                    return Err(refused(view, "has a tab in a tag"));
                }
                b'Z' | b'H' => {
                    stream.extend_from_slice(&bytes);
                    stream.push(STOP);
                }
                b'B' => {
                    super::number::put_itf8(stream, bytes.len() as i32);
                    stream.extend_from_slice(&bytes);
                }
                _ => stream.extend_from_slice(&bytes),
            }
            line.push(tag);
        }
        let next = self.tag_lines.len() as i32;
        let number = *self.line_numbers.entry(line).or_insert_with_key(|line| {
            self.tag_lines.push(line.clone());
            next
        });
        self.streams.number(Key::TagLine, number);
        Ok(())
    }

    fn features(&mut self, view: &View<'_>, ops: &[Op], no_bases: bool) -> io::Result<()> {
        let bases: Vec<u8> = if no_bases {
            vec![b'N'; cigar::read_length(ops) as usize]
        } else {
            view.bases().collect()
        };
        let qualities = Some(view.qualities()).filter(|_| has_qualities(view));
        let mut features = Features {
            streams: &mut self.streams,
            count: 0,
            before: 0,
        };
        let (mut at, mut reference_at) = (0usize, view.pos());
        for op in ops {
            let length = op.len as usize;
            match op.kind {
                Kind::Match | Kind::SequenceMatch | Kind::SequenceMismatch => {
                    if !no_bases {
                        let reference = self.window.bases(view.ref_id(), reference_at, length)?;
                        let own = &bases[at..at + length];
                        features.aligned(at, own, reference, qualities);
                    }
                }
                Kind::Insertion if length == 1 => {
                    features.begin(b'i', at);
                    features.streams.bytes(Key::Base).push(bases[at]);
                }
                Kind::Insertion => {
                    features.array(b'I', at, Key::Insertion, &bases[at..at + length])
                }
                Kind::SoftClip => features.array(b'S', at, Key::Clip, &bases[at..at + length]),
                Kind::Deletion => features.length(b'D', at, Key::Deletion, op.len),
                Kind::Skip => features.length(b'N', at, Key::Skip, op.len),
                Kind::Padding => features.length(b'P', at, Key::Padding, op.len),
                Kind::HardClip => features.length(b'H', at, Key::HardClip, op.len),
            }
            if op.kind.consumes_read() {
                at += length;
            }
            if op.kind.consumes_reference() {
                reference_at += op.len as i32;
            }
        }
        let count = features.count;
        self.streams.number(Key::FeatureCount, count);
        Ok(())
    }
}

/// The features of one read.
struct Features<'s> {
    streams: &'s mut Streams,
    count: i32,
    /// Position of the last feature, 1-based.
    before: i32,
}

impl Features<'_> {
    /// A feature at the read's base `at` (0-based).
    fn begin(&mut self, code: u8, at: usize) {
        let position = at as i32 + 1;
        self.streams.bytes(Key::FeatureCode).push(code);
        self.streams
            .number(Key::FeaturePosition, position - self.before);
        self.before = position;
        self.count += 1;
    }

    fn array(&mut self, code: u8, at: usize, key: Key, bases: &[u8]) {
        self.begin(code, at);
        let stream = self.streams.bytes(key);
        stream.extend_from_slice(bases);
        stream.push(STOP);
    }

    fn length(&mut self, code: u8, at: usize, key: Key, length: u32) {
        self.begin(code, at);
        self.streams.number(key, length as i32);
    }

    /// The mismatches of aligned bases, of which the first is the read's base `first`.
    fn aligned(&mut self, first: usize, bases: &[u8], reference: &[u8], qualities: Option<&[u8]>) {
        let pairs = bases.iter().zip(reference).enumerate();
        for (at, (&base, &other)) in pairs.filter(|(_, (base, other))| base != other) {
            let at = first + at;
            match (substitution(other, base), qualities) {
                (Some(code), _) => {
                    self.begin(b'X', at);
                    self.streams.bytes(Key::Substitution).push(code);
                }
                (None, None) => self.array(b'b', at, Key::Bases, &[base]),
                (None, Some(qualities)) => {
                    self.begin(b'B', at);
                    self.streams.bytes(Key::Base).push(base);
                    self.streams.bytes(Key::Quality).push(qualities[at]);
                }
            }
        }
    }
}

/// The code of a read base by the order of the bases that the reference base is not.
fn substitution(reference: u8, base: u8) -> Option<u8> {
    let reference = BASES.iter().position(|&other| other == reference)?;
    let base = BASES.iter().position(|&other| other == base)?;
    Some((base - usize::from(base > reference)) as u8)
}

fn has_qualities(view: &View<'_>) -> bool {
    view.qualities().first().is_some_and(|&first| first != 0xff)
}

fn mate_flags(flags: u16) -> i32 {
    let reverse = i32::from(flags & flag::MATE_REVERSE != 0);
    reverse | i32::from(flags & flag::MATE_UNMAPPED != 0) << 1
}

fn refused(view: &View<'_>, what: &str) -> io::Error {
    let name = String::from_utf8_lossy(view.name());
    let message = format!("read {name} {what}; CRAM cannot hold it");
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

fn check(view: &View<'_>, ops: &[Op], unmapped: bool) -> io::Result<()> {
    let what = if unmapped && !ops.is_empty() {
        "is not aligned but has a CIGAR"
    } else if !unmapped && (ops.is_empty() || view.ref_id() < 0 || view.pos() < 0) {
        "is aligned without CIGAR or place"
    } else if unmapped && view.mapq() != 0 {
        "is not aligned but has a mapping quality"
    } else if view.name().contains(&STOP) {
        "has a tab in its name"
    } else {
        return Ok(());
    };
    Err(refused(view, what))
}

/// Type and bytes of a tag's value as BAM stores them, integers in the smallest type that holds them.
fn tag_value(value: Value<'_>) -> (u8, Vec<u8>) {
    let text = |kind, text: &[u8]| (kind, [text, &[0]].concat());
    match value {
        Value::Character(character) => (b'A', vec![character]),
        Value::Integer(number) => integer(number),
        Value::Float(number) => (b'f', number.to_le_bytes().to_vec()),
        Value::String(string) => text(b'Z', string),
        Value::Hex(hex) => text(b'H', hex),
        Value::Array(element, bytes) => {
            let size = super::series::fixed_size(element).unwrap_or(1) as usize;
            let count = (bytes.len() / size) as u32;
            (b'B', [&[element], &count.to_le_bytes()[..], bytes].concat())
        }
    }
}

fn integer(number: i64) -> (u8, Vec<u8>) {
    if let Ok(small) = u8::try_from(number) {
        (b'C', vec![small])
    } else if let Ok(small) = i8::try_from(number) {
        (b'c', small.to_le_bytes().to_vec())
    } else if let Ok(small) = i16::try_from(number) {
        (b's', small.to_le_bytes().to_vec())
    } else if let Ok(small) = u16::try_from(number) {
        (b'S', small.to_le_bytes().to_vec())
    } else if let Ok(small) = i32::try_from(number) {
        (b'i', small.to_le_bytes().to_vec())
    } else {
        (b'I', (number as u32).to_le_bytes().to_vec())
    }
}

/// Pairs up the two segments of a template where a reader will find exactly what they say of each other;
/// everything else says so itself.
fn mates(records: &[Record]) -> Vec<Mate> {
    let mut mates = vec![Mate::Detached; records.len()];
    let mut seen: BTreeMap<&[u8], usize> = BTreeMap::new();
    for (at, record) in records.iter().enumerate() {
        let view = record.view();
        let alone = flag::SECONDARY | flag::SUPPLEMENTARY | flag::UNMAPPED | flag::MATE_UNMAPPED;
        if view.flags() & flag::PAIRED == 0 || view.flags() & alone != 0 {
            continue;
        }
        match seen.remove(view.name()) {
            None => {
                seen.insert(view.name(), at);
            }
            Some(first) if follow_from_each_other(&records[first].view(), &view) => {
                mates[first] = Mate::Downstream(at - first - 1);
                mates[at] = Mate::Upstream;
            }
            Some(_) => {}
        }
    }
    mates
}

fn follow_from_each_other(left: &View<'_>, right: &View<'_>) -> bool {
    let says = |own: &View<'_>, mate: &View<'_>| {
        let reverse = mate.flags() & flag::REVERSE != 0;
        (own.flags() & flag::MATE_REVERSE != 0) == reverse
            && own.mate_ref_id() == mate.ref_id()
            && own.mate_pos() == mate.pos()
    };
    let length = left.end().max(right.end()) - left.pos();
    says(left, right)
        && says(right, left)
        && left.ref_id() == right.ref_id()
        && left.pos() < right.pos()
        && left.template_length() == length
        && right.template_length() == -length
}
