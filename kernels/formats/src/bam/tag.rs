//! Tags of a BAM record: two letters, a type, a value (SAM 4.2.4).

use crate::bam::view::InvalidRecord;

/// The value of a tag, read in place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// `A`: one printable character.
    Character(u8),
    /// Any of `c C s S i I`.
    Integer(i64),
    /// `f`.
    Float(f32),
    /// `Z`, without terminator.
    String(&'a [u8]),
    /// `H`, without terminator.
    Hex(&'a [u8]),
    /// `B`: element type and little-endian elements.
    Array(u8, &'a [u8]),
}

impl<'a> Value<'a> {
    /// The text of a `Z` tag.
    #[must_use]
    pub fn as_string(self) -> Option<&'a [u8]> {
        if let Self::String(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// The number of an integer tag.
    #[must_use]
    pub fn as_integer(self) -> Option<i64> {
        if let Self::Integer(number) = self {
            Some(number)
        } else {
            None
        }
    }
}

/// The tags of a record in order; stops after the first malformed one.
#[derive(Clone, Debug)]
pub struct Tags<'a> {
    rest: &'a [u8],
}

impl<'a> Tags<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn read(&mut self) -> Option<([u8; 2], Value<'a>)> {
        let name = [*self.rest.first()?, *self.rest.get(1)?];
        let kind = *self.rest.get(2)?;
        let body = &self.rest[3..];
        let (value, used) = read_value(kind, body)?;
        self.rest = &body[used..];
        Some((name, value))
    }
}

impl<'a> Iterator for Tags<'a> {
    type Item = Result<([u8; 2], Value<'a>), InvalidRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let tag = self.read();
        if tag.is_none() {
            self.rest = &[];
        }
        Some(tag.ok_or(InvalidRecord::Tag))
    }
}

fn array<const N: usize>(body: &[u8]) -> Option<[u8; N]> {
    body.get(..N)?.try_into().ok()
}

/// A value of type `kind` at the beginning of `body`, and its size in bytes.
fn read_value(kind: u8, body: &[u8]) -> Option<(Value<'_>, usize)> {
    let integer = |value: i64, size| Some((Value::Integer(value), size));
    match kind {
        b'A' => Some((Value::Character(*body.first()?), 1)),
        b'c' => integer(i64::from(i8::from_le_bytes(array(body)?)), 1),
        b'C' => integer(i64::from(*body.first()?), 1),
        b's' => integer(i64::from(i16::from_le_bytes(array(body)?)), 2),
        b'S' => integer(i64::from(u16::from_le_bytes(array(body)?)), 2),
        b'i' => integer(i64::from(i32::from_le_bytes(array(body)?)), 4),
        b'I' => integer(i64::from(u32::from_le_bytes(array(body)?)), 4),
        b'f' => Some((Value::Float(f32::from_le_bytes(array(body)?)), 4)),
        b'Z' | b'H' => {
            let end = body.iter().position(|&byte| byte == 0)?;
            let text = &body[..end];
            Some((
                if kind == b'Z' {
                    Value::String(text)
                } else {
                    Value::Hex(text)
                },
                end + 1,
            ))
        }
        b'B' => {
            let element = *body.first()?;
            let count = u32::from_le_bytes(array(&body[1..])?) as usize;
            let size = match element {
                b'c' | b'C' => 1,
                b's' | b'S' => 2,
                b'i' | b'I' | b'f' => 4,
                _ => return None,
            };
            let elements = body.get(5..5usize.checked_add(count.checked_mul(size)?)?)?;
            Some((Value::Array(element, elements), 5 + elements.len()))
        }
        _ => None,
    }
}

/// Appends a `Z` tag.
pub fn push_string(bytes: &mut Vec<u8>, name: [u8; 2], text: &[u8]) {
    bytes.extend_from_slice(&name);
    bytes.push(b'Z');
    bytes.extend_from_slice(text);
    bytes.push(0);
}

/// Appends an `f` tag.
pub(super) fn push_float(bytes: &mut Vec<u8>, name: [u8; 2], value: f32) {
    bytes.extend_from_slice(&name);
    bytes.push(b'f');
    bytes.extend_from_slice(&value.to_le_bytes());
}

/// Appends an integer tag in the smallest type that holds it.
pub fn push_integer(bytes: &mut Vec<u8>, name: [u8; 2], value: i32) {
    bytes.extend_from_slice(&name);
    if let Ok(small) = u8::try_from(value) {
        bytes.extend_from_slice(&[b'C', small]);
    } else if let Ok(small) = i16::try_from(value) {
        bytes.push(b's');
        bytes.extend_from_slice(&small.to_le_bytes());
    } else {
        bytes.push(b'i');
        bytes.extend_from_slice(&value.to_le_bytes());
    }
}
