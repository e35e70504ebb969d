//! Templates from their bases to their records: one call a phase.

use std::ops::AddAssign;

use kumi_formats::bam::Record;
use kumi_formats::header::ReadGroup;
use kumi_formats::reads::Template;
use kumi_index::View;
use kumi_simd::level::Level;

use crate::alt;
use crate::choose;
use crate::easy;
use crate::extend::Alignment;
use crate::foreign;
use crate::hard::{self, Hard};
use crate::insert_size::InsertSizes;
use crate::params::Params;
use crate::probe::Probe;
use crate::read::Read;
use crate::record::{self, Lines, Placed};
use crate::setting::Setting;

/// Templates whose probes are under way at the same time.
const TOGETHER: usize = 32;

/// Buffers that one thread uses again and again.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    reads: Vec<Read>,
    probes: Vec<Probe>,
    found: [Vec<Alignment>; 2],
    hard: Hard,
    lines: record::Buffers,
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
            probe(self.view, self.level, templates, scratch);
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
            found,
            hard,
            lines: lines_buffers,
        } = scratch;
        let segments = template.segments.len().min(2);
        let reads = &reads[at..at + segments];
        let expected = self.sizes.of(template.read_group);
        let setting = Setting {
            view: self.view,
            params: self.params,
            level: self.level,
        };
        let probes = &probes[at..at + segments];
        let mut sure = [false; 2];
        for (side, (read, probe)) in reads.iter().zip(probes).enumerate() {
            let buffers = &mut hard.extension;
            sure[side] = easy::is_sure(setting, read, probe, buffers, &mut found[side])
                && !alt::touches(self.view, &found[side]);
        }
        let mut pairing = None;
        if sure == [true; 2] {
            pairing = easy::pair(setting, &expected, reads, probes, found);
        }
        let is_easy = pairing.is_some();
        hard.alternates.iter_mut().for_each(Vec::clear);
        if !is_easy {
            let unseen = |side: usize| probes[side].bound(self.params, &reads[side], 0);
            let sure = [0, 1].map(|side| sure[side].then(|| unseen(side)));
            pairing = hard::align(setting, &expected, reads, sure, hard, found);
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
            let alternates = &hard.alternates[side];
            alt::report(
                self.params,
                &mut mates[side],
                &found[side],
                alternates,
                length,
            );
        }
        let is_proper = pairing.is_some();
        foreign::lower(
            self.view,
            self.params,
            template,
            reads,
            is_proper,
            &mut mates,
        );
        let lines = Lines {
            view: self.view,
            params: self.params,
            read_groups: self.read_groups,
        };
        let placed = Placed {
            template,
            reads,
            mates: &mates,
            is_proper,
        };
        lines.emit(placed, lines_buffers, into);
        Stats {
            templates: 1,
            reads: mates.len() as u64,
            bases: reads.iter().map(|read| read.len() as u64).sum(),
            mapped: mates.iter().filter(|mate| mate.primary.is_some()).count() as u64,
            properly_paired: if is_proper { 2 } else { 0 },
            easy: u64::from(is_easy),
        }
    }
}

/// Probes up to [`TOGETHER`] templates, each step for all of them.
fn probe(view: View<'_>, level: Level, templates: &[Template], scratch: &mut Scratch) {
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
    used().for_each(|(at, _)| probes[at].compare(view, level, &reads[at]));
}

/// Insert sizes of pairs whose mates each have one place without gaps, by read group.
pub(crate) fn observe(
    view: View<'_>,
    templates: &[Template],
    scratch: &mut Scratch,
) -> Vec<(u16, u32)> {
    let mut observed = Vec::new();
    for templates in templates.chunks(TOGETHER) {
        probe(view, Level::detect(), templates, scratch);
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
