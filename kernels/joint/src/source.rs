//! One gVCF, read forward window by window.

use std::path::Path;

use kumi_formats::reference::ReferenceSource;
use kumi_formats::vcf::{Header, Reader, VcfError};
use kumi_seq::contig::{Contig, ContigId, Contigs};
use kumi_seq::interval::Interval;

use crate::allele::SHIFT_MAX;
use crate::evidence::{self, Evidence};
use crate::track::Track;

/// A sample's file and what was read of it.
pub(crate) struct Source {
    pub(crate) track: Track,
    reader: Reader,
    indexed: bool,
    /// The record read last, which starts beyond the window.
    pending: Option<(ContigId, u32, Evidence)>,
    ended: bool,
    last: Option<(ContigId, u32)>,
    /// Where records are counted: in the region they start in.
    region: Option<Interval>,
    pub(crate) records: u64,
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
            reader,
            indexed,
            pending: None,
            ended: false,
            last: None,
            region: None,
            records: 0,
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
            self.track.clear();
            self.pending = None;
            self.last = None;
            let name = contigs.get(region.contig).map_or("", |c| c.name.as_str());
            let reach = Interval {
                end: region.end.saturating_add(SHIFT_MAX),
                ..region
            };
            self.ended = !self.reader.seek(name, reach)?;
        } else if changes {
            self.track.clear();
        }
        Ok(())
    }

    /// Reads what is needed to know every base of `window`, a part of the region entered.
    pub(crate) fn advance(
        &mut self,
        window: Interval,
        reference: &dyn ReferenceSource,
    ) -> Result<(), VcfError> {
        self.track.forget(window.start);
        let until = (window.contig, window.end.saturating_add(SHIFT_MAX));
        loop {
            let next = match self.pending.take() {
                Some(next) => Some(next),
                None => self.next(window, reference)?,
            };
            let Some((contig, start, evidence)) = next else {
                break;
            };
            if (contig, start) >= until {
                self.pending = Some((contig, start, evidence));
                break;
            }
            let end = match &evidence {
                Evidence::Block(block) => block.end,
                Evidence::Call(call) => call.end,
            };
            if contig == window.contig && end > window.start {
                self.track.add(evidence);
            }
        }
        self.track.settle();
        Ok(())
    }

    fn next(
        &mut self,
        window: Interval,
        reference: &dyn ReferenceSource,
    ) -> Result<Option<(ContigId, u32, Evidence)>, VcfError> {
        if self.ended {
            return Ok(None);
        }
        let Some(view) = self.reader.read()? else {
            self.ended = true;
            return Ok(None);
        };
        let contigs = reference.contigs();
        let id = std::str::from_utf8(view.contig()).ok();
        let Some(contig) = id.and_then(|name| contigs.id(name)) else {
            let what = format!(
                "the reference has no contig `{}`; was the file made with another reference?",
                String::from_utf8_lossy(view.contig())
            );
            return Err(self.reader.wrong(what));
        };
        let start = view.start();
        if self.indexed && contig != window.contig {
            self.ended = true;
            return Ok(None);
        }
        if self.last.is_some_and(|last| (contig, start) < last) {
            let what = "it stands before the record that precedes it; sort the file in the order of the \
                        reference (bcftools sort) or index it (tabix -p vcf)";
            return Err(self.reader.wrong(what.to_owned()));
        }
        self.last = Some((contig, start));
        if self
            .region
            .is_some_and(|region| region.contains(contig, start))
        {
            self.records += 1;
        }
        match evidence::parse(&view, contig, reference) {
            Ok(evidence) => Ok(Some((contig, start, evidence))),
            Err(what) => Err(self.reader.wrong(what)),
        }
    }
}

/// What of a header shows that another reference was used: a contig of one name and another MD5.
pub(crate) fn other_reference(header: &Header, contigs: &Contigs) -> Option<String> {
    header.contigs().iter().find_map(|(name, _)| {
        let contig = contigs.id(name).and_then(|id| contigs.get(id))?;
        let told = header.contig_md5(name)?;
        let differs = Contig::parse_m5(told).is_some_and(|md5| md5 != contig.md5);
        differs.then(|| format!("the MD5 of {name} is {told}, not {}", contig.m5()))
    })
}
