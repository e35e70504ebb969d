//! The compression header of a container: what is preserved and how each data series is encoded
//! (CRAM 3.0, section 8.4).

use std::collections::BTreeMap;
use std::io;

use super::encoding::{Array, Scalar};
use super::number::{Input, invalid};

/// The bases between which substitutions are coded.
pub(super) const BASES: [u8; 5] = *b"ACGTN";

/// A parsed compression header.
#[derive(Default)]
pub(super) struct Compression {
    /// Every record has its name.
    pub(super) names: bool,
    /// Positions are differences.
    pub(super) deltas: bool,
    /// Bases are not in the file.
    pub(super) needs_reference: bool,
    /// The read base by reference base (in [`BASES`]) and code.
    pub(super) substitutions: [[u8; 4]; 5],
    /// The tags of each kind of record: name and type.
    pub(super) tag_lines: Vec<Vec<[u8; 3]>>,
    scalars: BTreeMap<[u8; 2], Scalar>,
    arrays: BTreeMap<[u8; 2], Array>,
    tags: BTreeMap<i32, Array>,
}

/// Data series whose values are byte arrays.
const ARRAY_SERIES: [[u8; 2]; 5] = [*b"RN", *b"IN", *b"SC", *b"BB", *b"QQ"];

impl Compression {
    pub(super) fn parse(bytes: &[u8]) -> io::Result<Self> {
        let mut input = Input::new(bytes);
        let mut this = Self {
            names: true,
            deltas: true,
            needs_reference: true,
            ..Self::default()
        };
        this.preservation(&mut input.sized()?)?;
        let mut series = input.sized()?;
        for _ in 0..series.count()? {
            let key: [u8; 2] = series.array()?;
            // Series of CRAM 2 that nobody reads may be there.
            if matches!(&key, b"TC" | b"TN") {
                Array::skip(&mut series)?;
            } else if ARRAY_SERIES.contains(&key) {
                this.arrays.insert(key, Array::parse(&mut series)?);
            } else {
                this.scalars.insert(key, Scalar::parse(&mut series)?);
            }
        }
        let mut tags = input.sized()?;
        for _ in 0..tags.count()? {
            let key = tags.itf8()?;
            this.tags.insert(key, Array::parse(&mut tags)?);
        }
        Ok(this)
    }

    fn preservation(&mut self, input: &mut Input<'_>) -> io::Result<()> {
        for _ in 0..input.count()? {
            let key: [u8; 2] = input.array()?;
            match &key {
                b"RN" => self.names = input.byte()? != 0,
                b"AP" => self.deltas = input.byte()? != 0,
                b"RR" => self.needs_reference = input.byte()? != 0,
                b"SM" => self.substitutions = substitutions(input.array()?),
                b"TD" => self.tag_lines = tag_lines(input.sized()?.rest())?,
                _ => return Err(invalid("an unknown entry of the preservation map")),
            }
        }
        Ok(())
    }

    /// How a series of numbers or bytes is encoded.
    pub(super) fn scalar(&self, key: [u8; 2]) -> Option<&Scalar> {
        self.scalars.get(&key)
    }

    /// How a series of byte arrays is encoded.
    pub(super) fn array(&self, key: [u8; 2]) -> Option<&Array> {
        self.arrays.get(&key)
    }

    /// How the values of a tag are encoded.
    pub(super) fn tag(&self, tag: [u8; 3]) -> Option<&Array> {
        self.tags.get(&tag_id(tag))
    }
}

/// The number of a tag: its name and type.
pub(super) fn tag_id(tag: [u8; 3]) -> i32 {
    i32::from_be_bytes([0, tag[0], tag[1], tag[2]])
}

/// Two bits for each other base, in the order of [`BASES`], the first in the highest.
fn substitutions(matrix: [u8; 5]) -> [[u8; 4]; 5] {
    let mut table = [[b'N'; 4]; 5];
    for (reference, codes) in matrix.into_iter().enumerate() {
        let others = BASES.iter().filter(|&&base| base != BASES[reference]);
        for (shift, &base) in [6, 4, 2, 0].into_iter().zip(others) {
            table[reference][(codes >> shift & 3) as usize] = base;
        }
    }
    table
}

fn tag_lines(bytes: &[u8]) -> io::Result<Vec<Vec<[u8; 3]>>> {
    let mut lines = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let end = rest
            .iter()
            .position(|&byte| byte == 0)
            .ok_or_else(|| invalid("a tag line that does not end"))?;
        let (tags, left) = rest[..end].as_chunks();
        if !left.is_empty() {
            return Err(invalid("a tag line that is no list of tags"));
        }
        lines.push(tags.to_vec());
        rest = &rest[end + 1..];
    }
    Ok(lines)
}
