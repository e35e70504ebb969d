//! Segments: written window by window; of a mapped one only the windows that are asked for are read.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;

use arrow_schema::{ArrowError, Schema};
use bytes::Bytes;
use kumi_seq::contig::ContigId;
use kumi_seq::interval::Interval;

use crate::store::batch;
use crate::store::error::{Damage, SegmentError};
use crate::store::file::{Input, Output};
use crate::store::header::{SegmentHeader, VERSION};
use crate::store::row;
use crate::store::schema::FIELDS;
use crate::store::tiles;
use crate::store::unpack::{self, Unpacker};
use crate::store::window::Window;
use crate::track::Track;

/// Writes a segment.
pub(crate) struct SegmentWriter<W: Write>(Output<W>);

impl<W: Write> SegmentWriter<W> {
    /// Begins a segment.
    pub(crate) fn new(output: W, header: &SegmentHeader) -> Result<Self, ArrowError> {
        let schema = Schema::new_with_metadata(FIELDS.clone(), header.metadata());
        Output::new(output, Arc::new(schema)).map(Self)
    }

    /// Writes the next window.
    pub(crate) fn write(&mut self, window: &Window) -> Result<(), ArrowError> {
        let batch = batch::pack(window, self.0.schema())?;
        self.0.write(&batch)
    }

    /// Writes what stands at the end; returns what was written to.
    pub(crate) fn finish(self) -> Result<W, ArrowError> {
        self.0.finish()
    }
}

/// A segment: what a batch of samples says of a region.
#[derive(Debug)]
pub struct Segment {
    name: String,
    header: SegmentHeader,
    excluded: BTreeSet<String>,
    file: Input,
}

impl Segment {
    /// Takes the bytes of a segment, mapped or read, which are kept as they are; windows are checked when they are
    /// read. `name` is told in errors.
    ///
    /// # Errors
    /// See [`SegmentError`].
    pub fn open(name: &str, bytes: Bytes) -> Result<Self, SegmentError> {
        let damaged = |damage: Damage| SegmentError::Damaged {
            name: name.to_owned(),
            what: damage.0,
        };
        let file = Input::open(bytes).map_err(damaged)?;
        let header = SegmentHeader::parse(file.schema().metadata())
            .map_err(|found| SegmentError::Version {
                name: name.to_owned(),
                found,
                expected: VERSION,
            })?
            .map_err(damaged)?;
        if *file.schema().fields() != *FIELDS {
            return Err(damaged("its columns are not those of a segment".into()));
        }
        if file.batches() != tiles::count(header.interval(ContigId(0)), header.window) {
            return Err(damaged("it has another number of windows".into()));
        }
        Ok(Self {
            name: name.to_owned(),
            header,
            excluded: BTreeSet::new(),
            file,
        })
    }

    /// The segment as if it did not hold these samples; joint genotyping does not see them.
    #[must_use]
    pub fn without(self, samples: impl IntoIterator<Item = String>) -> Self {
        Self {
            excluded: samples.into_iter().collect(),
            ..self
        }
    }

    /// The samples that are seen, in order.
    pub fn samples(&self) -> impl Iterator<Item = &String> {
        let samples = self.header.samples.iter();
        samples.filter(|sample| !self.excludes(sample))
    }

    /// Whether a sample is not to be seen: [`Segment::without`].
    pub(crate) fn excludes(&self, sample: &str) -> bool {
        self.excluded.contains(sample)
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is of.
    #[must_use]
    pub fn header(&self) -> &SegmentHeader {
        &self.header
    }

    /// Reads all of it and checks all of it.
    ///
    /// # Errors
    /// The first window that is damaged.
    pub fn verify(&self) -> Result<(), SegmentError> {
        let keep = vec![true; self.header.samples.len()];
        (0..self.windows()).try_for_each(|at| self.tracks(at, &keep).map(|_| ()))
    }

    /// Damages a window so that its CRC does not tell.
    #[cfg(test)]
    pub(crate) fn change(&mut self, window: usize, changes: &[(usize, u8)]) {
        self.file.change(window, changes);
    }

    /// Number of windows.
    pub(crate) fn windows(&self) -> usize {
        self.file.batches()
    }

    fn region(&self) -> Interval {
        self.header.interval(ContigId(0))
    }

    /// The bases of a window; the contig is not told.
    pub(crate) fn tile(&self, at: usize) -> Interval {
        tiles::at(self.region(), self.header.window, at)
    }

    /// The window in which a position of the region lies.
    pub(crate) fn window_at(&self, position: u32) -> usize {
        tiles::place(self.region(), self.header.window, position)
    }

    /// A window.
    pub(crate) fn window(&self, at: usize) -> Result<Window, SegmentError> {
        self.read(at).map_err(|damage| self.damaged(at, damage))
    }

    /// What is known of the samples that are kept.
    pub(crate) fn tracks(&self, at: usize, keep: &[bool]) -> Result<Vec<Track>, SegmentError> {
        let window = self.window(at)?;
        unpack::tracks(window, keep).map_err(|damage| self.damaged(at, damage))
    }

    /// A window of which what is known of the samples that are kept is unpacked part by part.
    pub(crate) fn unpacker(&self, at: usize, keep: &[bool]) -> Result<Unpacker, SegmentError> {
        let window = self.window(at)?;
        Unpacker::new(window, keep).map_err(|damage| self.damaged(at, damage))
    }

    /// What is wrong with a window.
    pub(crate) fn damaged(&self, at: usize, damage: Damage) -> SegmentError {
        SegmentError::Damaged {
            name: self.name.clone(),
            what: format!("window {at}: {}", damage.0),
        }
    }

    fn read(&self, at: usize) -> Result<Window, Damage> {
        let window = row::unpack(&self.file.read(at)?)?;
        let tile = self.tile(at);
        if (tile.start, tile.end) != (window.start, window.end) {
            return Err("it is of other bases".into());
        }
        Ok(window)
    }
}
