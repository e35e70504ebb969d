//! The data series that are written, and the compression header that describes them.

use std::collections::BTreeMap;

use super::compression::tag_id;
use super::container::Method;
use super::number::put_itf8;
use super::rans;

/// A data series; its number is the id of its block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Flags = 1,
    CompressionFlags,
    Contig,
    Length,
    Position,
    Group,
    Name,
    MateFlags,
    MateContig,
    MatePosition,
    TemplateLength,
    MateDistance,
    TagLine,
    FeatureCount,
    FeatureCode,
    FeaturePosition,
    Substitution,
    Insertion,
    Clip,
    Base,
    Bases,
    Deletion,
    Skip,
    HardClip,
    Padding,
    Mapq,
    Quality,
}

/// Every series with its name in the file.
const KEYS: [(Key, &[u8; 2]); 27] = [
    (Key::Flags, b"BF"),
    (Key::CompressionFlags, b"CF"),
    (Key::Contig, b"RI"),
    (Key::Length, b"RL"),
    (Key::Position, b"AP"),
    (Key::Group, b"RG"),
    (Key::Name, b"RN"),
    (Key::MateFlags, b"MF"),
    (Key::MateContig, b"NS"),
    (Key::MatePosition, b"NP"),
    (Key::TemplateLength, b"TS"),
    (Key::MateDistance, b"NF"),
    (Key::TagLine, b"TL"),
    (Key::FeatureCount, b"FN"),
    (Key::FeatureCode, b"FC"),
    (Key::FeaturePosition, b"FP"),
    (Key::Substitution, b"BS"),
    (Key::Insertion, b"IN"),
    (Key::Clip, b"SC"),
    (Key::Base, b"BA"),
    (Key::Bases, b"BB"),
    (Key::Deletion, b"DL"),
    (Key::Skip, b"RS"),
    (Key::HardClip, b"HC"),
    (Key::Padding, b"PD"),
    (Key::Mapq, b"MQ"),
    (Key::Quality, b"QS"),
];

/// What ends names and texts; SAM allows a tab in neither.
pub(super) const STOP: u8 = b'\t';

/// The values of a slice, a stream a series and a tag.
#[derive(Default)]
pub(super) struct Streams {
    series: [Vec<u8>; KEYS.len() + 1],
    pub(super) tags: BTreeMap<[u8; 3], Vec<u8>>,
}

impl Streams {
    pub(super) fn bytes(&mut self, key: Key) -> &mut Vec<u8> {
        &mut self.series[key as usize]
    }

    pub(super) fn number(&mut self, key: Key, value: i32) {
        put_itf8(self.bytes(key), value);
    }

    /// The streams that hold anything, each compressed, in order of their ids.
    pub(super) fn compress(&self) -> Vec<Compressed> {
        let series = KEYS.iter().map(|&(key, _)| {
            let bytes = &self.series[key as usize];
            let candidates = match key {
                Key::Quality => RANS,
                Key::Name => GZIP,
                _ => ANY,
            };
            (key as i32, bytes, candidates)
        });
        let tags = self
            .tags
            .iter()
            .map(|(tag, bytes)| (tag_id(*tag), bytes, ANY));
        series
            .chain(tags)
            .filter(|(_, bytes, _)| !bytes.is_empty())
            .map(|(id, bytes, candidates)| compress(id, bytes, candidates))
            .collect()
    }
}

/// A stream that is ready to be written.
pub(super) struct Compressed {
    pub(super) id: i32,
    pub(super) method: Method,
    pub(super) raw_size: usize,
    pub(super) bytes: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Candidate {
    Order0,
    Order1,
    Gzip,
}

const RANS: &[Candidate] = &[Candidate::Order0, Candidate::Order1];
const GZIP: &[Candidate] = &[Candidate::Gzip];
const ANY: &[Candidate] = &[Candidate::Order0, Candidate::Order1, Candidate::Gzip];

/// Below this a code table costs more than it saves.
const COMPRESSED_BYTES_MIN: usize = 32;
const GZIP_LEVEL: u32 = 5;

/// Tries all candidates; the smallest wins, of equals the first.
fn compress(id: i32, bytes: &[u8], candidates: &[Candidate]) -> Compressed {
    let mut best = (Method::Raw, bytes.to_vec());
    if bytes.len() >= COMPRESSED_BYTES_MIN {
        for candidate in candidates {
            let (method, packed) = match candidate {
                Candidate::Order0 => (Method::Rans, rans::order_0(bytes)),
                Candidate::Order1 => (Method::Rans, rans::order_1(bytes)),
                Candidate::Gzip => (Method::Gzip, gzip(bytes)),
            };
            if packed.len() < best.1.len() {
                best = (method, packed);
            }
        }
    }
    Compressed {
        id,
        method: best.0,
        raw_size: bytes.len(),
        bytes: best.1,
    }
}

/// gzip without a time or a name in it.
pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let level = flate2::Compression::new(GZIP_LEVEL);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .expect("writing to memory succeeds")
}

/// The compression header of a container with one slice.
pub(super) fn compression_header(
    deltas: bool,
    tag_lines: &[Vec<[u8; 3]>],
    streams: &Streams,
) -> Vec<u8> {
    let mut preservation = Vec::new();
    put_itf8(&mut preservation, 5);
    preservation.extend_from_slice(b"RN\x01AP");
    preservation.push(u8::from(deltas));
    // Every substitution has its code by the order of the other bases.
    preservation.extend_from_slice(b"RR\x01SM\x1b\x1b\x1b\x1b\x1bTD");
    let mut lines: Vec<u8> = Vec::new();
    for line in tag_lines {
        lines.extend_from_slice(line.as_flattened());
        lines.push(0);
    }
    put_sized(&mut preservation, &lines);
    let mut series = Vec::new();
    put_itf8(&mut series, KEYS.len() as i32);
    for (key, name) in KEYS {
        series.extend_from_slice(name);
        match key {
            Key::Name | Key::Insertion | Key::Clip | Key::Bases => {
                put_stop(&mut series, key as i32)
            }
            _ => put_external(&mut series, key as i32),
        }
    }
    let mut tags = Vec::new();
    put_itf8(&mut tags, streams.tags.len() as i32);
    for &tag in streams.tags.keys() {
        put_itf8(&mut tags, tag_id(tag));
        match fixed_size(tag[2]) {
            Some(size) => put_length(&mut tags, |into| put_constant(into, size), tag_id(tag)),
            None if matches!(tag[2], b'Z' | b'H') => put_stop(&mut tags, tag_id(tag)),
            None => put_length(
                &mut tags,
                |into| put_external(into, tag_id(tag)),
                tag_id(tag),
            ),
        }
    }
    let mut header = Vec::new();
    for map in [preservation, series, tags] {
        put_sized(&mut header, &map);
    }
    header
}

/// Bytes of a value of a type whose values all have the same size.
pub(super) fn fixed_size(kind: u8) -> Option<i32> {
    match kind {
        b'A' | b'c' | b'C' => Some(1),
        b's' | b'S' => Some(2),
        b'i' | b'I' | b'f' => Some(4),
        _ => None,
    }
}

fn put_sized(into: &mut Vec<u8>, bytes: &[u8]) {
    put_itf8(into, bytes.len() as i32);
    into.extend_from_slice(bytes);
}

fn put_encoding(into: &mut Vec<u8>, codec: i32, parameters: &[u8]) {
    put_itf8(into, codec);
    put_sized(into, parameters);
}

fn put_external(into: &mut Vec<u8>, id: i32) {
    let mut parameters = Vec::new();
    put_itf8(&mut parameters, id);
    put_encoding(into, 1, &parameters);
}

/// A Huffman code of one value, which takes no bits.
fn put_constant(into: &mut Vec<u8>, value: i32) {
    let mut parameters = Vec::new();
    for number in [1, value, 1, 0] {
        put_itf8(&mut parameters, number);
    }
    put_encoding(into, 3, &parameters);
}

fn put_stop(into: &mut Vec<u8>, id: i32) {
    let mut parameters = vec![STOP];
    put_itf8(&mut parameters, id);
    put_encoding(into, 5, &parameters);
}

fn put_length(into: &mut Vec<u8>, length: impl FnOnce(&mut Vec<u8>), id: i32) {
    let mut parameters = Vec::new();
    length(&mut parameters);
    put_external(&mut parameters, id);
    put_encoding(into, 4, &parameters);
}
