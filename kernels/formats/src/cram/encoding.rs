//! How values lie in blocks: the encodings of CRAM 3.0, section 13, read only.

use std::borrow::Cow;
use std::io;

use super::number::{Input, invalid};

/// The blocks of a slice, each read from its front.
pub(super) struct Streams<'a> {
    core: Bits<'a>,
    externals: Vec<(i32, Input<'a>)>,
    /// Places in `externals` by small ids; 255 for none.
    small: [u8; 256],
    /// Bytes of records that may still be made. A value may take no bits of a block, so that blocks do not
    /// limit them.
    bytes_left: usize,
}

impl<'a> Streams<'a> {
    pub(super) fn new(
        core: &'a [u8],
        externals: &'a [(i32, Cow<'a, [u8]>)],
        bytes_max: usize,
    ) -> Self {
        let externals: Vec<_> = externals
            .iter()
            .map(|(id, bytes)| (*id, Input::new(bytes)))
            .collect();
        let mut small = [255; 256];
        for (at, (id, _)) in externals.iter().enumerate().take(255) {
            if let Some(slot) = usize::try_from(*id).ok().and_then(|id| small.get_mut(id)) {
                *slot = at as u8;
            }
        }
        Self {
            core: Bits::new(core),
            externals,
            small,
            bytes_left: bytes_max,
        }
    }

    /// Takes `count` bytes of what records may still become.
    pub(super) fn spend(&mut self, count: usize) -> io::Result<()> {
        let left = self.bytes_left.checked_sub(count);
        self.bytes_left = left.ok_or_else(|| invalid("a slice of absurd size"))?;
        Ok(())
    }

    #[inline]
    fn external(&mut self, id: i32) -> io::Result<&mut Input<'a>> {
        let small = self.small.get(id as usize).copied().unwrap_or(255) as usize;
        let at = if small < 255 {
            Some(small)
        } else {
            self.externals.iter().position(|(other, _)| *other == id)
        };
        let at = at.ok_or_else(|| invalid("a series without its block"))?;
        Ok(&mut self.externals[at].1)
    }
}

/// The core block: bits, the highest first.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn bit(&mut self) -> io::Result<u32> {
        let byte = *self
            .bytes
            .get(self.at / 8)
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Ok(u32::from(bit))
    }

    fn number(&mut self, bits: u32) -> io::Result<u32> {
        let mut value = 0;
        for _ in 0..bits {
            value = value << 1 | self.bit()?;
        }
        Ok(value)
    }

    fn ones(&mut self, bit: u32) -> io::Result<u32> {
        let mut count = 0;
        while self.bit()? == bit {
            count += 1;
            if count > 32 {
                return Err(invalid("a code of absurd length"));
            }
        }
        Ok(count)
    }
}

/// An encoding of numbers or of single bytes.
pub(super) enum Scalar {
    External(i32),
    /// One value that takes no bits.
    Constant(i32),
    /// Canonical codes: length, code, value, by length.
    Huffman(Vec<(u32, u32, i32)>),
    Beta {
        offset: i32,
        bits: u32,
    },
    Gamma {
        offset: i32,
    },
    Subexponential {
        offset: i32,
        k: u32,
    },
}

impl Scalar {
    pub(super) fn parse(input: &mut Input<'_>) -> io::Result<Self> {
        let codec = input.itf8()?;
        let mut parameters = input.sized()?;
        let bits = |input: &mut Input<'_>| {
            u32::try_from(input.itf8()?)
                .ok()
                .filter(|&bits| bits <= 32)
                .ok_or_else(|| invalid("an encoding of more than 32 bits"))
        };
        match codec {
            1 => Ok(Self::External(parameters.itf8()?)),
            3 => huffman(&mut parameters),
            6 => Ok(Self::Beta {
                offset: parameters.itf8()?,
                bits: bits(&mut parameters)?,
            }),
            7 => Ok(Self::Subexponential {
                offset: parameters.itf8()?,
                k: bits(&mut parameters)?,
            }),
            9 => Ok(Self::Gamma {
                offset: parameters.itf8()?,
            }),
            // A series that does not occur may have the null encoding.
            0 => Ok(Self::Huffman(Vec::new())),
            _ => Err(invalid(format!(
                "encoding {codec} of numbers is not supported"
            ))),
        }
    }

    #[inline]
    pub(super) fn number(&self, streams: &mut Streams<'_>) -> io::Result<i32> {
        match self {
            Self::External(id) => streams.external(*id)?.itf8(),
            other => other.coded(&mut streams.core),
        }
    }

    #[inline]
    pub(super) fn byte(&self, streams: &mut Streams<'_>) -> io::Result<u8> {
        match self {
            Self::External(id) => streams.external(*id)?.byte(),
            other => Ok(other.coded(&mut streams.core)? as u8),
        }
    }

    /// Appends `count` bytes.
    pub(super) fn bytes(
        &self,
        streams: &mut Streams<'_>,
        count: usize,
        into: &mut Vec<u8>,
    ) -> io::Result<()> {
        if let Self::External(id) = self {
            into.extend_from_slice(streams.external(*id)?.take(count)?);
            return Ok(());
        }
        streams.spend(count)?;
        for _ in 0..count {
            into.push(self.byte(streams)?);
        }
        Ok(())
    }

    fn coded(&self, core: &mut Bits<'_>) -> io::Result<i32> {
        match self {
            Self::External(_) => Err(invalid("an external value among coded ones")),
            Self::Constant(value) => Ok(*value),
            Self::Huffman(codes) => {
                let (mut code, mut length) = (0, 0);
                for &(its_length, its_code, value) in codes {
                    while length < its_length {
                        code = code << 1 | core.bit()?;
                        length += 1;
                    }
                    if code == its_code {
                        return Ok(value);
                    }
                }
                Err(invalid("a code that does not exist"))
            }
            Self::Beta { offset, bits } => Ok((core.number(*bits)? as i32).wrapping_sub(*offset)),
            Self::Gamma { offset } => {
                let zeros = core.ones(0)?.min(31);
                let low = core.number(zeros)?;
                Ok((1 << zeros | low).wrapping_sub(*offset as u32) as i32)
            }
            Self::Subexponential { offset, k } => {
                let ones = core.ones(1)?;
                let bits = if ones == 0 { *k } else { k + ones - 1 };
                if bits > 31 {
                    return Err(invalid("a code of absurd length"));
                }
                let low = core.number(bits)?;
                let value = if ones == 0 { low } else { low + (1 << bits) };
                Ok(value.wrapping_sub(*offset as u32) as i32)
            }
        }
    }
}

fn huffman(parameters: &mut Input<'_>) -> io::Result<Scalar> {
    let count = parameters.count()?;
    let values = (0..count)
        .map(|_| parameters.itf8())
        .collect::<io::Result<Vec<_>>>()?;
    if parameters.count()? != count {
        return Err(invalid(
            "a Huffman code of another length than its alphabet",
        ));
    }
    let mut codes = Vec::with_capacity(count);
    for value in values {
        let length = u32::try_from(parameters.itf8()?).unwrap_or(u32::MAX);
        if length > 31 {
            return Err(invalid("a Huffman code of absurd length"));
        }
        codes.push((length, 0, value));
    }
    if let [(0, _, value)] = codes[..] {
        return Ok(Scalar::Constant(value));
    }
    codes.sort_unstable_by_key(|&(length, _, value)| (length, value));
    let (mut next, mut before) = (0u32, 0);
    for (length, code, _) in &mut codes {
        next <<= *length - before;
        (*code, before) = (next, *length);
        next += 1;
    }
    Ok(Scalar::Huffman(codes))
}

/// An encoding of byte arrays.
pub(super) enum Array {
    Length { length: Scalar, values: Scalar },
    Stop { stop: u8, id: i32 },
}

impl Array {
    pub(super) fn parse(input: &mut Input<'_>) -> io::Result<Self> {
        let codec = input.itf8()?;
        let mut parameters = input.sized()?;
        match codec {
            4 => Ok(Self::Length {
                length: Scalar::parse(&mut parameters)?,
                values: Scalar::parse(&mut parameters)?,
            }),
            5 => Ok(Self::Stop {
                stop: parameters.byte()?,
                id: parameters.itf8()?,
            }),
            0 => Ok(Self::Length {
                length: Scalar::Huffman(Vec::new()),
                values: Scalar::Huffman(Vec::new()),
            }),
            _ => Err(invalid(format!(
                "encoding {codec} of byte arrays is not supported"
            ))),
        }
    }

    /// Passes over an encoding of whatever kind.
    pub(super) fn skip(input: &mut Input<'_>) -> io::Result<()> {
        input.itf8()?;
        input.sized().map(drop)
    }

    /// Appends the next array.
    pub(super) fn read(&self, streams: &mut Streams<'_>, into: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Length { length, values } => {
                let count = usize::try_from(length.number(streams)?)
                    .map_err(|_| invalid("an array of negative length"))?;
                values.bytes(streams, count, into)
            }
            Self::Stop { stop, id } => {
                let input = streams.external(*id)?;
                let end = input
                    .rest()
                    .iter()
                    .position(|byte| byte == stop)
                    .ok_or(io::ErrorKind::UnexpectedEof)?;
                into.extend_from_slice(input.take(end)?);
                input.byte().map(drop)
            }
        }
    }
}
