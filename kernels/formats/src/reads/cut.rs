//! FASTQ files cut into parts that can be read apart, each beginning at a template.
//!
//! Cutting reads every file once without looking at its records. It judges nothing: what is wrong with a
//! file is found by whoever reads the part that holds it. So a count of templates may be too large (by empty
//! lines at the end of a file), never too small.

use std::path::Path;

use rayon::prelude::*;

use crate::header::ReadGroup;
use crate::reads::marks::Marks;
use crate::reads::{ReadsError, Source};

/// Where a file is entered: at the first byte of a FASTQ record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// A byte of the file, from 0: anywhere in text, else the first of a gzip member or BGZF block.
    pub offset: u64,
    /// Bytes of text to leave out from there.
    pub skip: u64,
}

/// Templates of one source that follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Which source, from 0.
    pub source: usize,
    /// The number of its first template in the source, from 0.
    pub first: u64,
    /// How many at most; none: up to the end of the source.
    pub templates: Option<u64>,
    /// Where it begins in the file, or in both files of a pair.
    pub places: Vec<Place>,
}

/// A part of a sample's reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// A number for its first template. The numbers of a part's templates, counted on from it, are larger
    /// than those of the parts before it and smaller than those behind.
    pub first_template: u64,
    /// Its reads, in order.
    pub pieces: Vec<Piece>,
}

/// Cuts the reads of a sample into `parts` parts of about as many templates each. Read one after the other
/// they are the whole: every template is in one of them, and each file is read to its end by one. Parts of few
/// reads may be empty.
///
/// # Errors
/// A file that cannot be read; BAM and CRAM, which cannot be entered in their middle.
pub fn cut(sources: &[Source], parts: usize) -> Result<Vec<Part>, ReadsError> {
    let lanes: Vec<_> = sources.iter().map(fastq).collect::<Result<_, _>>()?;
    let lanes: Vec<Lane> = lanes
        .into_par_iter()
        .map(|(first, second, _)| Lane::scan(first, second))
        .collect::<Result<_, _>>()?;
    let cuts = cuts(&lanes, parts.max(1));
    Ok(cuts
        .windows(2)
        .map(|pair| part(&lanes, pair[0], pair[1]))
        .collect())
}

/// The files of a FASTQ source and its read group.
pub(super) fn fastq(source: &Source) -> Result<(&Path, Option<&Path>, &ReadGroup), ReadsError> {
    match source {
        Source::Fastq {
            first,
            second,
            read_group,
        } => Ok((first, second.as_deref(), read_group)),
        Source::Alignment { path, .. } => Err(ReadsError::Format {
            path: path.clone(),
            what: "is BAM or CRAM, which cannot be cut; align its sample as a whole",
        }),
    }
}

/// The marks of a source's files.
struct Lane(Vec<Marks>);

impl Lane {
    fn scan(first: &Path, second: Option<&Path>) -> Result<Self, ReadsError> {
        let scan = |path: &Path| {
            Marks::of_file(path).map_err(|source| ReadsError::Io {
                path: path.to_owned(),
                source,
            })
        };
        let (first, second) = rayon::join(|| scan(first), || second.map(scan).transpose());
        Ok(Self([first?].into_iter().chain(second?).collect()))
    }

    /// At least as many templates as there are.
    fn bound(&self) -> u64 {
        self.0.iter().map(Marks::bound).max().unwrap_or(0)
    }

    /// The last template at or before `template` that all files have a mark for. Steps are powers of two.
    fn marked(&self, template: u64) -> u64 {
        let step = self.0.iter().map(Marks::step).max().unwrap_or(1);
        let last = self.0.iter().map(Marks::last).min().unwrap_or(0);
        template.min(last) / step * step
    }

    /// Where a marked template begins.
    fn places(&self, template: u64) -> Vec<Place> {
        self.0.iter().map(|marks| marks.place(template)).collect()
    }
}

/// The boundaries between parts, as (source, template), the beginning and the end included.
fn cuts(lanes: &[Lane], parts: usize) -> Vec<(usize, u64)> {
    let total: u64 = lanes.iter().map(Lane::bound).sum();
    let mut cuts = vec![(0, 0)];
    for number in 1..parts {
        let goal = u128::from(total) * number as u128 / parts as u128;
        let mut left = u64::try_from(goal).expect("a part of the total");
        let mut lane = 0;
        while lane + 1 < lanes.len() && left >= lanes[lane].bound() {
            left -= lanes[lane].bound();
            lane += 1;
        }
        let cut = (lane, lanes.get(lane).map_or(0, |lane| lane.marked(left)));
        cuts.push(cut.max(*cuts.last().expect("it has a beginning")));
    }
    cuts.push((lanes.len(), 0));
    cuts
}

fn part(lanes: &[Lane], from: (usize, u64), to: (usize, u64)) -> Part {
    let before: u64 = lanes[..from.0].iter().map(Lane::bound).sum();
    let mut pieces = Vec::new();
    for (source, lane) in lanes.iter().enumerate().take(to.0 + 1).skip(from.0) {
        let first = if source == from.0 { from.1 } else { 0 };
        let templates = (source == to.0).then(|| to.1 - first);
        if templates != Some(0) {
            pieces.push(Piece {
                source,
                first,
                templates,
                places: lane.places(first),
            });
        }
    }
    Part {
        first_template: before + from.1,
        pieces,
    }
}

#[cfg(test)]
mod tests;
