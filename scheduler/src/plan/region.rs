//! Regions and their shards. Results never depend on the cut: it lies where reference blocks are
//! cut anyway.

use std::collections::BTreeMap;

use kumi_proto::v1::{Contig, Region};

use crate::limits::{BLOCK_EDGE_BASES as EDGE, SHARD_BASES};

/// Targets in the order of the genome, those that overlap or touch joined; without targets, all of
/// every contig.
pub(super) fn normal(contigs: &[Contig], targets: &[Region]) -> Vec<Region> {
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

/// Cuts regions into at most `shards` pieces of about equal length (0: one per [`SHARD_BASES`]), at
/// multiples of [`EDGE`] of a contig or between regions that share no block. Small regions give
/// fewer pieces.
pub(super) fn cut(regions: &[Region], shards: u32) -> Vec<Vec<Region>> {
    let total: u64 = regions.iter().map(|region| region.end - region.start).sum();
    let wanted = match shards {
        0 => total.div_ceil(SHARD_BASES).max(1),
        given => u64::from(given),
    };
    let mut cutter = Cutter {
        total,
        wanted,
        covered: 0,
        next: 1,
        shards: vec![Vec::new()],
    };
    for region in regions {
        cutter.add(region);
    }
    cutter.shards.retain(|shard| !shard.is_empty());
    cutter.shards
}

struct Cutter {
    total: u64,
    wanted: u64,
    /// Bases in the shards so far.
    covered: u64,
    /// The next boundary to place: it ideally lies at `total * next / wanted`.
    next: u64,
    shards: Vec<Vec<Region>>,
}

impl Cutter {
    fn add(&mut self, region: &Region) {
        let mut start = region.start;
        while self.next < self.wanted {
            let missing = self.goal().saturating_sub(self.covered);
            let mut at = (start + missing + EDGE / 2) / EDGE * EDGE;
            if missing == 0 && self.is_fresh() {
                self.next += 1;
                continue;
            }
            if missing == 0 || at <= start {
                if self.may_part_before(&region.contig, start) {
                    self.shards.push(Vec::new());
                    self.next += 1;
                    continue;
                }
                at = (start / EDGE + 1) * EDGE;
            }
            if at >= region.end {
                break;
            }
            self.take(&region.contig, start, at);
            self.shards.push(Vec::new());
            self.next += 1;
            start = at;
        }
        self.take(&region.contig, start, region.end);
    }

    fn goal(&self) -> u64 {
        let goal = u128::from(self.total) * u128::from(self.next) / u128::from(self.wanted);
        u64::try_from(goal).expect("a part of the total is not more than the total")
    }

    /// Whether the last shard is still empty.
    fn is_fresh(&self) -> bool {
        self.shards.last().is_none_or(Vec::is_empty)
    }

    /// Whether a shard may end between what it covers and `start`.
    fn may_part_before(&self, contig: &str, start: u64) -> bool {
        let last = self.shards.last().and_then(|shard| shard.last());
        last.is_some_and(|last| last.contig != contig || (last.end - 1) / EDGE != start / EDGE)
    }

    fn take(&mut self, contig: &str, start: u64, end: u64) {
        self.covered += end - start;
        if let Some(shard) = self.shards.last_mut() {
            shard.push(Region {
                contig: contig.to_owned(),
                start,
                end,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use kumi_proto::v1::{Contig, Region};

    use super::{EDGE, cut, normal};

    fn region(contig: &str, start: u64, end: u64) -> Region {
        Region {
            contig: contig.to_owned(),
            start,
            end,
        }
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
