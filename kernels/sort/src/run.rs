//! A sorted run as a file that another process reads: `docs/formats/run.md`.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

const MAGIC: [u8; 8] = *b"KUMIRUN\x01";
/// A block ends with the item that reaches this size.
const BLOCK_BYTES: usize = 256 << 10;

/// Writes a run, item by item.
pub(crate) struct Writer<W: Write> {
    to: W,
    block: Vec<u8>,
    items: u64,
}

impl<W: Write> Writer<W> {
    pub(crate) fn new(mut to: W) -> io::Result<Self> {
        to.write_all(&MAGIC)?;
        Ok(Self {
            to,
            block: Vec::with_capacity(BLOCK_BYTES),
            items: 0,
        })
    }

    pub(crate) fn push(&mut self, item: &[u8]) -> io::Result<()> {
        let length = u32::try_from(item.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        self.block.extend_from_slice(&length.to_le_bytes());
        self.block.extend_from_slice(item);
        self.items += 1;
        if self.block.len() >= BLOCK_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let length = u32::try_from(self.block.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        self.to.write_all(&length.to_le_bytes())?;
        self.to
            .write_all(&crc32fast::hash(&self.block).to_le_bytes())?;
        self.to.write_all(&self.block)?;
        self.block.clear();
        Ok(())
    }

    /// Ends the run.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        if !self.block.is_empty() {
            self.flush()?;
        }
        let items = self.items.to_le_bytes();
        self.to.write_all(&[0; 4])?;
        self.to.write_all(&crc32fast::hash(&items).to_le_bytes())?;
        self.to.write_all(&items)?;
        self.to.flush()
    }
}

/// Reads a run. No item is given of a block that is not sound. Every error names the file.
pub(crate) struct Reader {
    path: PathBuf,
    from: File,
    /// Bytes of the file that were not read yet.
    left: u64,
    block: Vec<u8>,
    /// Where in the block the next item begins.
    at: usize,
    items: u64,
    ended: bool,
}

impl Reader {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let open = || {
            let mut from = File::open(path)?;
            let length = from.metadata()?.len();
            let mut magic = [0; MAGIC.len()];
            from.read_exact(&mut magic)?;
            if magic != MAGIC {
                return Err(damaged("it is no run of this version"));
            }
            Ok(Self {
                path: path.to_owned(),
                from,
                left: length.saturating_sub(MAGIC.len() as u64),
                block: Vec::new(),
                at: 0,
                items: 0,
                ended: false,
            })
        };
        open().map_err(|source| named(path, &source))
    }

    /// Reads the next item; false at the end, which is the end of the file.
    pub(crate) fn read(&mut self, item: &mut Vec<u8>) -> io::Result<bool> {
        self.next(item).map_err(|source| named(&self.path, &source))
    }

    fn next(&mut self, item: &mut Vec<u8>) -> io::Result<bool> {
        if self.at == self.block.len() && (self.ended || !self.fill()?) {
            return Ok(false);
        }
        let rest = &self.block[self.at..];
        let found = rest.split_first_chunk().and_then(|(length, rest)| {
            let length = u32::from_le_bytes(*length) as usize;
            Some((4 + length, rest.get(..length)?))
        });
        let (size, bytes) = found.ok_or_else(|| damaged("an item leaves its block"))?;
        item.clear();
        item.extend_from_slice(bytes);
        self.at += size;
        self.items += 1;
        Ok(true)
    }

    fn get<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.from.read_exact(&mut bytes)?;
        self.left = self.left.saturating_sub(N as u64);
        Ok(bytes)
    }

    /// Reads the next block; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        let length = u32::from_le_bytes(self.get()?);
        let sum = u32::from_le_bytes(self.get()?);
        let body = if length == 0 { 8 } else { u64::from(length) };
        self.left = (self.left.checked_sub(body)).ok_or_else(|| damaged("it was cut"))?;
        self.block.resize(body as usize, 0);
        self.from.read_exact(&mut self.block)?;
        if crc32fast::hash(&self.block) != sum {
            return Err(damaged("its checksum is wrong"));
        }
        self.at = 0;
        if length > 0 {
            return Ok(true);
        }
        if self.block != self.items.to_le_bytes() || self.left > 0 {
            return Err(damaged("it holds more or less than it says"));
        }
        self.block.clear();
        self.ended = true;
        Ok(false)
    }
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

fn named(path: &Path, source: &io::Error) -> io::Error {
    io::Error::new(source.kind(), format!("{}: {source}", path.display()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Reader, Writer};

    fn read(bytes: &[u8]) -> std::io::Result<Vec<Vec<u8>>> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("x.run");
        std::fs::write(&path, bytes).expect("written");
        let mut reader = Reader::open(&path)?;
        let (mut items, mut item) = (Vec::new(), Vec::new());
        while reader.read(&mut item)? {
            items.push(item.clone());
        }
        assert!(!reader.read(&mut item).expect("the end"), "it stays ended");
        Ok(items)
    }

    fn write(items: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes).expect("memory");
        for item in items {
            writer.push(item).expect("memory");
        }
        writer.finish().expect("memory");
        bytes
    }

    proptest! {
        #[test]
        fn what_is_written_comes_back_and_damage_is_found(
            items in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..12),
            at in any::<prop::sample::Index>(),
            flip in 1u8..=255,
        ) {
            let bytes = write(&items);
            prop_assert_eq!(read(&bytes).expect("sound"), items);
            let mut flipped = bytes.clone();
            flipped[at.index(bytes.len())] ^= flip;
            let said = read(&flipped).expect_err("flipped").to_string();
            prop_assert!(said.contains("x.run"), "{}", said);
            prop_assert!(read(&bytes[..at.index(bytes.len())]).is_err(), "cut");
            prop_assert!(read(&[bytes.as_slice(), &[0]].concat()).is_err(), "longer");
        }
    }
}
