//! Writing CRAM 3.0.

use std::collections::BTreeMap;
use std::io::{self, Write};

use kumi_seq::contig::ContigId;
use md5::Digest as _;

use super::container::{
    Content, Counts, Method, Place, SEVERAL, SliceHeader, put_block, put_container,
};
use super::encode::Encoder;
use super::reader::Shared;
use super::series::{compression_header, gzip};
use super::window::Window;
use crate::alignments::CRAM_EOF;
use crate::bam::{Record, View};
use crate::header::Header;
use crate::reference::ReferenceSource;

/// Records of a slice; a slice is a container of its own.
const SLICE_RECORDS_MAX: usize = 10_000;
/// Bases of a slice: long reads make shorter slices.
const SLICE_BASES_MAX: u64 = 5_000_000;

/// Writes a CRAM file. [`Writer::finish`] must be called: it writes the end-of-file container.
///
/// Equal headers and records give equal bytes.
pub struct Writer<'r, W: Write> {
    inner: W,
    reference: &'r dyn ReferenceSource,
    /// The reference's contig for each of the header's.
    contigs: Vec<Option<ContigId>>,
    groups: BTreeMap<Vec<u8>, i32>,
    /// Slices hold reads of one contig each.
    sorted: bool,
    waiting: Vec<Record>,
    waiting_bases: u64,
    written: u64,
}

impl<'r, W: Write> Writer<'r, W> {
    /// Writes the header. `reference` must hold the contigs of the header; its bases are fetched as they
    /// are needed.
    ///
    /// # Errors
    /// Those of `inner`.
    pub fn new(
        mut inner: W,
        header: &Header,
        reference: &'r dyn ReferenceSource,
    ) -> io::Result<Self> {
        inner.write_all(&file_header(header)?)?;
        Ok(Self::part(inner, header, reference))
    }

    /// Starts with the containers of a file that is written in parts, which [`super::Joiner`] puts together. The
    /// records of a file that is sorted are parted where a contig ends.
    pub fn part(inner: W, header: &Header, reference: &'r dyn ReferenceSource) -> Self {
        let groups = header.read_groups().into_iter().map(|g| g.id.into_bytes());
        let contigs = header.references();
        Self {
            inner,
            contigs: contigs
                .iter()
                .map(|(name, _)| reference.contigs().id(name))
                .collect(),
            groups: groups.zip(0..).collect(),
            reference,
            sorted: header.is_coordinate_sorted(),
            waiting: Vec::new(),
            waiting_bases: 0,
            written: 0,
        }
    }

    /// Writes a record.
    ///
    /// # Errors
    /// Those of the inner writer; `InvalidInput` for a record that CRAM cannot hold.
    pub fn write(&mut self, record: &Record) -> io::Result<()> {
        let view = record.view();
        let full = self.waiting.len() >= SLICE_RECORDS_MAX || self.waiting_bases >= SLICE_BASES_MAX;
        let other_contig = self.sorted
            && self
                .waiting
                .first()
                .is_some_and(|first| first.view().ref_id() != view.ref_id());
        if full || other_contig {
            self.flush()?;
        }
        self.waiting_bases += view.read_length() as u64;
        self.waiting.push(record.clone());
        Ok(())
    }

    /// Writes what is waiting and the end-of-file container, and gives the inner writer back.
    ///
    /// # Errors
    /// Those of the inner writer.
    pub fn finish(mut self) -> io::Result<W> {
        self.flush()?;
        self.inner.write_all(&CRAM_EOF)?;
        Ok(self.inner)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let window = Window::new(Some(Shared::Borrowed(self.reference)), &self.contigs);
        let before = (self.written, self.waiting_bases);
        let bytes = container(&self.waiting, &self.groups, window, self.sorted, before)?;
        self.inner.write_all(&bytes)?;
        self.written += self.waiting.len() as u64;
        self.waiting.clear();
        self.waiting_bases = 0;
        Ok(())
    }
}

pub(super) fn file_header(header: &Header) -> io::Result<Vec<u8>> {
    let text = header.to_text()?;
    let mut raw = (text.len() as i32).to_le_bytes().to_vec();
    raw.extend_from_slice(text.as_bytes());
    let mut body = Vec::new();
    let packed = gzip(&raw);
    put_block(
        &mut body,
        Method::Gzip,
        Content::FileHeader,
        0,
        raw.len(),
        &packed,
    );
    let mut bytes = b"CRAM\x03\x00".to_vec();
    bytes.extend_from_slice(&[0; 20]);
    let counts = Counts {
        blocks: 1,
        ..Counts::default()
    };
    let nowhere = Place {
        contig: 0,
        start: 0,
        span: 0,
    };
    put_container(&mut bytes, nowhere, counts, &[0], &body);
    Ok(bytes)
}

/// A container with one slice. `before` are the records before it and the bases in it.
fn container(
    records: &[Record],
    groups: &BTreeMap<Vec<u8>, i32>,
    mut window: Window<'_>,
    sorted: bool,
    before: (u64, u64),
) -> io::Result<Vec<u8>> {
    let place = place(records, sorted);
    let mut md5 = [0; 16];
    if place.contig >= 0 {
        let bases = window.bases(place.contig, place.start - 1, place.span as usize)?;
        md5 = md5::Md5::digest(bases).into();
    }
    let mut encoder = Encoder::new(groups, window, !sorted, place.start);
    encoder.encode(records)?;
    let compression = compression_header(sorted, &encoder.tag_lines, &encoder.streams);
    let blocks = encoder.streams.compress();
    let mut body = Vec::new();
    let size = compression.len();
    let landmark = put_block(
        &mut body,
        Method::Raw,
        Content::CompressionHeader,
        0,
        size,
        &compression,
    );
    let ids: Vec<i32> = std::iter::once(0)
        .chain(blocks.iter().map(|b| b.id))
        .collect();
    let header = SliceHeader {
        place,
        records: records.len(),
        before: before.0 as i64,
        blocks: ids.len(),
        embedded: None,
        md5,
    }
    .to_bytes(&ids);
    let size = header.len();
    put_block(
        &mut body,
        Method::Raw,
        Content::SliceHeader,
        0,
        size,
        &header,
    );
    put_block(&mut body, Method::Raw, Content::Core, 0, 0, &[]);
    for block in &blocks {
        let external = Content::External;
        put_block(
            &mut body,
            block.method,
            external,
            block.id,
            block.raw_size,
            &block.bytes,
        );
    }
    let counts = Counts {
        records: records.len(),
        before: before.0,
        bases: before.1,
        blocks: blocks.len() + 3,
    };
    let mut bytes = Vec::with_capacity(body.len() + 64);
    put_container(&mut bytes, place, counts, &[landmark], &body);
    Ok(bytes)
}

/// What the records cover. Reads without a place have none; unaligned reads beside their mates count with
/// one base.
fn place(records: &[Record], sorted: bool) -> Place {
    let views = || records.iter().map(Record::view);
    let contig = views().next().map_or(-1, |view| view.ref_id());
    if !sorted {
        return Place {
            contig: SEVERAL,
            start: 0,
            span: 0,
        };
    }
    if contig < 0 {
        return Place {
            contig: -1,
            start: 0,
            span: 0,
        };
    }
    let first = views().map(|view| view.pos()).min().unwrap_or(0);
    let end = views().map(|view: View<'_>| view.end()).max().unwrap_or(0);
    Place {
        contig,
        start: first + 1,
        span: end - first,
    }
}
