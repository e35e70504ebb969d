//! A sorted run as a file that another process reads, from any contig on: `docs/formats/run.md`.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::region::Region;

const MAGIC: [u8; 8] = *b"KUMIRUN\x02";
/// A block ends with the item that reaches this size.
const BLOCK_BYTES: usize = 256 << 10;
/// The end of the file: where its table begins.
const TRAILER: usize = 8;

/// Where the items of a contig begin.
#[derive(Clone, Copy, Debug)]
struct Entry {
    contig: u32,
    /// Byte of its first block.
    offset: u64,
    /// Items before it.
    items: u64,
}

impl Entry {
    const BYTES: usize = 20;

    fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..4].copy_from_slice(&self.contig.to_le_bytes());
        bytes[4..12].copy_from_slice(&self.offset.to_le_bytes());
        bytes[12..].copy_from_slice(&self.items.to_le_bytes());
        bytes
    }

    fn of(bytes: &[u8]) -> Option<Self> {
        let (contig, rest) = bytes.split_first_chunk()?;
        let (offset, rest) = rest.split_first_chunk()?;
        Some(Self {
            contig: u32::from_le_bytes(*contig),
            offset: u64::from_le_bytes(*offset),
            items: u64::from_le_bytes(*rest.first_chunk()?),
        })
    }
}

/// Writes a run, item by item.
pub(crate) struct Writer<W: Write> {
    to: W,
    at: u64,
    block: Vec<u8>,
    items: u64,
    table: Vec<Entry>,
}

impl<W: Write> Writer<W> {
    pub(crate) fn new(mut to: W) -> io::Result<Self> {
        to.write_all(&MAGIC)?;
        Ok(Self {
            to,
            at: MAGIC.len() as u64,
            block: Vec::with_capacity(BLOCK_BYTES),
            items: 0,
            table: Vec::new(),
        })
    }

    /// Appends an item; contigs never fall.
    pub(crate) fn push(&mut self, contig: u32, item: &[u8]) -> io::Result<()> {
        if self.table.last().is_none_or(|last| last.contig != contig) {
            self.flush()?;
            self.table.push(Entry {
                contig,
                offset: self.at,
                items: self.items,
            });
        }
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
        if self.block.is_empty() {
            return Ok(());
        }
        let block = std::mem::take(&mut self.block);
        self.put(&block)?;
        self.block = block;
        self.block.clear();
        Ok(())
    }

    fn put(&mut self, block: &[u8]) -> io::Result<()> {
        let length = u32::try_from(block.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        self.to.write_all(&length.to_le_bytes())?;
        self.to.write_all(&crc32fast::hash(block).to_le_bytes())?;
        self.to.write_all(block)?;
        self.at += 8 + u64::from(length);
        Ok(())
    }

    /// Ends the run.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        let table_at = self.at;
        let mut table = self.items.to_le_bytes().to_vec();
        table.extend(self.table.iter().flat_map(|entry| entry.to_bytes()));
        self.put(&table)?;
        self.to.write_all(&table_at.to_le_bytes())?;
        self.to.flush()
    }
}

/// Reads the items of a region of a run. No item is given of a block that is not sound. Every error names the file.
pub(crate) struct Reader {
    path: PathBuf,
    from: File,
    /// Bytes of blocks that were not read yet.
    left: u64,
    block: Vec<u8>,
    /// Where in the block the next item begins.
    at: usize,
    /// Items of the region, and those given.
    items: u64,
    given: u64,
}

impl Reader {
    pub(crate) fn open(path: &Path, region: Region) -> io::Result<Self> {
        let open = || {
            let mut reader = Self {
                path: path.to_owned(),
                from: File::open(path)?,
                left: 0,
                block: Vec::new(),
                at: 0,
                items: 0,
                given: 0,
            };
            let (items, table_at, table) = reader.table()?;
            let place = |found: Option<&Entry>| match found {
                Some(entry) => (entry.offset, entry.items),
                None => (table_at, items),
            };
            let from = place(table.iter().find(|entry| entry.contig >= region.first));
            let to = place((table.iter()).find(|entry| region.ends_before(entry.contig)));
            let rest = to.0.checked_sub(from.0).zip(to.1.checked_sub(from.1));
            (reader.left, reader.items) = rest.ok_or_else(|| damaged("its table is wrong"))?;
            reader.from.seek(SeekFrom::Start(from.0))?;
            Ok(reader)
        };
        open().map_err(|source| named(path, &source))
    }

    /// How many items the run has, where the table begins and what is in it.
    fn table(&mut self) -> io::Result<(u64, u64, Vec<Entry>)> {
        let length = self.from.metadata()?.len();
        if self.get()? != MAGIC {
            return Err(damaged("it is no run of this version"));
        }
        let end = length.checked_sub(TRAILER as u64);
        let end = end.ok_or_else(|| damaged("it was cut"))?;
        self.from.seek(SeekFrom::Start(end))?;
        let table_at = u64::from_le_bytes(self.get()?);
        self.left = (end.checked_sub(table_at)).ok_or_else(|| damaged("it was cut"))?;
        self.from.seek(SeekFrom::Start(table_at))?;
        self.fill()?;
        let table = self.block.split_first_chunk();
        let (items, table) = table.ok_or_else(|| damaged("it has no table"))?;
        let items = u64::from_le_bytes(*items);
        let entries = table.chunks(Entry::BYTES).map(Entry::of);
        let entries: Option<Vec<Entry>> = entries.collect();
        let sound = entries.filter(|_| self.left == 0);
        let entries = sound.ok_or_else(|| damaged("it holds more or less than it says"))?;
        self.block.clear();
        Ok((items, table_at, entries))
    }

    /// How many items the region has.
    pub(crate) fn items(&self) -> u64 {
        self.items
    }

    /// Reads the next item; false at the end.
    pub(crate) fn read(&mut self, item: &mut Vec<u8>) -> io::Result<bool> {
        self.next(item).map_err(|source| named(&self.path, &source))
    }

    fn next(&mut self, item: &mut Vec<u8>) -> io::Result<bool> {
        if self.at == self.block.len() {
            if self.left == 0 {
                let whole = self.given == self.items;
                return whole
                    .then_some(false)
                    .ok_or_else(|| damaged("it holds more or less than it says"));
            }
            self.fill()?;
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
        self.given += 1;
        Ok(true)
    }

    fn get<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.from.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads the next block.
    fn fill(&mut self) -> io::Result<()> {
        let length = u32::from_le_bytes(self.get()?);
        let sum = u32::from_le_bytes(self.get()?);
        let rest = self.left.checked_sub(8 + u64::from(length));
        self.left = rest.ok_or_else(|| damaged("it was cut"))?;
        self.block.resize(length as usize, 0);
        self.from.read_exact(&mut self.block)?;
        if crc32fast::hash(&self.block) != sum {
            return Err(damaged("its checksum is wrong"));
        }
        self.at = 0;
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
    use crate::region::Region;

    type Items = Vec<(u32, Vec<u8>)>;

    fn read(bytes: &[u8], region: Region) -> std::io::Result<Vec<Vec<u8>>> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("x.run");
        std::fs::write(&path, bytes).expect("written");
        let mut reader = Reader::open(&path, region)?;
        let (mut items, mut item) = (Vec::new(), Vec::new());
        while reader.read(&mut item)? {
            items.push(item.clone());
        }
        assert!(!reader.read(&mut item).expect("the end"), "it stays ended");
        assert_eq!(reader.items(), items.len() as u64);
        Ok(items)
    }

    fn write(items: &Items) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes).expect("memory");
        for (contig, item) in items {
            writer.push(*contig, item).expect("memory");
        }
        writer.finish().expect("memory");
        bytes
    }

    fn items() -> impl Strategy<Value = Items> {
        let contig = prop_oneof![4 => 0u32..4, 1 => Just(u32::MAX)];
        let item = (contig, prop::collection::vec(any::<u8>(), 0..40));
        prop::collection::vec(item, 0..12).prop_map(|mut items| {
            items.sort_by_key(|(contig, _)| *contig);
            items
        })
    }

    fn of(items: &Items, region: Region) -> Vec<Vec<u8>> {
        let inside =
            |contig: u32| contig >= region.first && region.end.is_none_or(|end| contig < end);
        let inside = items.iter().filter(|(contig, _)| inside(*contig));
        inside.map(|(_, item)| item.clone()).collect()
    }

    proptest! {
        #[test]
        fn what_is_written_comes_back_and_damage_is_found(
            items in items(),
            at in any::<prop::sample::Index>(),
            flip in 1u8..=255,
        ) {
            let bytes = write(&items);
            let whole = |bytes: &[u8]| read(bytes, Region::WHOLE);
            prop_assert_eq!(whole(&bytes).expect("sound"), of(&items, Region::WHOLE));
            let mut flipped = bytes.clone();
            flipped[at.index(bytes.len())] ^= flip;
            let said = whole(&flipped).expect_err("flipped").to_string();
            prop_assert!(said.contains("x.run"), "{}", said);
            prop_assert!(whole(&bytes[..at.index(bytes.len())]).is_err(), "cut");
            prop_assert!(whole(&[bytes.as_slice(), &[0]].concat()).is_err(), "longer");
        }

        #[test]
        fn a_region_is_read_alone(
            items in items(),
            first in 0u32..5,
            end in prop::option::of(0u32..6),
        ) {
            let region = Region { first, end: end.map(|more| first + more) };
            prop_assert_eq!(read(&write(&items), region).expect("sound"), of(&items, region));
        }
    }

    #[test]
    fn the_blocks_of_other_regions_are_not_looked_at() {
        let items: Items = (0..3).map(|contig| (contig, vec![7; 9])).collect();
        let mut bytes = write(&items);
        bytes[8 + 8 + 2] ^= 1;
        let others = Region {
            first: 1,
            end: None,
        };
        assert_eq!(read(&bytes, others).expect("sound").len(), 2);
        let own = Region {
            first: 0,
            end: Some(1),
        };
        assert!(read(&bytes, own).is_err());
    }
}
