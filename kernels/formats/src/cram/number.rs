//! The variable-length integers of CRAM 3 (ITF8, LTF8) and a cursor that never reads past its end.

use std::io;

/// Bytes that are read from the front.
#[derive(Clone, Copy, Debug)]
pub(super) struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn take(&mut self, count: usize) -> io::Result<&'a [u8]> {
        let (taken, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    pub(super) fn byte(&mut self) -> io::Result<u8> {
        let (&first, rest) = self
            .rest
            .split_first()
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        self.rest = rest;
        Ok(first)
    }

    pub(super) fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    #[inline]
    pub(super) fn itf8(&mut self) -> io::Result<i32> {
        let byte = self.byte()?;
        let first = u32::from(byte);
        if byte < 0x80 {
            return Ok(first as i32);
        }
        let mut next = || self.byte().map(u32::from);
        Ok(match byte.leading_ones() {
            1 => (first & 0x3f) << 8 | next()?,
            2 => (first & 0x1f) << 16 | next()? << 8 | next()?,
            3 => (first & 0x0f) << 24 | next()? << 16 | next()? << 8 | next()?,
            _ => {
                (first & 0x0f) << 28 | next()? << 20 | next()? << 12 | next()? << 4 | next()? & 0x0f
            }
        } as i32)
    }

    /// An ITF8 that counts something.
    pub(super) fn count(&mut self) -> io::Result<usize> {
        usize::try_from(self.itf8()?).map_err(|_| invalid("a negative count"))
    }

    pub(super) fn ltf8(&mut self) -> io::Result<i64> {
        let first = self.byte()?;
        let more = first.leading_ones();
        let mut value = if more >= 7 {
            0
        } else {
            u64::from(first & (0x7f >> more))
        };
        for _ in 0..more {
            value = value << 8 | u64::from(self.byte()?);
        }
        Ok(value as i64)
    }

    /// A list with its length before it.
    pub(super) fn sized(&mut self) -> io::Result<Input<'a>> {
        let size = self.count()?;
        Ok(Input::new(self.take(size)?))
    }
}

pub(super) fn invalid(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

/// Appends an ITF8.
#[inline]
pub(super) fn put_itf8(into: &mut Vec<u8>, value: i32) {
    let value = value as u32;
    match value {
        0..0x80 => into.push(value as u8),
        0x80..0x4000 => into.extend_from_slice(&(0x8000 | value as u16).to_be_bytes()),
        0x4000..0x20_0000 => into.extend_from_slice(&(0xc0_0000 | value).to_be_bytes()[1..]),
        0x20_0000..0x1000_0000 => into.extend_from_slice(&(0xe000_0000 | value).to_be_bytes()),
        _ => {
            into.push(0xf0 | (value >> 28) as u8);
            into.extend_from_slice(&(value >> 4).to_be_bytes()[1..]);
            into.push((value & 0x0f) as u8);
        }
    }
}

/// Appends an LTF8.
pub(super) fn put_ltf8(into: &mut Vec<u8>, value: u64) {
    let bits = 64 - value.leading_zeros();
    if bits > 56 {
        into.push(0xff);
        into.extend_from_slice(&value.to_be_bytes());
        return;
    }
    let more = bits.saturating_sub(1) / 7;
    let marker = !(0xffu32 >> more) as u8;
    let bytes = (value | u64::from(marker) << (8 * more)).to_be_bytes();
    into.extend_from_slice(&bytes[7 - more as usize..]);
}

#[cfg(test)]
mod tests {
    use super::{Input, put_itf8, put_ltf8};
    use proptest::prelude::*;

    #[test]
    fn the_specification_examples() {
        let mut bytes = Vec::new();
        put_itf8(&mut bytes, -1);
        assert_eq!(bytes, [0xff, 0xff, 0xff, 0xff, 0x0f]);
        bytes.clear();
        put_itf8(&mut bytes, 4_542_278);
        assert_eq!(bytes, [0xe0, 0x45, 0x4f, 0x46]);
        assert!(Input::new(&bytes[..3]).itf8().is_err());
    }

    proptest! {
        #[test]
        fn integers_come_back(value in any::<i32>(), shift in 0u32..32, long in any::<u64>(), by in 0u32..64) {
            let (value, long) = (value >> shift, long >> by);
            let mut bytes = Vec::new();
            put_itf8(&mut bytes, value);
            put_ltf8(&mut bytes, long);
            let mut input = Input::new(&bytes);
            prop_assert_eq!(input.itf8().expect("whole"), value);
            prop_assert_eq!(input.ltf8().expect("whole"), long as i64);
            prop_assert!(input.rest().is_empty());
        }
    }
}
