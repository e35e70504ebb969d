//! Slices decoded into BAM records (CRAM 3.0, section 10).

use std::borrow::Cow;
use std::io;

use kumi_seq::cigar::{self, Kind, Op};

use super::compression::{BASES, Compression};
use super::container::{SEVERAL, SliceHeader};
use super::encoding::{Array, Scalar, Streams};
use super::mates;
use super::number::invalid;
use super::window::Window;
use crate::bam::{Fields, Record, flag};

/// Bits of CF.
pub(super) mod compression_flag {
    pub(in crate::cram) const QUALITIES: i32 = 1;
    pub(in crate::cram) const DETACHED: i32 = 2;
    pub(in crate::cram) const MATE_DOWNSTREAM: i32 = 4;
    pub(in crate::cram) const NO_BASES: i32 = 8;
}

/// A record whose mate may not be known yet.
#[derive(Default)]
pub(super) struct Decoded {
    pub(super) name: Vec<u8>,
    pub(super) flags: u16,
    pub(super) contig: i32,
    /// 0-based, -1 for none.
    pub(super) pos: i32,
    pub(super) mapq: u8,
    pub(super) cigar: Vec<Op>,
    pub(super) mate_contig: i32,
    pub(super) mate_pos: i32,
    pub(super) template_length: i32,
    /// The next record of the same template in the slice.
    pub(super) mate_at: Option<usize>,
    pub(super) detached: bool,
    bases: Vec<u8>,
    qualities: Vec<u8>,
    tags: Vec<u8>,
    group: i32,
}

impl Decoded {
    /// One past the last aligned base.
    pub(super) fn end(&self) -> i32 {
        let length = cigar::reference_length(&self.cigar).max(1);
        self.pos.saturating_add_unsigned(length)
    }
}

/// What the records of a slice are decoded with.
pub(super) struct Slice<'a, 'r> {
    pub(super) header: SliceHeader,
    pub(super) compression: &'a Compression,
    pub(super) core: &'a [u8],
    pub(super) externals: &'a [(i32, Cow<'a, [u8]>)],
    /// Ids of the read groups.
    pub(super) groups: &'a [Vec<u8>],
    pub(super) window: Window<'r>,
    /// So much may become of its records.
    pub(super) bytes_max: usize,
}

impl Slice<'_, '_> {
    /// The records, in file order.
    ///
    /// # Errors
    /// What is wrong with the slice.
    pub(super) fn decode(mut self) -> io::Result<Vec<Record>> {
        let mut series = Series::new(
            self.compression,
            Streams::new(self.core, self.externals, self.bytes_max),
            self.header.place.start,
        );
        let mut decoded = Vec::with_capacity(self.header.records.min(1 << 16));
        for at in 0..self.header.records {
            let mut record = series.record(&self.header, at, &mut self.window)?;
            if let Some(mate) = record.mate_at
                && mate >= self.header.records
            {
                return Err(invalid("a mate outside its slice"));
            }
            if record.name.is_empty() && record.detached {
                record.name = b"*".to_vec();
            }
            decoded.push(record);
        }
        mates::resolve(&mut decoded);
        decoded
            .into_iter()
            .enumerate()
            .map(|(at, mut record)| {
                if record.name.is_empty() {
                    record.name = (self.header.before + at as i64 + 1)
                        .to_string()
                        .into_bytes();
                }
                to_bam(&record, self.groups)
            })
            .collect()
    }
}

fn to_bam(record: &Decoded, groups: &[Vec<u8>]) -> io::Result<Record> {
    if record.name.len() > 254 || record.cigar.len() > usize::from(u16::MAX) {
        return Err(invalid("a name or CIGAR longer than BAM allows"));
    }
    let reference_length: u64 = record
        .cigar
        .iter()
        .filter(|op| op.kind.consumes_reference())
        .map(|op| u64::from(op.len))
        .sum();
    let operations_fit = record.cigar.iter().all(|op| op.len < 1 << 28);
    if !operations_fit || reference_length > i32::MAX as u64 {
        return Err(invalid("an alignment of absurd length"));
    }
    if !record.qualities.is_empty() && record.qualities.len() != record.bases.len() {
        return Err(invalid(
            "a record with another number of qualities than bases",
        ));
    }
    let place = |contig: i32, pos: i32| u32::try_from(contig).ok().zip(u32::try_from(pos).ok());
    let fields = Fields {
        name: &record.name,
        flags: record.flags,
        place: place(record.contig, record.pos),
        mapq: record.mapq,
        cigar: &record.cigar,
        mate: place(record.mate_contig, record.mate_pos),
        template_length: record.template_length,
        bases: &record.bases,
        qualities: &record.qualities,
    };
    let mut bam = fields.to_record();
    bam.extend_tags(&record.tags)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    if let Ok(group) = usize::try_from(record.group) {
        let id = groups
            .get(group)
            .ok_or_else(|| invalid("a read group that the header does not have"))?;
        bam.push_string_tag(*b"RG", id);
    }
    Ok(bam)
}

/// The series of a slice, each ready to be read.
struct Series<'a> {
    compression: &'a Compression,
    streams: Streams<'a>,
    last_start: i32,
    flags: Option<&'a Scalar>,
    compression_flags: Option<&'a Scalar>,
    contig: Option<&'a Scalar>,
    length: Option<&'a Scalar>,
    position: Option<&'a Scalar>,
    group: Option<&'a Scalar>,
    tag_line: Option<&'a Scalar>,
    qualities: Option<&'a Scalar>,
    bases: Option<&'a Scalar>,
    name: Option<&'a Array>,
    /// How each tag of each line is encoded.
    tags: Vec<Vec<([u8; 3], Option<&'a Array>)>>,
    features: Features<'a>,
}

/// The series of features.
#[derive(Clone, Copy)]
struct Features<'a> {
    count: Option<&'a Scalar>,
    code: Option<&'a Scalar>,
    position: Option<&'a Scalar>,
    substitution: Option<&'a Scalar>,
    deletion: Option<&'a Scalar>,
    mapq: Option<&'a Scalar>,
    clip: Option<&'a Array>,
    insertion: Option<&'a Array>,
}

fn number(series: Option<&Scalar>, streams: &mut Streams<'_>) -> io::Result<i32> {
    series
        .ok_or_else(|| invalid("a data series is missing"))?
        .number(streams)
}

fn byte(series: Option<&Scalar>, streams: &mut Streams<'_>) -> io::Result<u8> {
    series
        .ok_or_else(|| invalid("a data series is missing"))?
        .byte(streams)
}

fn array(series: Option<&Array>, streams: &mut Streams<'_>, into: &mut Vec<u8>) -> io::Result<()> {
    series
        .ok_or_else(|| invalid("a data series is missing"))?
        .read(streams, into)
}

fn length(value: i32) -> io::Result<u32> {
    u32::try_from(value)
        .ok()
        .filter(|&length| length < 1 << 28)
        .ok_or_else(|| invalid("a length that is negative or absurd"))
}

impl<'a> Series<'a> {
    fn new(compression: &'a Compression, streams: Streams<'a>, start: i32) -> Self {
        let scalar = |key: &[u8; 2]| compression.scalar(*key);
        let line = |tags: &Vec<[u8; 3]>| {
            tags.iter()
                .map(|&tag| (tag, compression.tag(tag)))
                .collect()
        };
        Self {
            compression,
            streams,
            last_start: start,
            flags: scalar(b"BF"),
            compression_flags: scalar(b"CF"),
            contig: scalar(b"RI"),
            length: scalar(b"RL"),
            position: scalar(b"AP"),
            group: scalar(b"RG"),
            tag_line: scalar(b"TL"),
            qualities: scalar(b"QS"),
            bases: scalar(b"BA"),
            name: compression.array(*b"RN"),
            tags: compression.tag_lines.iter().map(line).collect(),
            features: Features {
                count: scalar(b"FN"),
                code: scalar(b"FC"),
                position: scalar(b"FP"),
                substitution: scalar(b"BS"),
                deletion: scalar(b"DL"),
                mapq: scalar(b"MQ"),
                clip: compression.array(*b"SC"),
                insertion: compression.array(*b"IN"),
            },
        }
    }

    fn number(&mut self, series: Option<&'a Scalar>) -> io::Result<i32> {
        number(series, &mut self.streams)
    }

    fn other(&mut self, key: &[u8; 2]) -> io::Result<i32> {
        self.number(self.compression.scalar(*key))
    }

    fn record(
        &mut self,
        header: &SliceHeader,
        at: usize,
        window: &mut Window<'_>,
    ) -> io::Result<Decoded> {
        let mut record = Decoded {
            flags: self.number(self.flags)? as u16,
            mate_contig: -1,
            mate_pos: -1,
            ..Decoded::default()
        };
        let compressed = self.number(self.compression_flags)?;
        record.contig = match header.place.contig {
            SEVERAL => self.number(self.contig)?,
            one => one,
        };
        let read_length = length(self.number(self.length)?)? as usize;
        self.streams.spend(read_length)?;
        let position = self.number(self.position)?;
        let start = if self.compression.deltas {
            self.last_start = self.last_start.wrapping_add(position);
            self.last_start
        } else {
            position
        };
        record.pos = start.wrapping_sub(1).max(-1);
        record.group = self.number(self.group)?;
        if self.compression.names {
            array(self.name, &mut self.streams, &mut record.name)?;
        }
        self.mate(&mut record, compressed, at)?;
        self.tags(&mut record)?;
        if record.flags & flag::UNMAPPED == 0 {
            self.aligned(&mut record, compressed, read_length, window)?;
        } else if compressed & compression_flag::NO_BASES == 0 {
            let series = self
                .bases
                .ok_or_else(|| invalid("a data series is missing"))?;
            series.bytes(&mut self.streams, read_length, &mut record.bases)?;
        }
        if compressed & compression_flag::QUALITIES != 0 {
            record.qualities.clear();
            let series = self
                .qualities
                .ok_or_else(|| invalid("a data series is missing"))?;
            series.bytes(&mut self.streams, read_length, &mut record.qualities)?;
        }
        if compressed & compression_flag::NO_BASES != 0 {
            record.bases.clear();
            record.qualities.clear();
        }
        Ok(record)
    }

    fn mate(&mut self, record: &mut Decoded, compressed: i32, at: usize) -> io::Result<()> {
        if compressed & compression_flag::DETACHED != 0 {
            record.detached = true;
            let mate_flags = self.other(b"MF")?;
            if !self.compression.names {
                array(self.name, &mut self.streams, &mut record.name)?;
            }
            record.mate_contig = self.other(b"NS")?;
            record.mate_pos = self.other(b"NP")?.wrapping_sub(1);
            record.template_length = self.other(b"TS")?;
            if mate_flags & 1 != 0 {
                record.flags |= flag::MATE_REVERSE;
            }
            if mate_flags & 2 != 0 {
                record.flags |= flag::MATE_UNMAPPED;
            }
        } else if compressed & compression_flag::MATE_DOWNSTREAM != 0 {
            let between = length(self.other(b"NF")?)?;
            record.mate_at = Some(at + 1 + between as usize);
        }
        Ok(())
    }

    fn tags(&mut self, record: &mut Decoded) -> io::Result<()> {
        let line = self.number(self.tag_line)?;
        if self.tags.is_empty() && line == 0 {
            return Ok(());
        }
        let line = usize::try_from(line)
            .ok()
            .and_then(|line| self.tags.get(line))
            .ok_or_else(|| invalid("a tag line that does not exist"))?;
        for &(tag, encoding) in line {
            record.tags.extend_from_slice(&tag);
            array(encoding, &mut self.streams, &mut record.tags)?;
        }
        Ok(())
    }

    fn aligned(
        &mut self,
        record: &mut Decoded,
        compressed: i32,
        read_length: usize,
        window: &mut Window<'_>,
    ) -> io::Result<()> {
        let features = self.features;
        let mut build = Build {
            contig: record.contig,
            at: record.pos,
            bases: std::mem::take(&mut record.bases),
            qualities: Vec::new(),
            cigar: std::mem::take(&mut record.cigar),
            window: (compressed & compression_flag::NO_BASES == 0).then_some(window),
            length: read_length,
        };
        build.bases.reserve(read_length);
        let count = length(number(features.count, &mut self.streams)?)?;
        let mut position = 0i32;
        self.streams.spend(count as usize)?;
        for _ in 0..count {
            let code = byte(features.code, &mut self.streams)?;
            position = position.wrapping_add(number(features.position, &mut self.streams)?);
            let before = usize::try_from(position.wrapping_sub(1))
                .ok()
                .filter(|&before| before <= read_length)
                .ok_or_else(|| invalid("a feature outside its read"))?;
            build.match_up_to(before)?;
            self.feature(code, before, &mut build)?;
        }
        build.match_up_to(read_length)?;
        record.mapq = number(self.features.mapq, &mut self.streams)? as u8;
        (record.bases, record.qualities, record.cigar) =
            (build.bases, build.qualities, build.cigar);
        Ok(())
    }

    fn feature(&mut self, code: u8, before: usize, build: &mut Build<'_, '_>) -> io::Result<()> {
        let features = self.features;
        let streams = &mut self.streams;
        match code {
            b'X' => {
                let code = byte(features.substitution, streams)? & 3;
                let reference = build.reference_base()?;
                let row = BASES
                    .iter()
                    .position(|&base| base == reference)
                    .unwrap_or(4);
                build.aligned_bases(&[self.compression.substitutions[row][code as usize]])
            }
            b'B' => {
                let base = byte(self.bases, streams)?;
                let quality = byte(self.qualities, streams)?;
                build.set_qualities(before, &[quality]);
                build.aligned_bases(&[base])
            }
            b'b' => {
                let mut bases = Vec::new();
                array(self.compression.array(*b"BB"), streams, &mut bases)?;
                build.aligned_bases(&bases)
            }
            b'q' => {
                let mut qualities = Vec::new();
                array(self.compression.array(*b"QQ"), streams, &mut qualities)?;
                build.set_qualities(before, &qualities);
                Ok(())
            }
            b'Q' => {
                let quality = byte(self.qualities, streams)?;
                build.set_qualities(before, &[quality]);
                Ok(())
            }
            b'S' => build.own_bases(Kind::SoftClip, |into| array(features.clip, streams, into)),
            b'I' => build.own_bases(Kind::Insertion, |into| {
                array(features.insertion, streams, into)
            }),
            b'i' => build.own_bases(Kind::Insertion, |into| {
                into.push(byte(self.bases, streams)?);
                Ok(())
            }),
            b'D' => build.skip(Kind::Deletion, number(features.deletion, streams)?),
            b'N' => build.skip(
                Kind::Skip,
                number(self.compression.scalar(*b"RS"), streams)?,
            ),
            b'P' => build.skip(
                Kind::Padding,
                number(self.compression.scalar(*b"PD"), streams)?,
            ),
            b'H' => build.skip(
                Kind::HardClip,
                number(self.compression.scalar(*b"HC"), streams)?,
            ),
            _ => Err(invalid("a feature that does not exist")),
        }
    }
}

/// A read that grows from its features.
struct Build<'w, 'r> {
    contig: i32,
    /// The next reference base.
    at: i32,
    bases: Vec<u8>,
    qualities: Vec<u8>,
    cigar: Vec<Op>,
    /// The reference; `None` when the bases are not known.
    window: Option<&'w mut Window<'r>>,
    length: usize,
}

impl Build<'_, '_> {
    /// Takes reference bases until the read has `length` bases.
    fn match_up_to(&mut self, length: usize) -> io::Result<()> {
        let Some(missing) = length.checked_sub(self.bases.len()).filter(|&n| n > 0) else {
            return Ok(());
        };
        match &mut self.window {
            Some(window) => {
                let bases = window.bases(self.contig, self.at, missing)?;
                self.bases.extend_from_slice(bases);
            }
            None => self.bases.resize(length, b'N'),
        }
        cigar::push(&mut self.cigar, Kind::Match, missing as u32);
        self.at = self.at.wrapping_add(missing as i32);
        Ok(())
    }

    fn reference_base(&mut self) -> io::Result<u8> {
        match &mut self.window {
            Some(window) => Ok(window.bases(self.contig, self.at, 1)?[0]),
            None => Ok(b'N'),
        }
    }

    fn check_length(&self) -> io::Result<()> {
        if self.bases.len() > self.length {
            return Err(invalid("features longer than their read"));
        }
        Ok(())
    }

    fn aligned_bases(&mut self, bases: &[u8]) -> io::Result<()> {
        self.bases.extend_from_slice(bases);
        cigar::push(&mut self.cigar, Kind::Match, bases.len() as u32);
        self.at = self.at.wrapping_add(bases.len() as i32);
        self.check_length()
    }

    /// Bases that are not on the reference.
    fn own_bases(
        &mut self,
        kind: Kind,
        read: impl FnOnce(&mut Vec<u8>) -> io::Result<()>,
    ) -> io::Result<()> {
        let before = self.bases.len();
        read(&mut self.bases)?;
        cigar::push(&mut self.cigar, kind, (self.bases.len() - before) as u32);
        self.check_length()
    }

    fn skip(&mut self, kind: Kind, count: i32) -> io::Result<()> {
        let count = length(count)?;
        cigar::push(&mut self.cigar, kind, count);
        if kind.consumes_reference() {
            self.at = self.at.wrapping_add(count as i32);
        }
        Ok(())
    }

    fn set_qualities(&mut self, at: usize, qualities: &[u8]) {
        self.qualities.resize(self.length, 0xff);
        for (to, &quality) in self.qualities[at..].iter_mut().zip(qualities) {
            *to = quality;
        }
    }
}
