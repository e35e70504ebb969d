//! One gVCF, read forward window by window.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kumi_formats::reference::ReferenceSource;
use kumi_formats::vcf::{Header, Reader, VcfError};
use kumi_seq::contig::{Contig, ContigId, Contigs};
use kumi_seq::interval::Interval;
use rayon::prelude::*;

use crate::allele::SHIFT_MAX;
use crate::cover::cover;
use crate::error::JointError;
use crate::evidence::Records;
use crate::lists::Lists;
use crate::near::Near;
use crate::parse::Parser;
use crate::track::Track;

/// A sample's file and what was read of it.
pub(crate) struct Source {
    /// What is known in the window.
    pub(crate) track: Track,
    /// Those that reach into the window or lie ahead; the calls are the track's as long as there is one.
    records: Records,
    /// Where the last record starts that was put there, 0-based.
    ahead: Option<u32>,
    reader: Reader,
    parser: Parser,
    /// The contig of the record read last.
    contig: (Vec<u8>, Option<ContigId>),
    indexed: bool,
    /// The record read last is of a contig ahead, and not taken yet.
    held: bool,
    ended: bool,
    last: Option<(ContigId, u32)>,
    /// Where records are counted: in the region they start in.
    region: Option<Interval>,
    pub(crate) counted: u64,
}

impl Source {
    /// Opens a gVCF, with its index when there is one.
    pub(crate) fn open(path: &Path, contigs: &Contigs) -> Result<Self, VcfError> {
        let mut reader = Reader::open(path)?;
        let indexed = reader.load_index()?;
        if let Some(name) = reader
            .indexed_contigs()
            .iter()
            .find(|name| contigs.id(name).is_none())
        {
            return Err(VcfError::Index {
                path: path.to_owned(),
                what: format!("it lists records of {name}, a contig that the reference has not"),
            });
        }
        Ok(Self {
            track: Track::default(),
            records: Records::default(),
            reader,
            parser: Parser::default(),
            contig: (Vec::new(), None),
            indexed,
            ahead: None,
            held: false,
            ended: false,
            last: None,
            region: None,
            counted: 0,
        })
    }

    pub(crate) fn header(&self) -> &Header {
        self.reader.header()
    }

    /// Goes to a region. Regions must come in genome order.
    pub(crate) fn enter(&mut self, region: Interval, contigs: &Contigs) -> Result<(), VcfError> {
        let changes = self.region.is_none_or(|last| last.contig != region.contig);
        self.region = Some(region);
        if self.indexed {
            self.clear();
            self.held = false;
            self.last = None;
            let name = contigs.get(region.contig).map_or("", |c| c.name.as_str());
            let reach = Interval {
                end: region.end.saturating_add(SHIFT_MAX),
                ..region
            };
            self.ended = !self.reader.seek(name, reach)?;
        } else if changes {
            self.clear();
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.track = Track::default();
        self.records = Records::default();
        self.ahead = None;
    }

    /// Reads what is needed to know every base of `window`, a part of the region entered.
    pub(crate) fn advance(
        &mut self,
        window: Interval,
        near: &Near<'_>,
        lists: &mut Lists,
    ) -> Result<(), VcfError> {
        let Records { stretches, calls } = &mut self.records;
        *calls = std::mem::take(&mut self.track).into_calls();
        stretches.retain(|stretch| stretch.end > window.start);
        calls.retain(|call| call.end > window.start);
        let until = window.end.saturating_add(SHIFT_MAX);
        while self.ahead.is_none_or(|ahead| ahead < until) && self.next(window, near, lists)? {}
        let mut calls = std::mem::take(&mut self.records.calls);
        // Records stand in order, but an allele may have moved to the left of its record.
        calls.sort_by_key(|call| call.start);
        let (runs, blocks) = cover(&self.records.stretches, window.start, window.end);
        self.track = Track::new(runs, Arc::new(blocks), calls);
        Ok(())
    }

    /// Reads the next record of the window's contig, which is kept unless it ends before the window; false when there
    /// is none.
    fn next(
        &mut self,
        window: Interval,
        near: &Near<'_>,
        lists: &mut Lists,
    ) -> Result<bool, VcfError> {
        loop {
            let held = std::mem::take(&mut self.held);
            if self.ended || (!held && !self.reader.advance()?) {
                self.ended = true;
                return Ok(false);
            }
            let view = self.reader.record()?;
            if view.contig() != self.contig.0 {
                let id = std::str::from_utf8(view.contig()).ok();
                let id = id.and_then(|name| near.contigs().id(name));
                self.contig = (view.contig().to_vec(), id);
            }
            let Some(contig) = self.contig.1 else {
                let what = format!(
                    "the reference has no contig `{}`; was the file made with another reference?",
                    String::from_utf8_lossy(view.contig())
                );
                return Err(self.reader.wrong(what));
            };
            let start = view.start();
            if self.indexed && contig != window.contig {
                self.ended = true;
                return Ok(false);
            }
            if self.last.is_some_and(|last| (contig, start) < last) {
                let what = "it stands before the record that precedes it; sort the file in the order of the \
                            reference (bcftools sort) or index it (tabix -p vcf)";
                return Err(self.reader.wrong(what.to_owned()));
            }
            self.last = Some((contig, start));
            if contig > window.contig {
                self.held = true;
                return Ok(false);
            }
            let counts = |region: Interval| region.contains(contig, start);
            self.counted += u64::from(self.region.is_some_and(counts));
            let records = &mut self.records;
            let parsed = self.parser.parse(&view, contig, near, lists, records);
            parsed.map_err(|what| self.reader.wrong(what))?;
            let past = |end: u32| contig < window.contig || end <= window.start;
            records.stretches.pop_if(|stretch| past(stretch.end));
            records.calls.pop_if(|call| past(call.end));
            if contig == window.contig {
                self.ahead = Some(start);
                return Ok(true);
            }
        }
    }
}

/// Opens every file; names and files in order of the samples' names.
pub(crate) fn open<E>(
    gvcfs: &[PathBuf],
    reference: &dyn ReferenceSource,
) -> Result<Vec<(String, Source)>, JointError<E>> {
    if gvcfs.is_empty() {
        return Err(JointError::NoInputs);
    }
    let mut paths = gvcfs.to_vec();
    paths.sort_unstable();
    let mut samples: BTreeMap<String, (PathBuf, Source)> = BTreeMap::new();
    for path in paths {
        let source = Source::open(&path, reference.contigs())?;
        let [sample] = source.header().samples() else {
            return Err(JointError::NotOneSample {
                found: source.header().samples().len(),
                path,
            });
        };
        if let Some(what) = other_reference(source.header(), reference.contigs()) {
            return Err(JointError::OtherReference { path, what });
        }
        let sample = sample.clone();
        if let Some((first, _)) = samples.get(&sample) {
            return Err(JointError::SameSample {
                sample,
                first: first.clone(),
                second: path,
            });
        }
        samples.insert(sample, (path, source));
    }
    let samples = samples.into_iter();
    Ok(samples.map(|(name, (_, source))| (name, source)).collect())
}

/// Does something with every sample, on all threads, with lists that samples share; the first error by sample counts.
pub(crate) fn each(
    sources: &mut [Source],
    work: impl Fn(&mut Lists, &mut Source) -> Result<(), VcfError> + Send + Sync,
) -> Result<(), VcfError> {
    let sources = sources.par_iter_mut();
    let done: Vec<_> = sources.map_init(Lists::default, work).collect();
    done.into_iter().collect()
}

/// What of a header shows that another reference was used: a contig of one name and another MD5.
fn other_reference(header: &Header, contigs: &Contigs) -> Option<String> {
    header.contigs().iter().find_map(|(name, _)| {
        let contig = contigs.id(name).and_then(|id| contigs.get(id))?;
        let told = header.contig_md5(name)?;
        let differs = Contig::parse_m5(told).is_some_and(|md5| md5 != contig.md5);
        differs.then(|| format!("the MD5 of {name} is {told}, not {}", contig.m5()))
    })
}
