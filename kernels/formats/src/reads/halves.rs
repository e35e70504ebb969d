//! Reads that wait for their mate: in memory up to a limit, beyond it in runs sorted by name, in anonymous files.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use crate::bam::{Record, flag};

/// Bytes that may wait in memory. How the reads of a file come out depends on it: it is the same everywhere.
const WAITING_BYTES_MAX: usize = 256 << 20;
/// What a waiting read takes beside its bytes, about.
const EACH: usize = 96;
/// So many runs become one.
const RUNS_MAX: usize = 64;
const BUFFER_BYTES: usize = 64 << 10;

/// What became of a read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Met {
    /// Its mate was not seen yet.
    Nobody,
    /// Its mate.
    Mate(Record),
    /// The same segment of a template of this name is waiting already.
    Itself,
}

/// Collects reads and gives back those whose mate was seen.
pub(super) struct Halves {
    waiting: BTreeMap<Vec<u8>, Record>,
    bytes: usize,
    limit: usize,
    /// Where runs are written.
    pub(super) scratch: PathBuf,
    runs: Vec<File>,
}

impl Halves {
    pub(super) fn new() -> Self {
        Self {
            waiting: BTreeMap::new(),
            bytes: 0,
            limit: WAITING_BYTES_MAX,
            scratch: std::env::temp_dir(),
            runs: Vec::new(),
        }
    }

    /// Takes a read of a pair.
    pub(super) fn meet(&mut self, record: &Record) -> io::Result<Met> {
        match self.waiting.remove(record.view().name()) {
            Some(other) => {
                self.bytes -= size(&other);
                let is_itself = segment(&other) == segment(record);
                Ok(if is_itself {
                    Met::Itself
                } else {
                    Met::Mate(other)
                })
            }
            None => {
                self.bytes += size(record);
                let name = record.view().name().to_vec();
                self.waiting.insert(name, record.clone());
                if self.bytes > self.limit {
                    self.spill()?;
                }
                Ok(Met::Nobody)
            }
        }
    }

    fn spill(&mut self) -> io::Result<()> {
        let mut run = self.create_run()?;
        for record in std::mem::take(&mut self.waiting).into_values() {
            write(&mut run, &record)?;
        }
        self.bytes = 0;
        self.runs.push(rewound(run)?);
        if self.runs.len() >= RUNS_MAX {
            let mut merged = Left::new(std::mem::take(&mut self.runs), BTreeMap::new())?;
            let mut run = self.create_run()?;
            while let Some(record) = merged.next_record()? {
                write(&mut run, &record)?;
            }
            self.runs.push(rewound(run)?);
        }
        Ok(())
    }

    fn create_run(&self) -> io::Result<BufWriter<File>> {
        let file = tempfile::tempfile_in(&self.scratch)?;
        Ok(BufWriter::with_capacity(BUFFER_BYTES, file))
    }

    /// What still waits, by name.
    pub(super) fn finish(&mut self) -> io::Result<Left> {
        self.bytes = 0;
        Left::new(
            std::mem::take(&mut self.runs),
            std::mem::take(&mut self.waiting),
        )
    }
}

fn segment(record: &Record) -> u16 {
    record.view().flags() & flag::LAST
}

fn size(record: &Record) -> usize {
    record.as_bytes().len() + record.view().name().len() + EACH
}

fn write(run: &mut impl Write, record: &Record) -> io::Result<()> {
    run.write_all(&(record.as_bytes().len() as u32).to_le_bytes())?;
    run.write_all(record.as_bytes())
}

fn rewound(run: BufWriter<File>) -> io::Result<File> {
    let mut file = run.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

enum Run {
    File(BufReader<File>),
    Memory(std::collections::btree_map::IntoValues<Vec<u8>, Record>),
}

impl Run {
    fn next(&mut self) -> io::Result<Option<Record>> {
        let file = match self {
            Self::Memory(records) => return Ok(records.next()),
            Self::File(file) => file,
        };
        let mut length = [0; 4];
        if file.read(&mut length[..1])? == 0 {
            return Ok(None);
        }
        file.read_exact(&mut length[1..])?;
        let mut bytes = vec![0; u32::from_le_bytes(length) as usize];
        file.read_exact(&mut bytes)?;
        Record::from_bytes(bytes)
            .map(Some)
            .map_err(io::Error::other)
    }
}

/// A read with the order in which reads leave: by name, then by segment.
type Key = (Vec<u8>, u16, usize);

/// The reads that are left, by name.
pub(super) struct Left {
    runs: Vec<Run>,
    heads: BinaryHeap<Reverse<Key>>,
    records: Vec<Option<Record>>,
}

impl Left {
    fn new(files: Vec<File>, waiting: BTreeMap<Vec<u8>, Record>) -> io::Result<Self> {
        let files = files.into_iter();
        let mut runs: Vec<Run> = files
            .map(|file| Run::File(BufReader::with_capacity(BUFFER_BYTES, file)))
            .collect();
        runs.push(Run::Memory(waiting.into_values()));
        let mut left = Self {
            records: vec![None; runs.len()],
            runs,
            heads: BinaryHeap::new(),
        };
        for run in 0..left.runs.len() {
            left.refill(run)?;
        }
        Ok(left)
    }

    fn refill(&mut self, run: usize) -> io::Result<()> {
        self.records[run] = self.runs[run].next()?;
        if let Some(record) = &self.records[run] {
            let key = (record.view().name().to_vec(), segment(record), run);
            self.heads.push(Reverse(key));
        }
        Ok(())
    }

    fn next_record(&mut self) -> io::Result<Option<Record>> {
        let Some(Reverse((_, _, run))) = self.heads.pop() else {
            return Ok(None);
        };
        let record = self.records[run].take();
        self.refill(run)?;
        Ok(record)
    }

    /// The next template: a read, and its mate when both had been spilled.
    pub(super) fn next(&mut self) -> io::Result<Option<(Record, Met)>> {
        let Some(first) = self.next_record()? else {
            return Ok(None);
        };
        let same = |Reverse((name, ..)): &Reverse<Key>| *name == first.view().name();
        if !self.heads.peek().is_some_and(same) {
            return Ok(Some((first, Met::Nobody)));
        }
        let second = self.next_record()?;
        Ok(second.map(|second| {
            let met = if segment(&second) == segment(&first) {
                Met::Itself
            } else {
                Met::Mate(second)
            };
            (first, met)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::{Halves, Met, RUNS_MAX, segment, size};
    use crate::bam::{Fields, Record, flag};

    fn read(name: usize, flags: u16) -> Record {
        Fields {
            name: format!("r{name}").as_bytes(),
            flags: flag::PAIRED | flag::UNMAPPED | flags,
            bases: b"ACGT",
            ..Default::default()
        }
        .to_record()
    }

    /// Mates that are far apart meet all the same, however little may wait in memory, and so do those that were
    /// both written to runs, in runs that became one.
    #[test]
    fn mates_meet_through_the_scratch_directory() {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let reads = 40 * RUNS_MAX;
        for each in [1, 7, 10_000] {
            let mut halves = Halves::new();
            halves.scratch = scratch.path().to_owned();
            halves.limit = each * size(&read(0, 0));
            let mut pairs = 0;
            for (from, segment) in [(0, flag::FIRST), (10, flag::LAST)] {
                for name in from..reads {
                    match halves.meet(&read(name, segment)).expect("scratch") {
                        Met::Mate(mate) => {
                            assert_eq!(mate, read(name, flag::FIRST));
                            pairs += 1;
                        }
                        met => assert_eq!(met, Met::Nobody),
                    }
                    assert!(halves.bytes <= halves.limit + size(&read(name, 0)));
                }
            }
            let (mut left, mut names, mut alone) =
                (halves.finish().expect("scratch"), Vec::new(), 0);
            while let Some((first, met)) = left.next().expect("scratch") {
                names.push(first.view().name().to_vec());
                match met {
                    Met::Mate(mate) => {
                        assert_eq!((segment(&first), segment(&mate)), (0, flag::LAST));
                        pairs += 1;
                    }
                    Met::Nobody => alone += 1,
                    Met::Itself => panic!("no read is there twice"),
                }
            }
            assert_eq!((pairs, alone), (reads - 10, 10), "{each}");
            assert!(names.is_sorted());
        }
    }

    #[test]
    fn a_read_that_is_there_twice_is_told() {
        let mut halves = Halves::new();
        assert_eq!(halves.meet(&read(1, 0)).expect("memory"), Met::Nobody);
        assert_eq!(halves.meet(&read(1, 0)).expect("memory"), Met::Itself);
        let mut spilled = Halves::new();
        spilled.limit = 1;
        for _ in 0..2 {
            assert_eq!(spilled.meet(&read(1, 0)).expect("scratch"), Met::Nobody);
        }
        let mut left = spilled.finish().expect("scratch");
        let (_, met) = left.next().expect("scratch").expect("one");
        assert_eq!(met, Met::Itself);
    }
}
