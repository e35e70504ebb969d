//! BAM files: a header and record bodies in BGZF.

use std::io::{self, Read, Write};

use noodles::bgzf;
use noodles::core::Position;
use noodles::csi::binning_index::Indexer;
use noodles::csi::binning_index::index::reference_sequence::bin::Chunk;
use noodles::csi::binning_index::index::reference_sequence::index::LinearIndex;

use crate::bam::record::Record;
use crate::header::Header;

const MAGIC: [u8; 4] = *b"BAM\x01";
/// No record of ours or of anybody's short reads comes near; a larger size is a damaged file.
const RECORD_BYTES_MAX: u32 = 64 << 20;

/// Writes a BAM file. [`Writer::finish`] must be called: it writes the end-of-file marker.
pub struct Writer<W: Write> {
    inner: bgzf::io::Writer<W>,
}

impl<W: Write> Writer<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// Those of `inner`.
    pub fn new(inner: W, header: &Header) -> io::Result<Self> {
        let mut inner = bgzf::io::Writer::new(inner);
        let text = header.to_text()?;
        inner.write_all(&MAGIC)?;
        inner.write_all(&(text.len() as u32).to_le_bytes())?;
        inner.write_all(text.as_bytes())?;
        let references = header.references();
        inner.write_all(&(references.len() as u32).to_le_bytes())?;
        for (name, length) in references {
            inner.write_all(&(name.len() as u32 + 1).to_le_bytes())?;
            inner.write_all(name.as_bytes())?;
            inner.write_all(&[0])?;
            inner.write_all(&length.to_le_bytes())?;
        }
        inner.flush()?;
        Ok(Self { inner })
    }

    /// Where the next record begins.
    pub fn position(&self) -> bgzf::VirtualPosition {
        self.inner.virtual_position()
    }

    /// Writes a record.
    ///
    /// # Errors
    /// Those of the inner writer.
    pub fn write(&mut self, record: &Record) -> io::Result<()> {
        self.inner
            .write_all(&(record.as_bytes().len() as u32).to_le_bytes())?;
        self.inner.write_all(record.as_bytes())
    }

    /// Writes the end-of-file marker and gives the inner writer back.
    ///
    /// # Errors
    /// Those of the inner writer.
    pub fn finish(self) -> io::Result<W> {
        self.inner.finish()
    }
}

/// Reads a BAM file from its beginning.
pub struct Reader<R: Read> {
    inner: bgzf::io::Reader<R>,
    header: Header,
    /// How many the header has.
    contigs: usize,
}

impl<R: Read> Reader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// `InvalidData` when it is not a BAM file, else those of `inner`.
    pub fn new(inner: R) -> io::Result<Self> {
        let mut inner = bgzf::io::Reader::new(inner);
        let mut magic = [0; 4];
        inner.read_exact(&mut magic)?;
        if magic != MAGIC {
            return Err(invalid("not a BAM file"));
        }
        let mut text = vec![0; checked(read_u32(&mut inner)?)?];
        inner.read_exact(&mut text)?;
        while text.last() == Some(&0) {
            text.pop();
        }
        let mut references = Vec::new();
        for _ in 0..read_u32(&mut inner)? {
            let mut name = vec![0; checked(read_u32(&mut inner)?)?];
            inner.read_exact(&mut name)?;
            name.pop();
            let name =
                String::from_utf8(name).map_err(|_| invalid("a reference name is not UTF-8"))?;
            references.push((name, read_u32(&mut inner)?));
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        let header =
            Header::parse_bam(&text, &references).map_err(|error| invalid(&error.to_string()))?;
        Ok(Self {
            inner,
            header,
            contigs: references.len(),
        })
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The next record; `None` at the end of the file.
    ///
    /// # Errors
    /// `UnexpectedEof` when the file ends inside a record, `InvalidData` when a record is malformed.
    pub fn read(&mut self) -> io::Result<Option<Record>> {
        let mut size = [0; 4];
        match self.inner.read(&mut size)? {
            0 => return Ok(None),
            some => self.inner.read_exact(&mut size[some..])?,
        }
        let mut bytes = vec![0; checked(u32::from_le_bytes(size))?];
        self.inner.read_exact(&mut bytes)?;
        let record = Record::from_bytes(bytes)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let view = record.view();
        let known = |id: i32| id == -1 || usize::try_from(id).is_ok_and(|id| id < self.contigs);
        if !known(view.ref_id()) || !known(view.mate_ref_id()) {
            return Err(invalid("a record on a contig that the header has not"));
        }
        Ok(Some(record))
    }

    /// The reader below, to seek in.
    pub(crate) fn inner_mut(&mut self) -> &mut bgzf::io::Reader<R> {
        &mut self.inner
    }
}

fn read_u32(reader: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    reader.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

fn checked(size: u32) -> io::Result<usize> {
    if size > RECORD_BYTES_MAX {
        Err(invalid("a size in the file is absurd"))
    } else {
        Ok(size as usize)
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

/// The index (`.bai`) of a BAM file sorted by coordinate, as the bytes of the file to write beside it.
///
/// # Errors
/// Those of reading the file; `InvalidData` when it is not sorted.
pub fn index(path: &std::path::Path) -> io::Result<Vec<u8>> {
    let mut reader = Reader::new(io::BufReader::new(std::fs::File::open(path)?))?;
    let mut indexer = Indexer::<LinearIndex>::default();
    let mut start = reader.inner.virtual_position();
    while let Some(record) = reader.read()? {
        let end = reader.inner.virtual_position();
        let view = record.view();
        let position = |at: i32| usize::try_from(at).ok().and_then(Position::new);
        let place = usize::try_from(view.ref_id())
            .ok()
            .zip(position(view.pos() + 1))
            .zip(position(view.end()));
        let mapped = view.flags() & super::flag::UNMAPPED == 0;
        let place = place.map(|((contig, first), last)| (contig, first, last, mapped));
        indexer
            .add_record(place, Chunk::new(start, end))
            .map_err(|error| invalid(&error.to_string()))?;
        start = end;
    }
    let index = indexer.build(reader.header.references().len());
    let mut writer = noodles::bam::bai::io::Writer::new(Vec::new());
    writer.write_index(&index)?;
    Ok(writer.into_inner())
}
