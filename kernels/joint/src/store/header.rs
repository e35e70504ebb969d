//! What a segment is of.

use std::collections::HashMap;

use arrow_schema::Metadata;
use kumi_formats::reference::ReferenceSource;
use kumi_seq::contig::ContigId;
use kumi_seq::interval::Interval;

use crate::store::error::{Damage, SegmentError};
use crate::store::locate::contig_of;

/// The version of the format, raised with every change of what is written.
pub(crate) const VERSION: &str = "1";

const VERSION_KEY: &str = "kumi.segment.version";
const MADE_BY_KEY: &str = "kumi.segment.made_by";
const CONTIG_KEY: &str = "kumi.segment.contig";
const LENGTH_KEY: &str = "kumi.segment.contig_length";
const M5_KEY: &str = "kumi.segment.contig_m5";
const START_KEY: &str = "kumi.segment.start";
const END_KEY: &str = "kumi.segment.end";
const WINDOW_KEY: &str = "kumi.segment.window";
const SAMPLES_KEY: &str = "kumi.segment.samples";

/// What a segment is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// What wrote it: a program and its version.
    pub made_by: String,
    /// The name of the contig.
    pub contig: String,
    /// Bases of the contig.
    pub contig_length: u32,
    /// MD5 of the contig's sequence, as `@SQ` has it.
    pub contig_m5: String,
    /// First base of the region, 0-based.
    pub start: u32,
    /// One past the last base of the region.
    pub end: u32,
    /// Bases of a window: windows begin at multiples of it.
    pub window: u32,
    /// Names of the samples, in order.
    pub samples: Vec<String>,
}

impl SegmentHeader {
    /// The region on a reference.
    pub(crate) fn interval(&self, contig: ContigId) -> Interval {
        Interval {
            contig,
            start: self.start,
            end: self.end,
        }
    }

    /// The contig of a reference that this segment is of.
    pub(crate) fn contig_of(
        &self,
        name: &str,
        reference: &dyn ReferenceSource,
    ) -> Result<ContigId, SegmentError> {
        let contig = contig_of(reference, &self.contig, &self.contig_m5);
        contig.map_err(|what| SegmentError::Reference {
            name: name.to_owned(),
            what,
        })
    }

    fn pairs(&self) -> [(&'static str, String); 9] {
        [
            (VERSION_KEY, VERSION.to_owned()),
            (MADE_BY_KEY, self.made_by.clone()),
            (CONTIG_KEY, self.contig.clone()),
            (LENGTH_KEY, self.contig_length.to_string()),
            (M5_KEY, self.contig_m5.clone()),
            (START_KEY, self.start.to_string()),
            (END_KEY, self.end.to_string()),
            (WINDOW_KEY, self.window.to_string()),
            // No name has a line feed: it stands in a line of a VCF.
            (SAMPLES_KEY, self.samples.join("\n")),
        ]
    }

    /// As key and value, for the schema.
    pub(crate) fn metadata(&self) -> HashMap<String, String> {
        let pairs = self.pairs().into_iter();
        pairs.map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// From the schema's key and value. The outer error is a version that cannot be read.
    pub(crate) fn parse(metadata: &Metadata) -> Result<Result<Self, Damage>, String> {
        let text = |key: &str| metadata.get(key).cloned();
        match text(VERSION_KEY) {
            Some(version) if version == VERSION => {}
            Some(version) => return Err(version),
            None => return Ok(Err("it says nothing of a version".into())),
        }
        let number = |key: &str| text(key).and_then(|text| text.parse::<u32>().ok());
        let header = || {
            Some(Self {
                made_by: text(MADE_BY_KEY)?,
                contig: text(CONTIG_KEY)?,
                contig_length: number(LENGTH_KEY)?,
                contig_m5: text(M5_KEY)?,
                start: number(START_KEY)?,
                end: number(END_KEY)?,
                window: number(WINDOW_KEY)?,
                samples: text(SAMPLES_KEY)?.split('\n').map(str::to_owned).collect(),
            })
        };
        let Some(header) = header() else {
            return Ok(Err("its header is not complete".into()));
        };
        let ordered = header.samples.windows(2).all(|pair| pair[0] < pair[1]);
        let inside = header.start < header.end && header.end <= header.contig_length;
        if !ordered || !inside || header.window == 0 {
            return Ok(Err("its header contradicts itself".into()));
        }
        Ok(Ok(header))
    }
}
