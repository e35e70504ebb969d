//! Templates from their bases to their records: one call a phase.

use std::ops::AddAssign;

use kumi_formats::bam::Record;
use kumi_formats::header::ReadGroup;
use kumi_formats::reads::Template;
use kumi_index::View;
use kumi_index::minimizer::Minimizer;
use kumi_simd::level::Level;

use crate::chain::{self, Chain, chains};
use crate::choose::{self, covers_half};
use crate::easy;
use crate::extend::{self, Alignment, extend};
use crate::insert_size::{InsertSize, InsertSizes};
use crate::pair::{self, Pairing, both_alone};
use crate::params::Params;
use crate::probe::Probe;
use crate::read::Read;
use crate::record;
use crate::seed::{Anchor, anchors};

/// Templates whose probes are under way at the same time.
const TOGETHER: usize = 32;

/// Buffers that one thread uses again and again.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    reads: Vec<Read>,
    probes: Vec<Probe>,
    mismatches: Vec<u32>,
    found: [Vec<Alignment>; 2],
    hard: Hard,
}

/// Buffers for what is not easy.
#[derive(Debug, Default)]
pub(crate) struct Hard {
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
    /// Templates placed without chains and gaps.
    pub easy: u64,
}

impl AddAssign for Stats {
    fn add_assign(&mut self, other: Self) {
        self.templates += other.templates;
        self.reads += other.reads;
        self.bases += other.bases;
        self.mapped += other.mapped;
        self.properly_paired += other.properly_paired;
        self.easy += other.easy;
    }
}

/// What templates are aligned with.
#[derive(Clone, Copy)]
pub(crate) struct Aligner<'a> {
    /// The reference.
    pub view: View<'a>,
    /// The settings.
    pub params: &'a Params,
    /// The processor.
    pub level: Level,
    /// The insert sizes.
    pub sizes: &'a InsertSizes,
    /// The read groups.
    pub read_groups: &'a [ReadGroup],
}

impl Aligner<'_> {
    /// Aligns templates and appends their records: for each the primary line of each segment, followed by its
    /// supplementary lines.
    pub(crate) fn align(
        &self,
        templates: &[Template],
        scratch: &mut Scratch,
        into: &mut Vec<Record>,
    ) -> Stats {
        let mut stats = Stats::default();
        for templates in templates.chunks(TOGETHER) {
            probe(self.view, templates, scratch);
            for (at, template) in templates.iter().enumerate() {
                stats += self.one(template, 2 * at, scratch, into);
            }
        }
        stats
    }

    /// Aligns a template whose reads stand at `at`.
    fn one(
        &self,
        template: &Template,
        at: usize,
        scratch: &mut Scratch,
        into: &mut Vec<Record>,
    ) -> Stats {
        let Scratch {
            reads,
            probes,
            mismatches,
            found,
            hard,
        } = scratch;
        let segments = template.segments.len().min(2);
        let reads = &reads[at..at + segments];
        let expected = self.sizes.of(template.read_group);
        let mut pairing = None;
        if segments == 2 {
            let probes = &probes[at..at + segments];
            let Self { view, params, .. } = *self;
            pairing = easy::pair(view, params, &expected, reads, probes, mismatches, found);
        }
        let is_easy = pairing.is_some();
        if !is_easy {
            pairing = self.hard(&expected, reads, hard, found);
        }
        let mut mates = Vec::with_capacity(2);
        for (side, read) in reads.iter().enumerate() {
            let length = read.len() as u32;
            mates.push(choose::mate(
                self.params,
                found,
                side,
                length,
                pairing.as_ref(),
            ));
        }
        let is_proper = pairing.is_some();
        record::emit(
            self.view,
            self.params,
            template,
            &mates,
            is_proper,
            self.read_groups,
            into,
        );
        Stats {
            templates: 1,
            reads: mates.len() as u64,
            bases: reads.iter().map(|read| read.len() as u64).sum(),
            mapped: mates.iter().filter(|mate| mate.primary.is_some()).count() as u64,
            properly_paired: if is_proper { 2 } else { 0 },
            easy: u64::from(is_easy),
        }
    }

    /// All that can be done for a template.
    fn hard(
        &self,
        expected: &InsertSize,
        reads: &[Read],
        scratch: &mut Hard,
        found: &mut [Vec<Alignment>; 2],
    ) -> Option<Pairing> {
        let Self {
            view,
            params,
            level,
            ..
        } = *self;
        *found = candidates(view, params, level, reads, scratch);
        let [first, second] = reads else {
            return None;
        };
        let mut pairing = pair::best(params, found, expected);
        if pairing.is_none_or(|pairing| pairing.score <= both_alone(params, found)) {
            let reads = [first, second];
            let extension = &mut scratch.extension;
            pair::rescue(view, params, level, reads, expected, found, extension);
            found.iter_mut().for_each(keep_distinct);
            pairing = pair::best(params, found, expected);
        }
        pairing.filter(|pairing| pairing.score > both_alone(params, found))
    }
}

/// Probes up to [`TOGETHER`] templates, each step for all of them.
fn probe(view: View<'_>, templates: &[Template], scratch: &mut Scratch) {
    scratch.reads.resize_with(2 * TOGETHER, Read::default);
    scratch.probes.resize_with(2 * TOGETHER, Probe::default);
    let Scratch { reads, probes, .. } = scratch;
    let used = || {
        templates
            .iter()
            .enumerate()
            .flat_map(|(at, template)| (2 * at..).zip(template.segments.iter().take(2)))
    };
    for (at, segment) in used() {
        reads[at].set(segment);
        probes[at].choose(view, &reads[at]);
    }
    used().for_each(|(at, _)| probes[at].open(view));
    used().for_each(|(at, _)| probes[at].gather(view, &reads[at]));
    used().for_each(|(at, _)| probes[at].compare(view, &reads[at]));
}

/// Insert sizes of pairs whose mates each have one place without gaps, by read group.
pub(crate) fn observe(
    view: View<'_>,
    templates: &[Template],
    scratch: &mut Scratch,
) -> Vec<(u16, u32)> {
    let mut observed = Vec::new();
    for templates in templates.chunks(TOGETHER) {
        probe(view, templates, scratch);
        for (at, template) in templates.iter().enumerate() {
            if template.segments.len() == 2 {
                let (reads, probes) = (&scratch.reads[2 * at..], &scratch.probes[2 * at..]);
                let size = easy::insert_size(view, &reads[..2], &probes[..2]);
                observed.extend(size.map(|size| (template.read_group, size)));
            }
        }
    }
    observed
}

/// Alignments of each segment by itself, the best first.
pub(crate) fn candidates(
    view: View<'_>,
    params: &Params,
    level: Level,
    reads: &[Read],
    scratch: &mut Hard,
) -> [Vec<Alignment>; 2] {
    let mut found: [Vec<Alignment>; 2] = Default::default();
    for (side, read) in reads.iter().take(2).enumerate() {
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
