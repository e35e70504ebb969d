//! CRAM files read from the beginning or by region.
//!
//! The index is read once. Slices of the last query stay decoded, so that a caller who walks along the
//! genome in small steps decodes each slice once; the memory is bounded by what one query touches. Of the
//! reference only the stretch under a slice is held.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kumi_seq::contig::ContigId;
use kumi_seq::interval::Interval;

use super::compression::Compression;
use super::container::{Container, Content, SliceHeader, check_blocks, header_block};
use super::decode::Slice;
use super::number::{Input, invalid};
use super::window::Window;
use crate::bam::Record;
use crate::header::Header;
use crate::reference::ReferenceSource;

/// Slices of short reads have ten thousand records; one with more than this is a damaged file.
const SLICE_RECORDS_MAX: usize = 1 << 22;
/// So much may become of a slice, in blocks and in records each; what is more is a damaged file.
const SLICE_BYTES_MAX: usize = 1 << 30;

/// A reference that is borrowed or shared.
#[derive(Clone)]
pub(crate) enum Shared<'r> {
    Borrowed(&'r dyn ReferenceSource),
    Counted(Arc<dyn ReferenceSource>),
}

impl Shared<'_> {
    pub(crate) fn source(&self) -> &dyn ReferenceSource {
        match self {
            Self::Borrowed(source) => *source,
            Self::Counted(source) => source.as_ref(),
        }
    }
}

/// A CRAM 3 file.
pub(crate) struct Reader<'r> {
    path: PathBuf,
    file: BufReader<File>,
    header: Header,
    reference: Option<Shared<'r>>,
    /// The reference's contig for each of the header's.
    contigs: Vec<Option<ContigId>>,
    groups: Vec<Vec<u8>>,
    waiting: std::vec::IntoIter<Record>,
    index: Option<Vec<IndexEntry>>,
    kept: Vec<Kept>,
}

/// A decoded slice.
struct Kept {
    container: u64,
    landmark: usize,
    records: Vec<Record>,
}

impl<'r> Reader<'r> {
    /// Reads the header.
    ///
    /// # Errors
    /// `InvalidData` when it is not CRAM 3, else those of reading.
    pub(crate) fn open(path: &Path, reference: Option<Shared<'r>>) -> io::Result<Self> {
        let mut file = BufReader::with_capacity(256 << 10, File::open(path)?);
        let header = read_header(&mut file)?;
        let contigs = header
            .references()
            .iter()
            .map(|(name, _)| reference.as_ref()?.source().contigs().id(name))
            .collect();
        let groups = header.read_groups();
        Ok(Self {
            path: path.to_owned(),
            file,
            groups: groups.into_iter().map(|g| g.id.into_bytes()).collect(),
            header,
            reference,
            contigs,
            waiting: Vec::new().into_iter(),
            index: None,
            kept: Vec::new(),
        })
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// The next record of the whole file; `None` at its end.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(crate) fn read(&mut self) -> io::Result<Option<Record>> {
        loop {
            if let Some(record) = self.waiting.next() {
                return Ok(Some(record));
            }
            let Some(container) = Container::read(&mut self.file)? else {
                return Ok(None);
            };
            let mut records = Vec::new();
            for slice in 0..container.landmarks.len() {
                records.extend(self.decode(&container, slice)?);
            }
            self.waiting = records.into_iter();
        }
    }

    /// Reads the index beside the file, once.
    ///
    /// # Errors
    /// When it is missing or malformed.
    pub(crate) fn load_index(&mut self) -> io::Result<()> {
        if self.index.is_none() {
            self.index = Some(read_index(&self.path)?);
        }
        Ok(())
    }

    /// The records that overlap an interval, in file order.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(crate) fn query(&mut self, interval: Interval) -> io::Result<Vec<Record>> {
        self.load_index()?;
        let index = self.index.as_deref().unwrap_or_default();
        let contig = i64::from(interval.contig.0);
        let of_contig = index.partition_point(|entry| entry.contig < contig);
        let wanted: Vec<(u64, usize)> = index[of_contig..]
            .iter()
            .take_while(|entry| entry.contig == contig)
            .filter(|entry| entry.overlaps(interval))
            .map(|entry| (entry.container, entry.landmark))
            .collect();
        self.kept
            .retain(|kept| wanted.contains(&(kept.container, kept.landmark)));
        let mut records = Vec::new();
        for &(container, landmark) in &wanted {
            let at = self.keep(container, landmark)?;
            for record in &self.kept[at].records {
                let view = record.view();
                if view.ref_id() == interval.contig.0 as i32
                    && view.pos() < interval.end as i32
                    && view.end() > interval.start as i32
                {
                    records.push(record.clone());
                }
            }
        }
        Ok(records)
    }

    /// Decodes a slice, or finds it where it was kept.
    fn keep(&mut self, container: u64, landmark: usize) -> io::Result<usize> {
        let is = |kept: &Kept| kept.container == container && kept.landmark == landmark;
        if let Some(at) = self.kept.iter().position(is) {
            return Ok(at);
        }
        self.file.seek(SeekFrom::Start(container))?;
        let read = Container::read(&mut self.file)?
            .ok_or_else(|| invalid("the index points to the end of the file"))?;
        let slice = read.landmarks.iter().position(|&other| other == landmark);
        let slice = slice.ok_or_else(|| invalid("the index is of another file"))?;
        let records = self.decode(&read, slice)?;
        self.kept.push(Kept {
            container,
            landmark,
            records,
        });
        Ok(self.kept.len() - 1)
    }

    /// The records of one slice of a container.
    fn decode(&self, container: &Container, slice: usize) -> io::Result<Vec<Record>> {
        let mut input = Input::new(container.body());
        let compression = header_block(&mut input, Content::CompressionHeader)?;
        let compression = Compression::parse(&compression)?;
        let mut input = Input::new(&container.body()[container.landmarks[slice]..]);
        let header = SliceHeader::parse(&header_block(&mut input, Content::SliceHeader)?)?;
        if header.records > SLICE_RECORDS_MAX {
            return Err(invalid("a slice with absurdly many records"));
        }
        check_blocks(&mut input, header.blocks, SLICE_BYTES_MAX)?;
        // The codecs of the blocks are noodles'. What they are given may be damaged on purpose, with right
        // checksums; a panic in them says no more than that.
        let mut theirs = noodles::cram::io::reader::Container::default();
        noodles::cram::io::Reader::new(container.bytes()).read_container(&mut theirs)?;
        let blocks = theirs
            .slices()
            .nth(slice)
            .ok_or_else(|| invalid("a slice that its container lacks"))??;
        let (core, externals) = catch_unwind(AssertUnwindSafe(|| blocks.decode_blocks()))
            .unwrap_or_else(|_| Err(invalid("a block that its codec cannot decode")))?;
        let mut window = Window::new(self.reference.clone(), &self.contigs);
        let place = header.place;
        if let Some(id) = header.embedded {
            let block = externals.iter().find(|(other, _)| *other == id);
            let (_, bases) = block.ok_or_else(|| invalid("an embedded reference is missing"))?;
            window = window.embedded(place.contig, place.start.wrapping_sub(1), bases);
        } else if compression.needs_reference && place.contig >= 0 && place.span > 0 {
            let (start, span) = (place.start.wrapping_sub(1), place.span as usize);
            let whole = window.bases(place.contig, start, span).map(<[u8]>::len);
            if header.md5 != [0; 16]
                && whole.is_ok()
                && !window.has_md5(place.contig, start, span, header.md5)?
            {
                return Err(invalid(format!(
                    "the reference has other bases than this CRAM was made with at {}:{}-{}",
                    self.contig_name(place.contig),
                    place.start,
                    place.start.saturating_add(place.span) - 1
                )));
            }
        }
        Slice {
            header,
            compression: &compression,
            core: &core,
            externals: &externals,
            groups: &self.groups,
            window,
            bytes_max: SLICE_BYTES_MAX,
        }
        .decode()
    }

    fn contig_name(&self, contig: i32) -> String {
        let names = self.header.references();
        let name = usize::try_from(contig).ok().and_then(|at| names.get(at));
        name.map_or_else(|| contig.to_string(), |(name, _)| name.clone())
    }
}

fn read_header(file: &mut impl Read) -> io::Result<Header> {
    let mut definition = [0; 26];
    file.read_exact(&mut definition)?;
    if !definition.starts_with(b"CRAM") {
        return Err(invalid("not a CRAM file"));
    }
    if definition[4] != 3 {
        return Err(invalid(format!(
            "CRAM {}.{} is not supported, only CRAM 3; convert it with samtools",
            definition[4], definition[5]
        )));
    }
    let container =
        Container::read(file)?.ok_or_else(|| invalid("a CRAM file without a header"))?;
    let block = header_block(&mut Input::new(container.body()), Content::FileHeader)?;
    let mut input = Input::new(&block);
    let size = u32::from_le_bytes(input.array()?);
    let text = input.take(size as usize)?;
    let text = String::from_utf8_lossy(text);
    Header::parse(text.trim_end_matches('\0')).map_err(|error| invalid(error.to_string()))
}

/// A line of a `.crai`.
struct IndexEntry {
    contig: i64,
    /// First position, 1-based.
    start: i64,
    span: i64,
    container: u64,
    landmark: usize,
}

impl IndexEntry {
    fn overlaps(&self, interval: Interval) -> bool {
        self.start - 1 < i64::from(interval.end)
            && self.start - 1 + self.span > i64::from(interval.start)
    }
}

fn read_index(path: &Path) -> io::Result<Vec<IndexEntry>> {
    let mut name = path.as_os_str().to_owned();
    name.push(".crai");
    let mut bytes = std::fs::read(&name)?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut text = Vec::new();
        flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut text)?;
        bytes = text;
    }
    let text = String::from_utf8(bytes).map_err(|_| invalid("the index is not text"))?;
    let mut entries = text
        .lines()
        .map(|line| {
            let mut columns = line.split('\t').map(str::parse::<i64>);
            let mut next = || columns.next().and_then(Result::ok);
            let entry = (|| {
                Some(IndexEntry {
                    contig: next()?,
                    start: next()?,
                    span: next()?,
                    container: next()?.try_into().ok()?,
                    landmark: next()?.try_into().ok()?,
                })
            })();
            entry.ok_or_else(|| invalid(format!("the index has a malformed line: {line}")))
        })
        .collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(|entry| (entry.contig, entry.container, entry.landmark));
    Ok(entries)
}
