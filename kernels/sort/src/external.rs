//! Sorting more bytes than fit in memory: sorted runs in anonymous files, then a merge of all.
//!
//! An item is a byte string; what order it has is the caller's. The order must be total on distinct items,
//! so that runs, fan-in and threads cannot be seen in the result.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use rayon::slice::ParallelSliceMut;

use crate::run;

/// At most this many runs are open at a time; then they become one.
const RUNS_MAX: usize = 256;
const BUFFER_BYTES: usize = 256 << 10;

/// A total order of items.
pub(crate) trait Order: Send + Sync {
    /// Decides most comparisons: `prefix(a) < prefix(b)` implies `a < b`. Its upper half is the contig.
    fn prefix(item: &[u8]) -> u64;
    /// The order.
    fn compare(a: &[u8], b: &[u8]) -> Ordering;
}

/// Items in memory: their bytes end to end, and where each lies.
#[derive(Default)]
struct Arena {
    bytes: Vec<u8>,
    items: Vec<Place>,
}

#[derive(Clone, Copy)]
struct Place {
    prefix: u64,
    start: usize,
    length: u32,
}

impl Arena {
    fn get(&self, place: &Place) -> &[u8] {
        &self.bytes[place.start..place.start + place.length as usize]
    }

    fn size(&self) -> usize {
        self.bytes.len() + self.items.len() * size_of::<Place>()
    }

    fn sort<O: Order>(&mut self) {
        let mut items = std::mem::take(&mut self.items);
        items.par_sort_unstable_by(|a, b| {
            let fast = a.prefix.cmp(&b.prefix);
            fast.then_with(|| O::compare(self.get(a), self.get(b)))
        });
        self.items = items;
    }
}

/// Takes items in any order.
pub(crate) struct ExternalSort<O> {
    memory_bytes: usize,
    scratch: PathBuf,
    arena: Arena,
    runs: Vec<File>,
    order: PhantomData<O>,
}

impl<O: Order> ExternalSort<O> {
    /// Holds about `memory_bytes` of items before it spills a run to `scratch`.
    pub(crate) fn new(memory_bytes: usize, scratch: &Path) -> Self {
        Self {
            memory_bytes,
            scratch: scratch.to_owned(),
            arena: Arena::default(),
            runs: Vec::new(),
            order: PhantomData,
        }
    }

    /// Takes the item that is the concatenation of `parts`.
    pub(crate) fn push(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        let start = self.arena.bytes.len();
        for part in parts {
            self.arena.bytes.extend_from_slice(part);
        }
        let item = &self.arena.bytes[start..];
        let place = Place {
            prefix: O::prefix(item),
            start,
            length: u32::try_from(item.len()).expect("an item is shorter than 4 GiB"),
        };
        self.arena.items.push(place);
        if self.arena.size() >= self.memory_bytes {
            self.spill()?;
        }
        Ok(())
    }

    fn spill(&mut self) -> io::Result<()> {
        self.arena.sort::<O>();
        let mut run = self.create_run()?;
        for place in &self.arena.items {
            write_item(&mut run, self.arena.get(place))?;
        }
        self.runs.push(rewound(run)?);
        self.arena.bytes.clear();
        self.arena.items.clear();
        if self.runs.len() >= RUNS_MAX {
            let mut merge = Merge::<O>::new(std::mem::take(&mut self.runs), Arena::default())?;
            let mut run = self.create_run()?;
            while let Some(item) = merge.next()? {
                write_item(&mut run, item)?;
            }
            self.runs.push(rewound(run)?);
        }
        Ok(())
    }

    fn create_run(&self) -> io::Result<BufWriter<File>> {
        let file = tempfile::tempfile_in(&self.scratch)?;
        Ok(BufWriter::with_capacity(BUFFER_BYTES, file))
    }

    /// Everything, in order.
    pub(crate) fn finish(mut self) -> io::Result<Merge<O>> {
        self.arena.sort::<O>();
        Merge::new(self.runs, self.arena)
    }
}

fn write_item(run: &mut impl Write, item: &[u8]) -> io::Result<()> {
    run.write_all(&(item.len() as u32).to_le_bytes())?;
    run.write_all(item)
}

fn rewound(run: BufWriter<File>) -> io::Result<File> {
    let mut file = run.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

enum Run {
    File(BufReader<File>),
    Stored(run::Reader),
    Memory { arena: Arena, next: usize },
}

impl Run {
    /// Reads the next item; false at the end.
    fn read(&mut self, item: &mut Vec<u8>) -> io::Result<bool> {
        item.clear();
        match self {
            Self::Memory { arena, next } => {
                let Some(place) = arena.items.get(*next) else {
                    return Ok(false);
                };
                item.extend_from_slice(arena.get(place));
                *next += 1;
            }
            Self::Stored(run) => return run.read(item),
            Self::File(file) => {
                let mut length = [0; 4];
                if file.read(&mut length[..1])? == 0 {
                    return Ok(false);
                }
                file.read_exact(&mut length[1..])?;
                item.resize(u32::from_le_bytes(length) as usize, 0);
                file.read_exact(item)?;
            }
        }
        Ok(true)
    }
}

/// The first unread item of a run. Ordered so that the smallest is on top of a `BinaryHeap`.
struct Head<O> {
    prefix: u64,
    item: Vec<u8>,
    run: usize,
    order: PhantomData<O>,
}

impl<O: Order> Ord for Head<O> {
    fn cmp(&self, other: &Self) -> Ordering {
        let fast = other.prefix.cmp(&self.prefix);
        fast.then_with(|| O::compare(&other.item, &self.item))
            .then(other.run.cmp(&self.run))
    }
}

impl<O: Order> PartialOrd for Head<O> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<O: Order> PartialEq for Head<O> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<O: Order> Eq for Head<O> {}

/// Gives the items of all runs in order.
pub(crate) struct Merge<O> {
    runs: Vec<Run>,
    heads: BinaryHeap<Head<O>>,
    /// The item given last, whose run has not been read on yet.
    last: Option<Head<O>>,
}

impl<O: Order> Merge<O> {
    fn new(files: Vec<File>, arena: Arena) -> io::Result<Self> {
        let mut runs: Vec<Run> = files
            .into_iter()
            .map(|file| Run::File(BufReader::with_capacity(BUFFER_BYTES, file)))
            .collect();
        runs.push(Run::Memory { arena, next: 0 });
        Self::of(runs)
    }

    /// Merges runs that were stored, each in order.
    pub(crate) fn of_stored(runs: Vec<run::Reader>) -> io::Result<Self> {
        Self::of(runs.into_iter().map(Run::Stored).collect())
    }

    fn of(runs: Vec<Run>) -> io::Result<Self> {
        let mut merge = Self {
            runs,
            heads: BinaryHeap::new(),
            last: None,
        };
        for run in 0..merge.runs.len() {
            merge.refill(run, Vec::new())?;
        }
        Ok(merge)
    }

    fn refill(&mut self, run: usize, mut item: Vec<u8>) -> io::Result<()> {
        if self.runs[run].read(&mut item)? {
            self.heads.push(Head {
                prefix: O::prefix(&item),
                item,
                run,
                order: PhantomData,
            });
        }
        Ok(())
    }

    /// Items of stored runs.
    pub(crate) fn stored_items(&self) -> u64 {
        let items = |run: &Run| match run {
            Run::Stored(run) => run.items(),
            Run::File(_) | Run::Memory { .. } => 0,
        };
        self.runs.iter().map(items).sum()
    }

    /// The next item; `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        if let Some(Head { item, run, .. }) = self.last.take() {
            self.refill(run, item)?;
        }
        self.last = self.heads.pop();
        Ok(self.last.as_ref().map(|head| head.item.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use proptest::prelude::*;

    use super::{ExternalSort, Order, RUNS_MAX};

    struct Bytes;

    impl Order for Bytes {
        fn prefix(item: &[u8]) -> u64 {
            item.first().copied().map_or(0, u64::from)
        }

        fn compare(a: &[u8], b: &[u8]) -> Ordering {
            a.cmp(b)
        }
    }

    fn sorted(items: &[Vec<u8>], memory_bytes: usize) -> Vec<Vec<u8>> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut sort = ExternalSort::<Bytes>::new(memory_bytes, dir.path());
        for item in items {
            sort.push(&[item]).expect("scratch");
        }
        let mut merge = sort.finish().expect("scratch");
        let mut all = Vec::new();
        while let Some(item) = merge.next().expect("scratch") {
            all.push(item.to_vec());
        }
        all
    }

    proptest! {
        #[test]
        fn memory_does_not_change_the_order(
            items in proptest::collection::vec(proptest::collection::vec(0u8..4, 0..6), 0..60),
            memory in 1usize..200,
        ) {
            let mut expected = items.clone();
            expected.sort();
            prop_assert_eq!(sorted(&items, memory), expected);
        }
    }

    #[test]
    fn more_runs_than_can_be_open_are_merged_on_the_way() {
        let items: Vec<Vec<u8>> = (0..2 * RUNS_MAX + 7)
            .map(|i| {
                (i as u32)
                    .wrapping_mul(2_654_435_761)
                    .to_be_bytes()
                    .to_vec()
            })
            .collect();
        let mut expected = items.clone();
        expected.sort();
        assert_eq!(sorted(&items, 1), expected);
    }
}
