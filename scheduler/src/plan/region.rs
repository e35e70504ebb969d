//! Regions and their shards. Results never depend on the cut: it lies where reference blocks are
//! cut anyway.

use std::collections::BTreeMap;

use kumi_proto::v1::{Contig, Region};

use crate::limits::{BLOCK_EDGE_BASES as EDGE, SHARD_BASES};

/// Targets in the order of the genome, those that overlap or touch joined; without targets, all of
/// every contig.
pub(crate) fn normal(contigs: &[Contig], targets: &[Region]) -> Vec<Region> {
    if targets.is_empty() {
        let whole = contigs.iter().filter(|contig| contig.length > 0);
        return whole
            .map(|contig| Region {
                contig: contig.name.clone(),
                start: 0,
                end: contig.length,
            })
            .collect();
    }
    let rank: BTreeMap<&str, usize> = contigs
        .iter()
        .enumerate()
        .map(|(rank, contig)| (contig.name.as_str(), rank))
        .collect();
    let mut sorted: Vec<&Region> = targets.iter().collect();
    sorted.sort_by_key(|region| (rank.get(region.contig.as_str()), region.start, region.end));
    let mut joined: Vec<Region> = Vec::with_capacity(sorted.len());
    for region in sorted {
        match joined.last_mut() {
            Some(last) if last.contig == region.contig && region.start <= last.end => {
                last.end = last.end.max(region.end);
            }
            _ => joined.push(region.clone()),
        }
    }
    joined
}

/// Pieces of regions, given by where they begin, with how many bases of all regions lie before; the first begins at 0.
pub(crate) type Starts = Vec<u64>;

/// How many pieces regions are cut into: as many as given, or one per [`SHARD_BASES`].
pub(crate) fn wanted(regions: &[Region], shards: u32) -> u64 {
    match shards {
        0 => bases(regions).div_ceil(SHARD_BASES).max(1),
        given => u64::from(given),
    }
}

pub(crate) fn bases(regions: &[Region]) -> u64 {
    regions.iter().map(|region| region.end - region.start).sum()
}

/// Cuts regions into at most `wanted` pieces of about equal cost, at multiples of [`EDGE`] of a contig or between
/// regions that share no block. Small regions give fewer pieces.
pub(crate) fn cut(regions: &[Region], wanted: u64, costs: &dyn Costs) -> Starts {
    let steps = costs.steps(regions);
    let total = steps.iter().flatten().map(Step::cost).sum();
    let mut cutter = Cutter {
        total,
        wanted,
        next: 1,
        cost: 0,
        bases: 0,
        last: None,
        starts: Vec::new(),
    };
    for (region, steps) in regions.iter().zip(&steps) {
        cutter.add(region, steps);
    }
    cutter.starts
}

/// The regions of each piece.
pub(crate) fn pieces(regions: &[Region], starts: &[u64]) -> Vec<Vec<Region>> {
    let mut starts = starts.iter().copied().peekable();
    let mut pieces: Vec<Vec<Region>> = Vec::new();
    let mut before = 0;
    for region in regions {
        let mut start = region.start;
        while start < region.end {
            let at = before + start - region.start;
            if starts.next_if_eq(&at).is_some() {
                pieces.push(Vec::new());
            }
            let next = starts.peek().map(|next| next - before + region.start);
            let end = next.unwrap_or(u64::MAX).min(region.end);
            let part = Region {
                contig: region.contig.clone(),
                start,
                end,
            };
            if let Some(piece) = pieces.last_mut() {
                piece.push(part);
            }
            start = end;
        }
        before += region.end - region.start;
    }
    pieces
}

/// The regions from a number of bases to another, of all of theirs.
pub(crate) fn part(regions: &[Region], from: u64, to: u64) -> Vec<Region> {
    let mut before = 0;
    let parts = regions.iter().filter_map(|region| {
        let passed = before;
        before += region.end - region.start;
        let (start, end) = (from.max(passed), to.min(before));
        (start < end).then(|| Region {
            contig: region.contig.clone(),
            start: region.start + (start - passed),
            end: region.start + (end - passed),
        })
    });
    parts.collect()
}

/// Whether pieces of regions may begin there.
pub(crate) fn may_be(regions: &[Region], starts: &[u64]) -> bool {
    let ascending = starts.windows(2).all(|pair| pair[0] < pair[1]);
    let within = starts.last().is_some_and(|last| *last < bases(regions));
    let mut ends: Option<Region> = None;
    starts.first() == Some(&0)
        && ascending
        && within
        && pieces(regions, starts).iter().all(|piece| {
            let (first, last) = (piece.first(), piece.last());
            let apart = first.is_some_and(|first| {
                let before = ends.as_ref();
                before.is_none_or(|before| shares_no_block(&before.contig, before.end, first))
            });
            ends = last.cloned();
            apart
        })
}

/// Whether no block of `contig` that ends at `end` reaches into a region that follows.
fn shares_no_block(contig: &str, end: u64, next: &Region) -> bool {
    contig != next.contig || (end - 1) / EDGE != next.start / EDGE
}

/// What regions cost.
pub(crate) trait Costs {
    /// For each region, which are in the order of the genome, its parts of even cost, in order and without gaps.
    fn steps(&self, regions: &[Region]) -> Vec<Vec<Step>>;
}

/// A part of a region of which each base costs the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// 0-based, half-open, of the region's contig.
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// Not 0.
    pub(crate) per_base: u64,
}

impl Step {
    pub(crate) fn cost(&self) -> u64 {
        (self.end - self.start) * self.per_base
    }
}

/// Every base costs the same.
pub(crate) struct Even;

impl Costs for Even {
    fn steps(&self, regions: &[Region]) -> Vec<Vec<Step>> {
        let step = |region: &Region| Step {
            start: region.start,
            end: region.end,
            per_base: 1,
        };
        regions.iter().map(|region| vec![step(region)]).collect()
    }
}

struct Cutter<'a> {
    total: u64,
    wanted: u64,
    /// The next boundary to place: it ideally lies at `total * next / wanted`.
    next: u64,
    /// Cost and bases of what was passed.
    cost: u64,
    bases: u64,
    /// The contig and the end of the piece that is being made, if anything is in it.
    last: Option<(&'a str, u64)>,
    starts: Starts,
}

impl<'a> Cutter<'a> {
    fn add(&mut self, region: &'a Region, steps: &[Step]) {
        let mut start = region.start;
        while self.next < self.wanted {
            let missing = self.goal().saturating_sub(self.cost);
            if missing == 0 && self.last.is_none() {
                self.next += 1;
                continue;
            }
            let mut at = (reach(steps, start, missing) + EDGE / 2) / EDGE * EDGE;
            if missing == 0 || at <= start {
                if self.may_part_before(region, start) {
                    self.part();
                    continue;
                }
                at = (start / EDGE + 1) * EDGE;
            }
            if at >= region.end {
                break;
            }
            self.take(region, steps, (start, at));
            self.part();
            start = at;
        }
        self.take(region, steps, (start, region.end));
    }

    fn goal(&self) -> u64 {
        let goal = u128::from(self.total) * u128::from(self.next) / u128::from(self.wanted);
        u64::try_from(goal).expect("a part of the total is not more than the total")
    }

    /// Whether a piece may end between what was passed and `start`.
    fn may_part_before(&self, region: &Region, start: u64) -> bool {
        let next = Region {
            start,
            ..region.clone()
        };
        self.last
            .is_some_and(|(contig, end)| shares_no_block(contig, end, &next))
    }

    /// Ends the piece that is being made.
    fn part(&mut self) {
        self.last = None;
        self.next += 1;
    }

    fn take(&mut self, region: &'a Region, steps: &[Step], (start, end): (u64, u64)) {
        if self.last.is_none() {
            self.starts.push(self.bases);
        }
        self.bases += end - start;
        self.cost += cost(steps, start, end);
        self.last = Some((&region.contig, end));
    }
}

/// The cost of a part of a region.
fn cost(steps: &[Step], start: u64, end: u64) -> u64 {
    let costs = steps.iter().map(|step| {
        let (from, to) = (step.start.max(start), step.end.min(end));
        to.saturating_sub(from) * step.per_base
    });
    costs.sum()
}

/// Where a region that is followed from `start` has cost so much; behind its end as if it went on like its last part.
fn reach(steps: &[Step], start: u64, mut missing: u64) -> u64 {
    let mut at = start;
    let mut per_base = 1;
    for step in steps.iter().filter(|step| step.end > start) {
        per_base = step.per_base;
        let room = (step.end - at) * per_base;
        if missing <= room {
            break;
        }
        missing -= room;
        at = step.end;
    }
    at + missing.div_ceil(per_base)
}

#[cfg(test)]
mod tests {
    use kumi_proto::v1::{Contig, Region};

    use crate::plan::places::region;

    use super::{EDGE, Even, Starts, bases, may_be, normal, pieces, wanted};

    fn cut(regions: &[Region], shards: u32) -> Vec<Vec<Region>> {
        let starts: Starts = super::cut(regions, wanted(regions, shards), &Even);
        assert!(may_be(regions, &starts));
        let pieces = pieces(regions, &starts);
        assert_eq!(pieces.len(), starts.len());
        assert_eq!(bases(&pieces.concat()), bases(regions));
        pieces
    }

    fn contig(name: &str, length: u64) -> Contig {
        Contig {
            name: name.to_owned(),
            length,
            md5: String::new(),
            alternate: false,
        }
    }

    #[test]
    fn targets_are_sorted_by_contig_and_joined() {
        let contigs = [contig("b", 100), contig("a", 100)];
        let targets = [
            region("a", 5, 9),
            region("b", 50, 60),
            region("b", 10, 20),
            region("b", 20, 30),
            region("b", 12, 15),
        ];
        let joined = normal(&contigs, &targets);
        let expected = [region("b", 10, 30), region("b", 50, 60), region("a", 5, 9)];
        assert_eq!(joined, expected);
        assert_eq!(
            normal(&contigs, &[]),
            [region("b", 0, 100), region("a", 0, 100)]
        );
    }

    #[test]
    fn shards_are_about_equal_and_cut_at_block_edges() {
        let regions = [region("1", 0, 1_000_000), region("2", 0, 300_001)];
        let shards = cut(&regions, 7);
        assert_eq!(shards.len(), 7);
        for shard in &shards {
            let length: u64 = shard.iter().map(|r| r.end - r.start).sum();
            assert!(length.abs_diff(1_300_001 / 7) <= 2 * EDGE, "{shard:?}");
        }
        let joined = normal(&[contig("1", 1), contig("2", 1)], &shards.concat());
        assert_eq!(
            joined, regions,
            "nothing is lost and nothing is there twice"
        );
    }

    #[test]
    fn a_small_target_is_not_cut_inside_a_block() {
        assert_eq!(cut(&[region("1", 100, 4_000)], 7).len(), 1);
        let neighbours = [region("1", 100, 200), region("1", 300, 400)];
        assert_eq!(cut(&neighbours, 2), [neighbours.to_vec()]);
        let apart = [region("1", 100, 200), region("1", 5_000, 5_100)];
        assert_eq!(cut(&apart, 2).len(), 2);
    }

    #[test]
    fn the_number_of_shards_follows_the_genome_unless_given() {
        assert_eq!(cut(&[region("1", 0, 1_100_000)], 0).len(), 1);
        assert_eq!(cut(&[region("1", 0, 3_100_000_000)], 0).len(), 49);
    }
}
