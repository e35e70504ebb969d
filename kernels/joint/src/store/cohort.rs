//! The samples of many segments, window by window.

use std::collections::BTreeSet;

use kumi_formats::reference::ReferenceSource;
use kumi_seq::contig::ContigId;
use kumi_seq::interval::Interval;
use rayon::prelude::*;

use crate::store::error::SegmentError;
use crate::store::locate::place;
use crate::store::segment::Segment;
use crate::store::unpack::Unpacker;
use crate::track::Track;

/// Segments as one cohort.
pub(crate) struct Store<'a> {
    shelves: Vec<Shelf<'a>>,
    samples: Vec<String>,
    /// Where each sample is in the current window: the shelf and the place in it.
    places: Vec<(usize, usize)>,
}

/// A segment and what was unpacked of it.
struct Shelf<'a> {
    segment: &'a Segment,
    contig: ContigId,
    keep: Vec<bool>,
    /// The column in the cohort of each sample that is kept.
    columns: Vec<Option<usize>>,
    /// The window that is unpacked, and its number.
    window: Option<(usize, Unpacker)>,
}

impl Shelf<'_> {
    fn region(&self) -> Interval {
        self.segment.header().interval(self.contig)
    }

    fn advance(&mut self, part: Interval) -> Result<(), SegmentError> {
        if !self.region().overlaps(&part) {
            self.window = None;
            return Ok(());
        }
        let at = self.segment.window_at(part.start);
        let (_, unpacker) = match self.window.take().filter(|window| window.0 == at) {
            Some(window) => self.window.insert(window),
            None => {
                let unpacker = self.segment.unpacker(at, &self.keep)?;
                self.window.insert((at, unpacker))
            }
        };
        let done = unpacker.go(part.start, part.end);
        done.map_err(|damage| self.segment.damaged(at, damage))
    }

    /// What is known of the samples in the part gone to last.
    fn tracks(&self) -> &[Track] {
        let window = self.window.as_ref();
        window.map_or(&[], |(_, unpacker)| unpacker.tracks())
    }
}

impl<'a> Store<'a> {
    /// The cohort of all samples of `segments` but those that have withdrawn.
    pub(crate) fn new(
        segments: &'a [Segment],
        withdrawn: &BTreeSet<String>,
        reference: &dyn ReferenceSource,
    ) -> Result<Self, SegmentError> {
        let names = segments.iter().flat_map(Segment::samples);
        let names: BTreeSet<&String> = names.filter(|name| !withdrawn.contains(*name)).collect();
        let samples: Vec<String> = names.into_iter().cloned().collect();
        let shelf = |segment: &'a Segment| {
            let header = segment.header();
            let column = |name: &String| {
                let seen = !segment.excludes(name);
                seen.then(|| samples.binary_search(name).ok()).flatten()
            };
            let columns: Vec<Option<usize>> = header.samples.iter().map(column).collect();
            Ok(Shelf {
                contig: header.contig_of(segment.name(), reference)?,
                segment,
                keep: columns.iter().map(Option::is_some).collect(),
                columns,
                window: None,
            })
        };
        let shelves = segments.iter().map(shelf);
        Ok(Self {
            shelves: shelves.collect::<Result<_, SegmentError>>()?,
            places: vec![(0, 0); samples.len()],
            samples,
        })
    }

    /// Number of samples.
    pub(crate) fn samples(&self) -> usize {
        self.samples.len()
    }

    /// Checks that every base of a region is held once of each sample.
    pub(crate) fn check(
        &mut self,
        region: Interval,
        reference: &dyn ReferenceSource,
    ) -> Result<(), SegmentError> {
        let mut start = region.start;
        while start < region.end {
            self.find(region.contig, start, reference)?;
            start = self.boundary(region.contig, start).unwrap_or(region.end);
        }
        Ok(())
    }

    /// The first boundary of a segment after a base.
    fn boundary(&self, contig: ContigId, after: u32) -> Option<u32> {
        let regions = self.shelves.iter().map(Shelf::region);
        let regions = regions.filter(|region| region.contig == contig);
        let ends = regions.flat_map(|region| [region.start, region.end]);
        ends.filter(|end| *end > after).min()
    }

    /// Finds every sample's segment of a base.
    fn find(
        &mut self,
        contig: ContigId,
        position: u32,
        reference: &dyn ReferenceSource,
    ) -> Result<(), SegmentError> {
        let place = || place(reference, contig, position);
        let mut found: Vec<Option<(usize, usize)>> = vec![None; self.samples.len()];
        for (at, shelf) in self.shelves.iter().enumerate() {
            if !shelf.region().contains(contig, position) {
                continue;
            }
            for (sample, column) in shelf.columns.iter().enumerate() {
                let Some(column) = *column else { continue };
                if let Some((first, _)) = found[column] {
                    return Err(SegmentError::Twice {
                        sample: self.samples[column].clone(),
                        first: self.shelves[first].segment.name().to_owned(),
                        second: shelf.segment.name().to_owned(),
                        place: place(),
                    });
                }
                found[column] = Some((at, sample));
            }
        }
        for (column, found) in found.into_iter().enumerate() {
            self.places[column] = found.ok_or_else(|| SegmentError::Uncovered {
                sample: self.samples[column].clone(),
                place: place(),
            })?;
        }
        Ok(())
    }

    /// The end of the window that starts at a base: none of a segment ends inside.
    pub(crate) fn end(&self, contig: ContigId, start: u32) -> u32 {
        let shelves = self.shelves.iter();
        let shelves = shelves.filter(|shelf| shelf.region().contains(contig, start));
        let end = |shelf: &Shelf<'_>| {
            let window = shelf.segment.header().window;
            (start / window + 1).saturating_mul(window)
        };
        let end = shelves.map(end).min().unwrap_or(u32::MAX);
        self.boundary(contig, start)
            .map_or(end, |next| next.min(end))
    }

    /// Unpacks what is needed to know every base of `window`.
    pub(crate) fn advance(
        &mut self,
        window: Interval,
        reference: &dyn ReferenceSource,
    ) -> Result<(), SegmentError> {
        let shelves = self.shelves.par_iter_mut();
        let done: Vec<_> = shelves.map(|shelf| shelf.advance(window)).collect();
        done.into_iter().collect::<Result<(), SegmentError>>()?;
        self.find(window.contig, window.start, reference)
    }

    /// What is known of each sample.
    pub(crate) fn tracks(&self) -> Vec<&Track> {
        let track = |(shelf, sample): &(usize, usize)| &self.shelves[*shelf].tracks()[*sample];
        self.places.iter().map(track).collect()
    }
}
