//! A template from its bases to its records: one call a phase.

use std::ops::AddAssign;

use kumi_formats::bam::Record;
use kumi_formats::header::ReadGroup;
use kumi_formats::reads::Template;
use kumi_index::View;
use kumi_index::minimizer::Minimizer;
use kumi_simd::level::Level;

use crate::chain::{self, Chain, chains};
use crate::extend::{self, Alignment, extend};
use crate::insert_size::InsertSizes;
use crate::mapq;
use crate::pair::{self, Pairing};
use crate::params::Params;
use crate::read::Read;
use crate::record::{self, Mate};
use crate::seed::{Anchor, anchors};

/// Buffers that one thread uses again and again.
#[derive(Debug, Default)]
pub struct Scratch {
    reads: [Read; 2],
    seeds: Vec<Minimizer>,
    anchors: Vec<Anchor>,
    chaining: chain::Buffers,
    chains: Vec<Chain>,
    extension: extend::Buffers,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Templates.
    pub templates: u64,
    /// Segments.
    pub reads: u64,
    /// Bases.
    pub bases: u64,
    /// Segments with an alignment.
    pub mapped: u64,
    /// Segments in a proper pair.
    pub properly_paired: u64,
}

impl AddAssign for Stats {
    fn add_assign(&mut self, other: Self) {
        self.templates += other.templates;
        self.reads += other.reads;
        self.bases += other.bases;
        self.mapped += other.mapped;
        self.properly_paired += other.properly_paired;
    }
}

/// Aligns a template and appends its records: the primary line of each segment, followed by its supplementary
/// lines.
#[allow(
    clippy::too_many_arguments,
    reason = "the reference, the settings, the data, the buffers"
)]
pub fn align_template(
    view: View<'_>,
    params: &Params,
    level: Level,
    sizes: &InsertSizes,
    read_groups: &[ReadGroup],
    template: &Template,
    scratch: &mut Scratch,
    into: &mut Vec<Record>,
) -> Stats {
    let mut found = candidates(view, params, level, template, scratch);
    let expected = sizes.of(template.read_group);
    let mut pairing = None;
    if template.segments.len() == 2 {
        pairing = pair::best(params, &found, &expected);
        let best = |mate: &Vec<Alignment>| mate.first().map_or(0, |best| best.score);
        let both = best(&found[0]) + best(&found[1]);
        if pairing.is_none_or(|pairing| pairing.score + params.unpaired < both) {
            pair::rescue(
                view,
                params,
                level,
                &scratch.reads,
                &expected,
                &mut found,
                &mut scratch.extension,
            );
            found.iter_mut().for_each(keep_distinct);
            pairing = pair::best(params, &found, &expected);
        }
        pairing = pairing.filter(|pairing| pairing.score > both_alone(params, &found));
    }
    let mut mates = Vec::with_capacity(2);
    for (side, segment) in template.segments.iter().enumerate() {
        mates.push(mate(
            params,
            &found,
            side,
            segment.bases.len() as u32,
            pairing.as_ref(),
        ));
    }
    let is_proper = pairing.is_some();
    record::emit(view, params, template, &mates, is_proper, read_groups, into);
    Stats {
        templates: 1,
        reads: mates.len() as u64,
        bases: template
            .segments
            .iter()
            .map(|segment| segment.bases.len() as u64)
            .sum(),
        mapped: mates.iter().filter(|mate| mate.primary.is_some()).count() as u64,
        properly_paired: if is_proper { 2 } else { 0 },
    }
}

/// Score of the best alignments of both mates, taken as no pair.
fn both_alone(params: &Params, found: &[Vec<Alignment>; 2]) -> i32 {
    found
        .iter()
        .map(|mate| mate.first().map_or(0, |best| best.score))
        .sum::<i32>()
        - params.unpaired
}

/// Alignments of each segment by itself, the best first.
pub(crate) fn candidates(
    view: View<'_>,
    params: &Params,
    level: Level,
    template: &Template,
    scratch: &mut Scratch,
) -> [Vec<Alignment>; 2] {
    let mut found: [Vec<Alignment>; 2] = Default::default();
    for (side, segment) in template.segments.iter().take(2).enumerate() {
        let read = &mut scratch.reads[side];
        read.set(segment);
        anchors(view, params, read, &mut scratch.seeds, &mut scratch.anchors);
        chains(
            &scratch.anchors,
            params.chains_max,
            &mut scratch.chaining,
            &mut scratch.chains,
        );
        let best = scratch.chains.first().map_or(0, |chain| chain.score);
        for chain in scratch
            .chains
            .iter()
            .filter(|chain| chain.score * 3 >= best)
        {
            let extended = extend(view, params, level, read, chain, &mut scratch.extension);
            found[side].extend(extended.filter(|alignment| alignment.score >= params.score_min));
        }
        keep_distinct(&mut found[side]);
    }
    found
}

/// Sorts alignments by score, then by place, and drops those that overlap a better one both in the read and
/// in the reference.
fn keep_distinct(alignments: &mut Vec<Alignment>) {
    alignments.sort_by_key(|a| (-a.score, a.contig, a.start, a.reverse, a.end));
    let mut kept: Vec<Alignment> = Vec::with_capacity(alignments.len());
    for alignment in alignments.drain(..) {
        let same = |other: &Alignment| {
            let strand = other.contig == alignment.contig && other.reverse == alignment.reverse;
            strand
                && covers_half((other.start, other.end), (alignment.start, alignment.end))
                && covers_half(other.query, alignment.query)
        };
        if !kept.iter().any(same) {
            kept.push(alignment);
        }
    }
    *alignments = kept;
}

/// True when the overlap is at least half of the shorter one.
fn covers_half(a: (u32, u32), b: (u32, u32)) -> bool {
    let overlap = a.1.min(b.1).saturating_sub(a.0.max(b.0));
    2 * overlap >= (a.1 - a.0).min(b.1 - b.0)
}

/// Query bases in the direction of the sequencer.
fn as_sequenced(alignment: &Alignment, length: u32) -> (u32, u32) {
    if alignment.reverse {
        (length - alignment.query.1, length - alignment.query.0)
    } else {
        alignment.query
    }
}

/// Chooses the primary alignment of a segment, its quality, and what else is reported.
fn mate(
    params: &Params,
    found: &[Vec<Alignment>; 2],
    side: usize,
    length: u32,
    pairing: Option<&Pairing>,
) -> Mate {
    let all = &found[side];
    let Some(primary) = all.get(pairing.map_or(0, |pairing| pairing.chosen[side])) else {
        return Mate::default();
    };
    let part = as_sequenced(primary, length);
    let rivals: Vec<&Alignment> = all
        .iter()
        .filter(|other| *other != primary && covers_half(as_sequenced(other, length), part))
        .collect();
    let second = rivals.first().map_or(0, |rival| rival.score);
    let quality = quality(params, primary, &rivals);
    let mapq = match pairing {
        Some(pairing) => {
            quality.max(paired_quality(params, found, pairing).min(quality.saturating_add(40)))
        }
        None => quality,
    };
    let mut supplementary: Vec<(Alignment, u8)> = Vec::new();
    for other in all.iter().filter(|other| *other != primary) {
        let part = as_sequenced(other, length);
        let taken = |chosen: &Alignment| covers_half(as_sequenced(chosen, length), part);
        if !taken(primary) && !supplementary.iter().any(|(chosen, _)| taken(chosen)) {
            let rivals: Vec<&Alignment> = all
                .iter()
                .filter(|rival| *rival != other && covers_half(as_sequenced(rival, length), part))
                .collect();
            supplementary.push((
                other.clone(),
                self::quality(params, other, &rivals).min(mapq.max(1)),
            ));
        }
    }
    let alternatives = rivals
        .iter()
        .filter(|rival| rival.score * 5 >= primary.score * 4)
        .map(|&r| r.clone())
        .collect();
    Mate {
        primary: Some(primary.clone()),
        mapq,
        second,
        supplementary,
        alternatives,
    }
}

fn quality(params: &Params, alignment: &Alignment, rivals: &[&Alignment]) -> u8 {
    let second = rivals.first().map_or(0, |rival| rival.score);
    let close = params.mismatch + params.match_score + params.gap_open;
    let seconds = rivals
        .iter()
        .filter(|rival| second - rival.score <= close)
        .count() as u32;
    let length = (alignment.query.1 - alignment.query.0).max(alignment.end - alignment.start);
    mapq::single(params, alignment.score, length, second, seconds)
}

/// What the pair as a whole says for both of its mates.
fn paired_quality(params: &Params, found: &[Vec<Alignment>; 2], pairing: &Pairing) -> u8 {
    let other = pairing.second.max(both_alone(params, found));
    let crowd = if pairing.seconds > 0 {
        (4.343 * f64::from(pairing.seconds + 1).ln() + 0.499) as i32
    } else {
        0
    };
    (mapq::raw(params, pairing.score - other) - crowd).clamp(0, i32::from(mapq::MAX)) as u8
}
