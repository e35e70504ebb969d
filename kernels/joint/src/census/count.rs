//! What the samples of a segment say, counted.

use std::collections::HashMap;
use std::sync::Arc;

use kumi_seq::interval::Interval;

use crate::census::file::CensusHeader;
use crate::census::window::Sum;
use crate::evidence::{Block, Call};
use crate::level::Statement;
use crate::store::{Segment, SegmentError};
use crate::track::Track;

/// Nothing is said.
const NOTHING: u32 = u32::MAX;

/// Those samples of a segment that are counted, gone along window by window.
pub(super) struct Counting<'a> {
    segment: &'a Segment,
    keep: Vec<bool>,
    quality_min: u32,
    /// The window of the segment that was unpacked last, and its number.
    unpacked: Option<(usize, Vec<Track>)>,
}

impl<'a> Counting<'a> {
    pub(super) fn new(
        segment: &'a Segment,
        counts: impl Fn(&str) -> bool,
        quality_min: u32,
    ) -> Self {
        let names = segment.header().samples.iter();
        let seen = |name: &String| !segment.excludes(name) && counts(name);
        Self {
            segment,
            keep: names.map(seen).collect(),
            quality_min,
            unpacked: None,
        }
    }

    /// What their census is of.
    pub(super) fn header(&self) -> CensusHeader {
        let header = self.segment.header();
        CensusHeader {
            contig: header.contig.clone(),
            contig_length: header.contig_length,
            contig_m5: header.contig_m5.clone(),
            start: header.start,
            end: header.end,
            allele_quality_min: self.quality_min,
        }
    }

    /// How many samples are counted.
    pub(super) fn samples(&self) -> u32 {
        self.keep.iter().filter(|keep| **keep).count() as u32
    }

    /// Adds what is said of a window; windows must come in order.
    pub(super) fn add(
        &mut self,
        window: Interval,
        sum: &mut Sum,
        sign: i64,
    ) -> Result<(), SegmentError> {
        let mut start = window.start;
        while start < window.end {
            let at = self.segment.window_at(start);
            let end = self.segment.tile(at).end.min(window.end);
            let (_, tracks) = match self.unpacked.take().filter(|(of, _)| *of == at) {
                Some(unpacked) => self.unpacked.insert(unpacked),
                None => {
                    let tracks = self.segment.tracks(at, &self.keep)?;
                    self.unpacked.insert((at, tracks))
                }
            };
            let mut told = Told {
                sum,
                sign,
                quality_min: self.quality_min,
                end: window.end,
                tables: HashMap::new(),
                current: NOTHING,
            };
            let tracks = tracks.iter().zip(&self.keep);
            for (track, _) in tracks.filter(|(_, keep)| **keep) {
                told.track(track, start, end);
            }
            start = end;
        }
        Ok(())
    }
}

/// What is taken down of a sample.
struct Told<'a> {
    sum: &'a mut Sum,
    sign: i64,
    quality_min: u32,
    /// Where the window ends, from which on nothing is told.
    end: u32,
    /// Of every table of blocks: the numbers of what its blocks say, that of no block first.
    tables: HashMap<*const Vec<Block>, Arc<[u32]>>,
    /// The number of what was said last.
    current: u32,
}

impl Told<'_> {
    /// What a sample says of the bases from `start` to `end`.
    fn track(&mut self, track: &Track, start: u32, end: u32) {
        let table = self.table(track);
        let mut runs = track.runs().iter().peekable();
        let mut calls = track.calls_in(start, end).peekable();
        let mut open: Vec<&Call> = Vec::new();
        let mut at = start;
        while at < end {
            while runs.next_if(|run| run.end <= at).is_some() {}
            open.retain(|call| call.end > at);
            while let Some(call) = calls.next_if(|call| call.start <= at) {
                open.push(call);
            }
            let run = runs.peek().copied();
            let next = calls.peek().map_or(end, |call| call.start);
            let closes = open.iter().map(|call| call.end).min().unwrap_or(end);
            let until = run.map_or(end, |run| run.end);
            let said = if open.is_empty() {
                run.map_or(NOTHING, |run| table[run.block as usize])
            } else {
                let block = run.and_then(|run| track.block(*run));
                let statement = Statement::new(&open, block, self.quality_min);
                self.sum.number(statement)
            };
            self.say(at, said);
            at = until.min(next).min(closes).min(end);
        }
        self.say(end, NOTHING);
    }

    /// From a base on this is said.
    fn say(&mut self, position: u32, said: u32) {
        if said == self.current {
            return;
        }
        if self.current != NOTHING && position < self.end {
            self.sum.step(position, self.current, -self.sign);
        }
        if said != NOTHING {
            self.sum.step(position, said, self.sign);
        }
        self.current = said;
    }

    /// The numbers of what a sample's blocks say.
    fn table(&mut self, track: &Track) -> Arc<[u32]> {
        let (blocks, sum) = (track.blocks(), &mut *self.sum);
        let quality_min = self.quality_min;
        let table = self.tables.entry(Arc::as_ptr(blocks));
        let table = table.or_insert_with(|| {
            let said = blocks.iter();
            let said = said.map(|block| sum.number(Statement::new(&[], Some(block), quality_min)));
            std::iter::once(NOTHING).chain(said).collect()
        });
        Arc::clone(table)
    }
}
