//! Depth, base by base, from records in coordinate order.
//!
//! Two depths are kept. The plain one is mosdepth's: aligned bases of records that are neither secondary,
//! duplicate nor failed, both reads of a fragment counted once. The one of quality is Picard's
//! `CollectWgsMetrics`: also MAPQ and base quality of at least 20. Only a window of the reference is held.

use kumi_formats::bam::{View, flag};
use kumi_formats::reference::ReferenceSource;
use kumi_seq::contig::ContigId;
use kumi_seq::interval::{Interval, merge};

use crate::overlap::{Covered, Waiting};
use crate::wgs::{QUALITY_MIN, Wgs};

/// Depths beyond are counted as this in distributions.
const DEPTH_MAX: u32 = 1 << 20;
/// The window moves on in steps of this many bases.
const STEP: u32 = 1 << 16;
/// At most this much of the reference is looked at together.
const CHUNK: u32 = 1 << 20;

/// How deep a stretch of the reference is covered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Depths {
    /// Plain depth by contig.
    pub contigs: Vec<Coverage>,
    /// Plain depth by contig in the targets, when there are any.
    pub targets: Option<Vec<Coverage>>,
    /// Depth of quality, where the reference has bases; in the targets when there are any.
    pub wgs: Wgs,
    /// The same on chromosomes 1 to 22.
    pub autosomes: Wgs,
    /// Sum of plain depths where the reference has bases; in the targets when there are any.
    pub territory_bases: u64,
}

/// Measures depth.
pub struct DepthMeter<'a> {
    reference: &'a dyn ReferenceSource,
    targets: Vec<Interval>,
    waiting: Waiting,
    /// The window: contig, first base, plain depth and depth of quality.
    contig: u32,
    start: u32,
    plain: Vec<u32>,
    good: Vec<u32>,
    depths: Depths,
    bases: Vec<u8>,
}

impl<'a> DepthMeter<'a> {
    /// Measures depth over `targets`, or everywhere when there are none.
    #[must_use]
    pub fn new(reference: &'a dyn ReferenceSource, targets: &[Interval]) -> Self {
        let contigs = reference.contigs().len();
        Self {
            reference,
            targets: merge(targets.to_vec()),
            waiting: Waiting::default(),
            contig: 0,
            start: 0,
            plain: Vec::new(),
            good: Vec::new(),
            depths: Depths {
                contigs: vec![Coverage::default(); contigs],
                targets: (!targets.is_empty()).then(|| vec![Coverage::default(); contigs]),
                ..Default::default()
            },
            bases: Vec::new(),
        }
    }

    /// Counts a record; records come in coordinate order.
    pub fn observe(&mut self, record: View<'_>) {
        const NOT: u16 = flag::UNMAPPED | flag::SECONDARY | flag::QC_FAIL;
        let length = self.length(record.ref_id() as u32);
        if record.flags() & NOT != 0 || record.pos() < 0 || record.pos() as u32 >= length {
            return;
        }
        let exclusion = self.depths.wgs.exclude(record);
        if record.flags() & flag::DUPLICATE != 0 {
            return;
        }
        self.advance(record.ref_id() as u32, record.pos() as u32);
        let before = self.waiting.take(record).unwrap_or_default();
        let covered = self.cover(record, length, exclusion.is_none(), &before);
        if Waiting::expects(record) {
            self.waiting.keep(record, covered);
        }
    }

    fn length(&self, contig: u32) -> u32 {
        self.reference
            .contigs()
            .get(ContigId(contig))
            .map_or(0, |contig| contig.length)
    }

    /// Adds a record to the window, less what its mate covered before. Gives back what lies where the mate
    /// is still to come.
    fn cover(&mut self, record: View<'_>, length: u32, is_sure: bool, before: &Covered) -> Covered {
        let qualities = record.qualities();
        let mate = record.mate_pos().max(0) as u32;
        let mut covered = Covered::default();
        let (mut position, mut at) = (record.pos() as u32, 0);
        for op in record.cigar() {
            if op.kind.is_aligned() {
                let end = position.saturating_add(op.len).min(length);
                self.make_room(end);
                self.add_plain(position, end, 1);
                for (from, to) in before.overlap(position, end) {
                    self.add_plain(from, to, -1);
                }
                covered.aligned.push((position.max(mate).min(end), end));
                for offset in 0..end.saturating_sub(position) {
                    let here = position + offset;
                    let index = at + offset as usize;
                    // Unknown qualities (255) count as good.
                    let is_good = qualities[index] >= QUALITY_MIN && record.base(index) != b'N';
                    if !is_sure {
                    } else if !is_good {
                        self.depths.wgs.low_quality += 1;
                    } else if before.is_good(here) {
                        self.depths.wgs.overlapping += 1;
                    } else {
                        self.good[(here - self.start) as usize] += 1;
                        if here >= mate {
                            covered.good.push(here);
                        }
                    }
                }
            }
            position = position.saturating_add(if op.kind.consumes_reference() {
                op.len
            } else {
                0
            });
            at += if op.kind.consumes_read() {
                op.len as usize
            } else {
                0
            };
        }
        covered
    }

    fn add_plain(&mut self, from: u32, to: u32, depth: i32) {
        let window = (from - self.start) as usize..(to.max(from) - self.start) as usize;
        for here in &mut self.plain[window] {
            *here = here.saturating_add_signed(depth);
        }
    }

    fn make_room(&mut self, end: u32) {
        let size = end.saturating_sub(self.start) as usize;
        if self.plain.len() < size {
            self.plain.resize(size, 0);
            self.good.resize(size, 0);
        }
    }

    /// Moves the window so that it begins near `position`: everything before is counted.
    fn advance(&mut self, contig: u32, position: u32) {
        while self.contig < contig {
            self.count_to(self.length(self.contig));
            self.contig += 1;
            self.start = 0;
            self.plain.clear();
            self.good.clear();
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
            self.plain.drain(..used.min(self.plain.len()));
            self.good.drain(..used.min(self.good.len()));
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
        let depths = &mut self.depths;
        let at = |depth: &[u32], i: usize| depth.get(i).copied().unwrap_or(0);
        let everywhere = &mut depths.contigs[contig.index()];
        for i in 0..chunk.len() as usize {
            everywhere.add(at(&self.plain, i), 1);
        }
        let is_autosome = is_autosome(self.reference, contig);
        let mut measure = |part: Interval| {
            for here in part.start..part.end {
                let i = (here - chunk.start) as usize;
                let depth = at(&self.plain, i);
                if let Some(targets) = &mut depths.targets {
                    targets[contig.index()].add(depth, 1);
                }
                if self.bases[i] != b'N' {
                    depths.territory_bases += u64::from(depth);
                    depths.wgs.add(at(&self.good, i));
                    if is_autosome {
                        depths.autosomes.add(at(&self.good, i));
                    }
                }
            }
        };
        if self.targets.is_empty() {
            measure(chunk);
            return;
        }
        let first = self
            .targets
            .partition_point(|target| (target.contig, target.end) <= (contig, chunk.start));
        let parts = self.targets[first..]
            .iter()
            .map_while(|target| target.intersection(&chunk));
        parts.for_each(&mut measure);
    }

    /// What was measured, the rest of the reference included.
    #[must_use]
    pub fn finish(mut self) -> Depths {
        let contigs = self.reference.contigs().len() as u32;
        self.advance(contigs, 0);
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

/// mosdepth's summary: a row a contig (and a row of its targets), then all together.
#[must_use]
pub fn summary_text(depths: &Depths, names: &[&str]) -> String {
    let mut text = "chrom\tlength\tbases\tmean\tmin\tmax\n".to_owned();
    let mut row = |name: &str, coverage: &Coverage| {
        let (length, bases) = (coverage.length(), coverage.bases);
        let mean = crate::histogram::ratio(bases, length);
        let (min, max) = (coverage.min(), coverage.max);
        text.push_str(&format!(
            "{name}\t{length}\t{bases}\t{mean:.2}\t{min}\t{max}\n"
        ));
    };
    let mut totals = [Coverage::default(), Coverage::default()];
    for (at, name) in names.iter().enumerate() {
        row(name, &depths.contigs[at]);
        totals[0].merge(&depths.contigs[at]);
        if let Some(targets) = &depths.targets
            && targets[at].length() > 0
        {
            row(&format!("{name}_region"), &targets[at]);
            totals[1].merge(&targets[at]);
        }
    }
    row("total", &totals[0]);
    if depths.targets.is_some() {
        row("total_region", &totals[1]);
    }
    text
}

/// mosdepth's distribution: contig, depth, the share of its bases that are at least so deep; contigs without
/// any read are left out.
#[must_use]
pub fn distribution_text(coverages: &[Coverage], names: &[&str]) -> String {
    let mut text = String::new();
    let mut all = Coverage::default();
    for (coverage, name) in coverages.iter().zip(names) {
        all.merge(coverage);
        if coverage.bases > 0 {
            distribution(&mut text, name, coverage);
        }
    }
    distribution(&mut text, "total", &all);
    text
}

fn distribution(text: &mut String, name: &str, coverage: &Coverage) {
    let length = coverage.length().max(1) as f64;
    let mut deep = 0;
    for (depth, &count) in coverage.positions.iter().enumerate().rev() {
        deep += count;
        let share = deep as f64 / length;
        // As mosdepth: no lines for what rounds to nothing, or for gaps far out.
        if share >= 8e-5 && (count > 0 || depth <= 300) {
            text.push_str(&format!("{name}\t{depth}\t{share:.2}\n"));
        }
    }
}
