//! Which templates are duplicates, from their sorted signatures.

use std::io;

use crate::external::Merge;
use crate::metrics::DuplicationMetrics;
use crate::signature::{Bytes, FRAGMENT_KEY, PAIR_KEY, read};
use crate::tile::Tile;

/// A bit a template.
#[derive(Debug, Default)]
pub(crate) struct Duplicates(Vec<u64>);

impl Duplicates {
    pub(crate) fn new(templates: u64) -> Self {
        Self(vec![0; templates.div_ceil(64) as usize])
    }

    fn set(&mut self, template: u64) {
        self.0[(template / 64) as usize] |= 1 << (template % 64);
    }

    pub(crate) fn contains(&self, template: u64) -> bool {
        let word = self.0.get((template / 64) as usize);
        word.is_some_and(|word| word >> (template % 64) & 1 == 1)
    }
}

/// Marks all pairs of a group but its first, which is the best.
pub(crate) fn pairs(
    mut signatures: Merge<Bytes>,
    optical_distance: u32,
    duplicates: &mut Duplicates,
    metrics: &mut [DuplicationMetrics],
) -> io::Result<()> {
    let mut group: Vec<Vec<u8>> = Vec::new();
    let mut close = |group: &mut Vec<Vec<u8>>| {
        if group.len() > 1 {
            let library = &mut metrics[read::library(&group[0])];
            library.read_pair_duplicates += group.len() as u64 - 1;
            library.read_pair_optical_duplicates += optical(group, optical_distance);
            for pair in &group[1..] {
                duplicates.set(read::pair_template(pair));
            }
        }
        group.clear();
    };
    while let Some(pair) = signatures.next()? {
        if group
            .last()
            .is_some_and(|last| last[..PAIR_KEY] != pair[..PAIR_KEY])
        {
            close(&mut group);
        }
        group.push(pair.to_vec());
    }
    close(&mut group);
    Ok(())
}

/// Marks all fragments where a pair ends too, else all but the first, which is the best.
pub(crate) fn fragments(
    mut signatures: Merge<Bytes>,
    duplicates: &mut Duplicates,
    metrics: &mut [DuplicationMetrics],
) -> io::Result<()> {
    let mut key = Vec::new();
    while let Some(fragment) = signatures.next()? {
        let is_first = key != fragment[..FRAGMENT_KEY];
        if is_first {
            key.clear();
            key.extend_from_slice(&fragment[..FRAGMENT_KEY]);
            continue;
        }
        if let Some(template) = read::fragment_template(fragment) {
            metrics[read::library(fragment)].unpaired_read_duplicates += 1;
            duplicates.set(template);
        }
    }
    Ok(())
}

/// Pairs of a group that were seen within `distance` (in x and in y) of another one on the same surface:
/// in each cluster of neighbours all but one.
fn optical(group: &[Vec<u8>], distance: u32) -> u64 {
    let mut seen: Vec<([u8; 3], Tile)> = group.iter().filter_map(|pair| read::seen(pair)).collect();
    seen.sort_unstable();
    let mut cluster: Vec<usize> = (0..seen.len()).collect();
    let mut joined = 0;
    for i in 0..seen.len() {
        let (surface, a) = seen[i];
        for (j, &(other, b)) in seen.iter().enumerate().skip(i + 1) {
            if other != surface || (b.lane, b.tile) != (a.lane, a.tile) || b.x - a.x > distance {
                break;
            }
            if a.y.abs_diff(b.y) <= distance {
                let (low, high) = (root(&mut cluster, i), root(&mut cluster, j));
                if low != high {
                    cluster[high] = low;
                    joined += 1;
                }
            }
        }
    }
    joined
}

fn root(cluster: &mut [usize], mut at: usize) -> usize {
    while cluster[at] != at {
        cluster[at] = cluster[cluster[at]];
        at = cluster[at];
    }
    at
}
