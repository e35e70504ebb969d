//! Depth, base by base, from records in coordinate order.
//!
//! Two depths are kept. The plain one is mosdepth's: aligned bases of records that are neither secondary,
//! duplicate nor failed, both reads of a proper pair counted once. The one of quality is Picard's
//! `CollectWgsMetrics`: also MAPQ and base quality of at least 20, all records of a fragment counted once.
//! Only a window of the reference is held.

use std::ops::{AddAssign, Range};

use kumi_formats::bam::{View, flag};
use kumi_formats::reference::ReferenceSource;
use kumi_seq::contig::ContigId;
use kumi_seq::interval::{Interval, merge};
use serde::{Deserialize, Serialize};

use crate::overlap::{Fragments, Waiting, overlap};
use crate::wgs::{Place, QUALITY_MIN, Wgs};

/// Depths beyond are counted as this in distributions.
const DEPTH_MAX: u32 = 1 << 20;
/// The window moves on in steps of this many bases.
const STEP: u32 = 1 << 16;
/// At most this much of the reference is looked at together.
const CHUNK: u32 = 1 << 20;

/// How deep a stretch of the reference is covered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coverage {
    /// Bases of the reference by depth.
    pub positions: Vec<u64>,
    /// Sum of depths.
    pub bases: u64,
    /// Largest depth.
    pub max: u32,
}

impl Coverage {
    fn add(&mut self, depth: u32, times: u64) {
        let at = depth.min(DEPTH_MAX) as usize;
        if self.positions.len() <= at {
            self.positions.resize(at + 1, 0);
        }
        self.positions[at] += times;
        self.bases += u64::from(depth) * times;
        self.max = self.max.max(depth);
    }

    /// Adds another stretch.
    pub fn merge(&mut self, other: &Self) {
        if self.positions.len() < other.positions.len() {
            self.positions.resize(other.positions.len(), 0);
        }
        for (ours, theirs) in self.positions.iter_mut().zip(&other.positions) {
            *ours += theirs;
        }
        self.bases += other.bases;
        self.max = self.max.max(other.max);
    }

    /// Bases of the reference.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.positions.iter().sum()
    }

    /// The smallest depth.
    #[must_use]
    pub fn min(&self) -> usize {
        self.positions
            .iter()
            .position(|&count| count > 0)
            .unwrap_or(0)
    }
}

/// What the depth of a sample is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Depths {
    /// Plain depth by contig.
    pub contigs: Vec<Coverage>,
    /// Contigs on which any record was placed, counted or not.
    pub(crate) reached: Vec<bool>,
    /// Plain depth by contig in the targets, when there are any.
    pub targets: Option<Vec<Coverage>>,
    /// Depth of quality, where the reference has bases; in the targets when there are any.
    pub wgs: Wgs,
    /// The same on chromosomes 1 to 22.
    pub autosomes: Wgs,
    /// Sum of plain depths where the reference has bases; in the targets when there are any.
    pub territory_bases: u64,
}

impl Depths {
    /// Whether these are depths of a reference of so many contigs, over targets or not.
    pub(crate) fn is_of(&self, contigs: usize, targets: bool) -> bool {
        let sound = |coverages: &[Coverage]| {
            let mut coverages = coverages.iter();
            coverages.len() == contigs
                && coverages.all(|coverage| coverage.positions.len() <= DEPTH_MAX as usize + 1)
        };
        sound(&self.contigs)
            && self.reached.len() == contigs
            && self.targets.is_some() == targets
            && self.targets.as_deref().is_none_or(sound)
            && self.wgs.is_whole()
            && self.autosomes.is_whole()
    }
}

impl AddAssign<&Self> for Depths {
    /// Adds the depths of another part of the same reference, measured over the same targets.
    fn add_assign(&mut self, other: &Self) {
        debug_assert!(other.is_of(self.contigs.len(), self.targets.is_some()));
        let add = |ours: &mut Vec<Coverage>, theirs: &[Coverage]| {
            for (ours, theirs) in ours.iter_mut().zip(theirs) {
                ours.merge(theirs);
            }
        };
        add(&mut self.contigs, &other.contigs);
        for (ours, theirs) in self.reached.iter_mut().zip(&other.reached) {
            *ours |= theirs;
        }
        if let (Some(ours), Some(theirs)) = (&mut self.targets, &other.targets) {
            add(ours, theirs);
        }
        self.wgs += &other.wgs;
        self.autosomes += &other.autosomes;
        self.territory_bases += other.territory_bases;
    }
}

/// Measures depth.
pub struct DepthMeter<'a> {
    reference: &'a dyn ReferenceSource,
    targets: Vec<Interval>,
    waiting: Waiting,
    fragments: Fragments,
    /// One past the last contig that is measured.
    end: u32,
    /// The window: contig, first base, what lies on each base.
    contig: u32,
    start: u32,
    window: Vec<Place>,
    depths: Depths,
    bases: Vec<u8>,
}

impl<'a> DepthMeter<'a> {
    /// Measures depth over `targets`, or everywhere when there are none, on some contigs of the reference, on which
    /// all records lie that have a place.
    #[must_use]
    pub fn new(reference: &'a dyn ReferenceSource, targets: &[Interval], on: Range<u32>) -> Self {
        let contigs = reference.contigs().len();
        Self {
            reference,
            targets: merge(targets.to_vec()),
            waiting: Waiting::default(),
            fragments: Fragments::default(),
            end: on.end.min(contigs as u32),
            contig: on.start,
            start: 0,
            window: Vec::new(),
            depths: Depths {
                contigs: vec![Coverage::default(); contigs],
                reached: vec![false; contigs],
                targets: (!targets.is_empty()).then(|| vec![Coverage::default(); contigs]),
                ..Default::default()
            },
            bases: Vec::new(),
        }
    }

    /// Counts a record; records come in coordinate order.
    pub fn observe(&mut self, record: View<'_>) {
        const NOT: u16 = flag::UNMAPPED | flag::SECONDARY | flag::QC_FAIL;
        let Ok(contig) = u32::try_from(record.ref_id()) else {
            return;
        };
        if let Some(reached) = self.depths.reached.get_mut(contig as usize) {
            *reached = true;
        }
        let length = self.length(contig);
        if record.flags() & NOT != 0 || record.pos() < 0 || record.pos() as u32 >= length {
            return;
        }
        let exclusion = Wgs::exclusion(record);
        if let Some(exclusion) = exclusion
            && self.is_on_target(contig, record)
        {
            self.depths.wgs.exclude(exclusion, record);
        }
        if record.flags() & flag::DUPLICATE != 0 {
            return;
        }
        self.advance(contig, record.pos() as u32);
        self.cover_plain(record, length);
        if exclusion.is_none() {
            self.cover_good(record, length);
        }
    }

    fn length(&self, contig: u32) -> u32 {
        self.reference
            .contigs()
            .get(ContigId(contig))
            .map_or(0, |contig| contig.length)
    }

    /// True when a record reaches into the targets, or there are none.
    fn is_on_target(&self, contig: u32, record: View<'_>) -> bool {
        let place = Interval {
            contig: ContigId(contig),
            start: record.pos() as u32,
            end: record.end() as u32,
        };
        let next = self.targets_from(place).first();
        self.targets.is_empty() || next.is_some_and(|target| target.intersection(&place).is_some())
    }

    /// The targets from the first that ends behind the beginning of `place`.
    fn targets_from(&self, place: Interval) -> &[Interval] {
        let (contig, start) = (place.contig, place.start);
        let before = |target: &Interval| (target.contig, target.end) <= (contig, start);
        &self.targets[self.targets.partition_point(before)..]
    }

    /// Adds a record to the plain depth, less what its mate covered before.
    fn cover_plain(&mut self, record: View<'_>, length: u32) {
        let before = self.waiting.take(record);
        let mut covered = Vec::new();
        for (from, to, _) in stretches(record, length) {
            self.make_room(to);
            self.add_plain(from, to, 1);
            for (from, to) in overlap(before.as_deref().unwrap_or_default(), from, to) {
                self.add_plain(from, to, -1);
            }
            covered.push((from, to));
        }
        if before.is_none() && Waiting::expects(record) {
            self.waiting.keep(record, covered);
        }
    }

    fn add_plain(&mut self, from: u32, to: u32, depth: i32) {
        let window = (from - self.start) as usize..(to.max(from) - self.start) as usize;
        for here in &mut self.window[window] {
            here.plain = here.plain.saturating_add_signed(depth);
        }
    }

    /// Adds a record to the depth of quality, less what its fragment covered before.
    fn cover_good(&mut self, record: View<'_>, length: u32) {
        let mut seen = self.fragments.take(record);
        let qualities = record.qualities();
        for (from, to, read) in stretches(record, length) {
            self.make_room(to);
            for (here, at) in (from..to).zip(read..) {
                let place = &mut self.window[(here - self.start) as usize];
                // Unknown qualities (255) count as good.
                if qualities[at] < QUALITY_MIN || record.base(at) == b'N' {
                    place.low_quality += 1;
                } else if seen.add(here) {
                    place.good += 1;
                } else {
                    place.overlapping += 1;
                }
            }
        }
        self.fragments.keep(record, seen);
    }

    fn make_room(&mut self, end: u32) {
        let size = end.saturating_sub(self.start) as usize;
        if self.window.len() < size {
            self.window.resize(size, Place::default());
        }
    }

    /// Moves the window so that it begins near `position`: everything before is counted.
    fn advance(&mut self, contig: u32, position: u32) {
        while self.contig < contig {
            self.count_to(self.length(self.contig));
            self.contig += 1;
            self.start = 0;
            self.window.clear();
        }
        if position >= self.start.saturating_add(STEP) {
            self.count_to(position);
        }
    }

    /// Counts the window up to `end`, which then is its beginning.
    fn count_to(&mut self, end: u32) {
        while self.start < end {
            let stop = end.min(self.start + CHUNK);
            self.count(stop);
            let used = (stop - self.start) as usize;
            self.window.drain(..used.min(self.window.len()));
            self.start = stop;
        }
    }

    fn count(&mut self, stop: u32) {
        let contig = ContigId(self.contig);
        let chunk = Interval {
            contig,
            start: self.start,
            end: stop,
        };
        self.bases.clear();
        self.reference.bases(chunk, &mut self.bases);
        let at = |i: usize| self.window.get(i).copied().unwrap_or_default();
        let first = self.targets.len() - self.targets_from(chunk).len();
        let depths = &mut self.depths;
        let everywhere = &mut depths.contigs[contig.index()];
        for i in 0..chunk.len() as usize {
            everywhere.add(at(i).plain, 1);
        }
        let is_autosome = is_autosome(self.reference, contig);
        let mut measure = |part: Interval| {
            for here in part.start..part.end {
                let i = (here - chunk.start) as usize;
                let place = at(i);
                if let Some(targets) = &mut depths.targets {
                    targets[contig.index()].add(place.plain, 1);
                }
                if self.bases[i] != b'N' {
                    depths.territory_bases += u64::from(place.plain);
                    depths.wgs.add(place);
                    if is_autosome {
                        depths.autosomes.add(place);
                    }
                }
            }
        };
        if self.targets.is_empty() {
            measure(chunk);
            return;
        }
        let parts = self.targets[first..]
            .iter()
            .map_while(|target| target.intersection(&chunk));
        parts.for_each(&mut measure);
    }

    /// What was measured, the rest of the contigs included.
    #[must_use]
    pub fn finish(mut self) -> Depths {
        self.advance(self.end, 0);
        self.depths
    }
}

fn is_autosome(reference: &dyn ReferenceSource, contig: ContigId) -> bool {
    let name = reference
        .contigs()
        .get(contig)
        .map_or("", |contig| contig.name.as_str());
    let number = name.strip_prefix("chr").unwrap_or(name);
    !number.starts_with(['0', '+'])
        && number
            .parse()
            .is_ok_and(|number: u8| (1..=22).contains(&number))
}

/// Aligned stretches of a record: first base, one past the last, both on the reference; first base in the
/// read.
fn stretches(record: View<'_>, length: u32) -> impl Iterator<Item = (u32, u32, usize)> {
    let (mut position, mut read) = (record.pos() as u32, 0);
    record.cigar().filter_map(move |op| {
        let (from, at) = (position, read);
        if op.kind.consumes_reference() {
            position = position.saturating_add(op.len);
        }
        if op.kind.consumes_read() {
            read += op.len as usize;
        }
        let to = position.min(length);
        (op.kind.is_aligned() && from < to).then_some((from, to, at))
    })
}
