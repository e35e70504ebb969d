//! A sorted run as a file that another process reads: `docs/formats/run.md`.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use crc32fast::Hasher;

const MAGIC: [u8; 8] = *b"KUMIRUN\x01";
/// Instead of a length: no item follows.
const END: u32 = u32::MAX;
/// The magic; the end mark, the number of items, the checksum.
const AROUND_BYTES: u64 = 8 + 4 + 8 + 4;
const BUFFER_BYTES: usize = 256 << 10;

/// Writes a run, item by item.
pub(crate) struct Writer<W: Write> {
    to: BufWriter<W>,
    hasher: Hasher,
    items: u64,
}

impl<W: Write> Writer<W> {
    pub(crate) fn new(to: W) -> io::Result<Self> {
        let mut writer = Self {
            to: BufWriter::with_capacity(BUFFER_BYTES, to),
            hasher: Hasher::new(),
            items: 0,
        };
        writer.put(&MAGIC)?;
        Ok(writer)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.to.write_all(bytes)
    }

    pub(crate) fn push(&mut self, item: &[u8]) -> io::Result<()> {
        let length = u32::try_from(item.len()).ok().filter(|l| *l != END);
        let length = length.ok_or(io::ErrorKind::InvalidInput)?;
        self.put(&length.to_le_bytes())?;
        self.put(item)?;
        self.items += 1;
        Ok(())
    }

    /// Ends the run.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.put(&END.to_le_bytes())?;
        self.put(&self.items.to_le_bytes())?;
        let sum = self.hasher.clone().finalize();
        self.to.write_all(&sum.to_le_bytes())?;
        self.to.flush()
    }
}

/// Reads a run. Every error names the file.
pub(crate) struct Reader {
    path: PathBuf,
    from: BufReader<File>,
    hasher: Hasher,
    items: u64,
    /// Bytes that items may still take.
    left: u64,
    ended: bool,
}

impl Reader {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let failed = |source: io::Error| named(path, &source);
        let file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let mut reader = Self {
            path: path.to_owned(),
            from: BufReader::with_capacity(BUFFER_BYTES, file),
            hasher: Hasher::new(),
            items: 0,
            left: length.saturating_sub(AROUND_BYTES),
            ended: false,
        };
        let magic: [u8; 8] = reader.get().map_err(failed)?;
        if magic == MAGIC {
            Ok(reader)
        } else {
            Err(failed(damaged("it is no run of this version")))
        }
    }

    fn get<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.from.read_exact(&mut bytes)?;
        self.hasher.update(&bytes);
        Ok(bytes)
    }

    /// Reads the next item; false at the end, when all of the file has been found sound.
    pub(crate) fn read(&mut self, item: &mut Vec<u8>) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        self.next(item).map_err(|source| named(&self.path, &source))
    }

    fn next(&mut self, item: &mut Vec<u8>) -> io::Result<bool> {
        let length = u32::from_le_bytes(self.get()?);
        if length == END {
            self.check_end()?;
            return Ok(false);
        }
        let left = self.left.checked_sub(4 + u64::from(length));
        self.left = left.ok_or_else(|| damaged("an item is longer than the file"))?;
        item.resize(length as usize, 0);
        self.from.read_exact(item)?;
        self.hasher.update(item);
        self.items += 1;
        Ok(true)
    }

    fn check_end(&mut self) -> io::Result<()> {
        let items = u64::from_le_bytes(self.get()?);
        let sum = self.hasher.clone().finalize();
        let mut stored = [0; 4];
        self.from.read_exact(&mut stored)?;
        if items != self.items || self.left != 0 {
            return Err(damaged("it holds another number of items than it says"));
        }
        if u32::from_le_bytes(stored) != sum {
            return Err(damaged("its checksum is wrong"));
        }
        self.ended = true;
        Ok(())
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
