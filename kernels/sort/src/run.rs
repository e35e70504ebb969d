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

    /// Whether the entries are of a run that has so many items before byte `table_at`: contigs, bytes and items rise.
    fn hold(entries: &[Self], table_at: u64, items: u64) -> bool {
        let begin = match entries.first() {
            Some(first) => (first.offset, first.items),
            None => (table_at, items),
        };
        let rise = |pair: &[Self]| {
            pair[0].contig < pair[1].contig
                && pair[0].offset < pair[1].offset
                && pair[0].items < pair[1].items
        };
        let last = entries.last();
        begin == (MAGIC.len() as u64, 0)
            && entries.windows(2).all(rise)
            && last.is_none_or(|last| last.offset < table_at && last.items < items)
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
            let rises = self.table.last().is_none_or(|last| last.contig < contig);
            debug_assert!(rises, "contig {contig} after a later one");
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
        if !Entry::hold(&entries, table_at, items) {
            return Err(damaged("its table is wrong"));
        }
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
mod tests;
