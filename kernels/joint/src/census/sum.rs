//! Censuses and segments added up, window by window.

use std::io::Write;

use kumi_seq::contig::ContigId;

use crate::census::arrow::Writer;
use crate::census::count::Counting;
use crate::census::file::{Census, CensusHeader};
use crate::census::sites::nominated;
use crate::census::window::Sum;
use crate::census::{CensusError, WINDOW};
use crate::params::Params;
use crate::store::Segment;
use crate::store::tiles;

/// What is added to a census, or taken away.
pub struct CensusPart<'a> {
    sign: i64,
    of: Of<'a>,
}

enum Of<'a> {
    Census(&'a Census),
    Segment(Counting<'a>),
}

impl<'a> CensusPart<'a> {
    /// All samples of a census.
    #[must_use]
    pub fn census(census: &'a Census) -> Self {
        Self {
            sign: 1,
            of: Of::Census(census),
        }
    }

    /// Those samples of a segment for whom `counts` holds.
    #[must_use]
    pub fn segment(segment: &'a Segment, counts: impl Fn(&str) -> bool, params: &Params) -> Self {
        Self {
            sign: 1,
            of: Of::Segment(Counting::new(segment, counts, params.allele_quality_min)),
        }
    }

    /// The same, to be taken away.
    #[must_use]
    pub fn taken_away(self) -> Self {
        Self { sign: -1, ..self }
    }

    fn samples(&self) -> i64 {
        let samples = match &self.of {
            Of::Census(census) => census.samples(),
            Of::Segment(counting) => counting.samples(),
        };
        self.sign * i64::from(samples)
    }

    fn header(&self) -> CensusHeader {
        match &self.of {
            Of::Census(census) => census.header().clone(),
            Of::Segment(counting) => counting.header(),
        }
    }
}

/// What was counted.
#[derive(Debug)]
pub struct Counted<W> {
    /// What was written to.
    pub output: W,
    /// Samples of the sum.
    pub samples: u32,
    /// Alleles that enter the cohort.
    pub alleles: u64,
}

/// Writes the census of all parts, each of which must be of the same region; none gives nothing. Memory holds a window
/// of every part.
///
/// # Errors
/// `Other` when a part is of another region or made with another limit, `NeverAdded` when more would be taken away than
/// was added, `TooMany` when there are more samples than can be counted; what is wrong with a part.
pub fn add_up<W: Write>(
    mut parts: Vec<CensusPart<'_>>,
    output: W,
) -> Result<Option<Counted<W>>, CensusError> {
    let Some(first) = parts.first() else {
        return Ok(None);
    };
    let header = first.header();
    if parts.iter().any(|part| part.header() != header) {
        return Err(CensusError::Other);
    }
    let samples: i64 = parts.iter().map(CensusPart::samples).sum();
    if samples < 0 {
        return Err(CensusError::NeverAdded);
    }
    let samples = u32::try_from(samples).map_err(|_| CensusError::TooMany)?;
    let region = header.interval(ContigId(0));
    let mut writer = Writer::new(output, &header, samples)?;
    let mut alleles = 0;
    for (at, tile) in tiles::all(region, WINDOW).enumerate() {
        let mut sum = Sum::default();
        for CensusPart { sign, of } in &mut parts {
            match of {
                Of::Census(census) => sum.add(census.window(at)?, *sign),
                Of::Segment(counting) => counting.add(tile, &mut sum, *sign)?,
            }
        }
        let window = sum.finish((tile.start, tile.end), samples)?;
        alleles += nominated(&window, tile, header.allele_quality_min)
            .iter()
            .map(|site| site.alternatives.len() as u64)
            .sum::<u64>();
        writer.write(&window)?;
    }
    Ok(Some(Counted {
        output: writer.finish()?,
        samples,
        alleles,
    }))
}
