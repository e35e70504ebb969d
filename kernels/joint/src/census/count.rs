//! Counts what the samples of a segment say.

use std::collections::BTreeSet;

use kumi_seq::interval::Interval;

use crate::allele::Part;
use crate::census::{
    ALLELE_QUALITY_BANDS, AlleleCounts, Census, CensusAllele, CensusHeader, EXPECTED_UNIT,
    QUALITY_BANDS,
};
use crate::evidence::{Block, Call, Local};
use crate::number::likelihood;
use crate::params::Params;
use crate::site::enters;
use crate::store::{Segment, SegmentError};
use crate::track::Track;

/// Phred of a band.
const BAND: u32 = 10;

/// The census of those samples of a segment for whom `counts` holds.
///
/// # Errors
/// `Damaged`.
pub fn census(
    segment: &Segment,
    params: &Params,
    counts: impl Fn(&str) -> bool,
) -> Result<Census, SegmentError> {
    let header = segment.header();
    let mut census = Census::new(CensusHeader {
        contig: header.contig.clone(),
        contig_length: header.contig_length,
        contig_m5: header.contig_m5.clone(),
        start: header.start,
        end: header.end,
        allele_quality_min: params.allele_quality_min,
    });
    let keep: Vec<bool> = header.samples.iter().map(|name| counts(name)).collect();
    census.samples = keep.iter().filter(|keep| **keep).count() as u32;
    for at in 0..segment.windows() {
        let tracks = segment.tracks(at, &keep)?;
        for (track, _) in tracks.iter().zip(&keep).filter(|(_, keep)| **keep) {
            census.sample(track, segment.tile(at));
        }
    }
    Ok(census)
}

impl Census {
    /// Adds what a sample says in a window.
    fn sample(&mut self, track: &Track, window: Interval) {
        let quality_min = self.header.allele_quality_min;
        let mut seen: BTreeSet<&Part> = BTreeSet::new();
        for call in track.calls_in(window.start, window.end) {
            for part in parts(call) {
                // An allele is of the window in which it starts; a sample counts once.
                let owned = (window.start..window.end).contains(&part.start);
                if owned && seen.insert(part) {
                    let allele = CensusAllele {
                        position: part.start,
                        reference: text(&part.reference),
                        alternative: text(&part.alternative),
                    };
                    let counts = self.alleles.entry(allele).or_default();
                    add(counts, call, part, quality_min);
                }
            }
        }
        for (start, end, ploidy) in covered(track, window) {
            self.step(start, 1, ploidy.into());
            if end < self.header.end {
                self.step(end, -1, -i64::from(ploidy));
            }
        }
    }
}

/// Only bases stand in alleles.
fn text(bases: &[u8]) -> String {
    bases.iter().map(|base| char::from(*base)).collect()
}

fn parts(call: &Call) -> impl Iterator<Item = &Part> {
    call.alleles.iter().flat_map(|local| match local {
        Local::Parts(parts) => parts.as_slice(),
        Local::Any | Local::Spanning => &[],
    })
}

/// True when a local allele has the part.
fn has(local: &Local, part: &Part) -> bool {
    matches!(local, Local::Parts(parts) if parts.contains(part))
}

fn add(counts: &mut AlleleCounts, call: &Call, part: &Part, quality_min: u32) {
    let carried = |allele: usize| has(&call.alleles[allele], part);
    counts.listed += 1;
    let sure = |allele: usize| carried(allele) && enters(call, allele, quality_min);
    counts.entering += u32::from((0..call.alleles.len()).any(sure));
    let copies = call.genotype.iter().filter(|allele| carried(**allele));
    let copies = copies.count() as u32;
    counts.carriers += u32::from(copies > 0);
    counts.homozygous += u32::from(copies > 0 && copies as usize == call.genotype.len());
    counts.copies[band(genotype_quality(call), QUALITY_BANDS)] += copies;
    counts.expected += expected(call, carried);
    counts.qualities[band(call.quality_of(carried), ALLELE_QUALITY_BANDS)] += 1;
}

fn band(phred: u32, bands: usize) -> usize {
    ((phred / BAND) as usize).min(bands - 1)
}

/// The second least PL; the least is 0.
fn genotype_quality(call: &Call) -> u32 {
    let mut pl = call.likelihoods.clone().unwrap_or_default();
    pl.sort_unstable();
    pl.get(1).copied().unwrap_or(0)
}

/// Copies expected from the likelihoods alone, all genotypes being as likely before.
fn expected(call: &Call, carried: impl Fn(usize) -> bool) -> u64 {
    let Some(pl) = &call.likelihoods else {
        return 0;
    };
    let (mut sum, mut total) = (0.0, 0.0);
    for b in 0..call.alleles.len() {
        let first = if call.ploidy == 1 { b } else { 0 };
        for a in first..=b {
            let weight = likelihood(call.likelihood(pl, a, b));
            let mut copies = f64::from(u8::from(carried(b)));
            if call.ploidy == 2 {
                copies += f64::from(u8::from(carried(a)));
            }
            total += weight;
            sum += weight * copies;
        }
    }
    (EXPECTED_UNIT as f64 * sum / total).round() as u64
}

/// Where a sample has evidence, for or against anything: bases and ploidy. Those of one ploidy that touch are one.
fn covered(track: &Track, window: Interval) -> Vec<(u32, u32, u8)> {
    let mut covered: Vec<(u32, u32, u8)> = Vec::new();
    let mut push = |start: u32, end: u32, ploidy: u8| match covered.last_mut() {
        _ if start >= end => {}
        Some(last) if last.1 == start && last.2 == ploidy => last.1 = end,
        _ => covered.push((start, end, ploidy)),
    };
    let mut at = window.start;
    for run in track.runs() {
        let end = run.end.min(window.end);
        match track.block(*run) {
            Some(block) if is_evidence(block) => push(at, end, block.ploidy),
            Some(_) => {}
            None => {
                let mut from = at;
                for call in track.calls_in(at, end) {
                    let start = call.position.max(from);
                    if is_informative(call) && start < call.end.min(end) {
                        push(start, call.end.min(end), call.ploidy);
                        from = call.end.min(end);
                    }
                }
            }
        }
        at = end;
    }
    covered
}

fn is_evidence(block: &Block) -> bool {
    block.depth != Some(0) && block.quality.is_some_and(|quality| quality > 0)
}

fn is_informative(call: &Call) -> bool {
    let pl = call.likelihoods.as_deref().unwrap_or_default();
    pl.iter().any(|pl| *pl > 0)
}
