//! BGZF blocks deflated by zlib-rs, for records of which most bytes are like those before them.

use std::io::{self, Write};

use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use noodles::bgzf::VirtualPosition;

/// Bytes of data in a block, as bgzip has it: what deflate adds where nothing can be saved still fits into 64 KiB.
const DATA: usize = 65_280;
/// Room for a block, with what deflate at its quickest makes of bytes that nothing can be saved of: nine bits of each.
const ROOM: usize = DATA + DATA / 8 + 1024;
/// A gzip header with the extra field `BC`, whose last two bytes are the size of the block less one.
const HEADER: [u8; 18] = *b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0BC\x02\0\0\0";
/// Before data as they are, where deflate would make more of them (section 3.2.4 of RFC 1951).
const STORED: usize = 5;
/// CRC32 and size of the data.
const TRAILER: usize = 8;
/// The empty block at the end (section 4.1.2 of the SAM specification).
const END: [u8; 28] = *b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0BC\x02\0\x1b\0\x03\0\0\0\0\0\0\0\0\0";

/// Writes BGZF. Blocks are cut by size alone, so the bytes are a function of what is written.
pub(super) struct Blocks<W> {
    inner: W,
    deflate: Compress,
    data: Vec<u8>,
    block: Vec<u8>,
    written: u64,
}

impl<W: Write> Blocks<W> {
    /// `level` is zlib's, 0 to 9.
    pub(super) fn new(inner: W, level: u32) -> Self {
        Self {
            inner,
            deflate: Compress::new(Compression::new(level), false),
            data: Vec::with_capacity(DATA),
            block: vec![0; ROOM],
            written: 0,
        }
    }

    /// Where the next byte will lie.
    pub(super) fn position(&self) -> io::Result<VirtualPosition> {
        let within = u16::try_from(self.data.len()).map_err(io::Error::other)?;
        VirtualPosition::try_from((self.written, within)).map_err(io::Error::other)
    }

    /// Writes `bytes`.
    pub(super) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let (some, rest) = bytes.split_at(bytes.len().min(DATA - self.data.len()));
            self.data.extend_from_slice(some);
            bytes = rest;
            if self.data.len() == DATA {
                self.end_block()?;
            }
        }
        Ok(())
    }

    /// Writes what is left and the end-of-file marker.
    pub(super) fn finish(mut self) -> io::Result<W> {
        if !self.data.is_empty() {
            self.end_block()?;
        }
        self.inner.write_all(&END)?;
        Ok(self.inner)
    }

    fn end_block(&mut self) -> io::Result<()> {
        let deflated = HEADER.len() + self.deflated()?;
        let size = deflated + TRAILER;
        self.block[..HEADER.len()].copy_from_slice(&HEADER);
        let less_one = u16::try_from(size - 1).map_err(io::Error::other)?;
        self.block[HEADER.len() - 2..HEADER.len()].copy_from_slice(&less_one.to_le_bytes());
        let mut crc = Crc::new();
        crc.update(&self.data);
        self.block[deflated..deflated + 4].copy_from_slice(&crc.sum().to_le_bytes());
        self.block[deflated + 4..size].copy_from_slice(&crc.amount().to_le_bytes());
        self.inner.write_all(&self.block[..size])?;
        self.written += size as u64;
        self.data.clear();
        Ok(())
    }

    /// Deflates the data into the block; bytes that it takes there.
    fn deflated(&mut self) -> io::Result<usize> {
        self.deflate.reset();
        let room = &mut self.block[HEADER.len()..];
        let all = FlushCompress::Finish;
        let ended = self.deflate.compress(&self.data, room, all)? == Status::StreamEnd;
        let size = usize::try_from(self.deflate.total_out()).map_err(io::Error::other)?;
        if ended && size < STORED + self.data.len() {
            return Ok(size);
        }
        let length = u16::try_from(self.data.len()).map_err(io::Error::other)?;
        let size = STORED + self.data.len();
        room[0] = 1;
        room[1..3].copy_from_slice(&length.to_le_bytes());
        room[3..STORED].copy_from_slice(&(!length).to_le_bytes());
        room[STORED..size].copy_from_slice(&self.data);
        Ok(size)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use noodles::bgzf;
    use proptest::prelude::*;

    use super::*;

    /// A run of one byte, or bytes that nothing can be saved of.
    #[derive(Clone, Debug)]
    enum Piece {
        Run(u8, usize),
        Noise(u64, usize),
    }

    impl Piece {
        fn bytes(&self) -> Vec<u8> {
            match *self {
                Self::Run(byte, length) => vec![byte; length],
                Self::Noise(seed, length) => {
                    let next = |state: &mut u64| {
                        *state ^= *state << 13;
                        *state ^= *state >> 7;
                        *state ^= *state << 17;
                        Some((*state >> 32) as u8)
                    };
                    let mut state = seed | 1;
                    std::iter::from_fn(|| next(&mut state))
                        .take(length)
                        .collect()
                }
            }
        }
    }

    fn pieces() -> impl Strategy<Value = Vec<Piece>> {
        let run = (any::<u8>(), 0..100_000_usize).prop_map(|(byte, n)| Piece::Run(byte, n));
        let noise = (any::<u64>(), 0..200_000_usize).prop_map(|(seed, n)| Piece::Noise(seed, n));
        prop::collection::vec(prop_oneof![run, noise], 0..6)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn others_read_every_piece_where_it_was_said_to_lie(pieces in pieces(), level in 0..=9_u32) {
            let mut blocks = Blocks::new(Vec::new(), level);
            let pieces: Vec<Vec<u8>> = pieces.iter().map(Piece::bytes).collect();
            let mut places = Vec::new();
            for piece in &pieces {
                places.push(blocks.position().expect("position"));
                blocks.write(piece).expect("write");
            }
            let bytes = blocks.finish().expect("finish");
            prop_assert!(bytes.ends_with(&END));
            let mut reader = bgzf::io::Reader::new(io::Cursor::new(bytes));
            for (piece, place) in pieces.iter().zip(places) {
                reader.seek(place).expect("seek");
                let mut read = vec![0; piece.len()];
                reader.read_exact(&mut read).expect("read");
                prop_assert_eq!(&read, piece);
            }
            prop_assert_eq!(reader.read(&mut [0; 1]).expect("end"), 0);
        }
    }
}
