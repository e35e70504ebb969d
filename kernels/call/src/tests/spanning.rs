//! Sites inside a deletion that was called in another region, wherever regions, tiles and shards are cut.

use kumi_seq::contig::ContigId;
use kumi_seq::interval::Interval;
use proptest::prelude::*;

use super::{Aligned, Case, Random, bases, case, other, run, variants, whole};
use crate::BLOCK_EDGE;
use crate::params::Params;

const EDGE: usize = BLOCK_EDGE as usize;
/// More than a cell of regions, in whose middle a region is cut when nothing in it is quiet.
const DELETED: usize = 370;
const CELL: usize = 256;
/// Substitutions of the other copy, one in so many bases of the deletion.
const EVERY: usize = 50;

/// One copy lacks the bases behind `locus`; the other has substitutions there.
fn individual(locus: usize) -> Case {
    let mut sequence = bases(&mut Random(3), 3 * EDGE);
    // Nothing about where the deletion lies is left open.
    (sequence[locus], sequence[locus + DELETED]) = (b'A', b'C');
    sequence[locus + 1] = b'G';
    sequence[locus + DELETED + 1] = b'T';
    let mut changed = sequence.clone();
    for at in (locus + 20..locus + DELETED).step_by(EVERY) {
        changed[at] = other(changed[at]);
    }
    let gapped = (0..20).map(|n| -> Aligned {
        let (before, after) = (40 + n, 60 - n);
        let (from, behind) = (locus + 1 - before, locus + 1 + DELETED);
        let bases = [&sequence[from..=locus], &sequence[behind..behind + after]].concat();
        (from, format!("{before}M{DELETED}D{after}M"), bases)
    });
    let plain = (0..120).map(|n| -> Aligned {
        let from = locus - 120 + 4 * n;
        (from, "100M".to_owned(), changed[from..from + 100].to_vec())
    });
    let reads = gapped.chain(plain).collect();
    case(&sequence, reads)
}

fn check(locus: usize, cut: u32) {
    let case = individual(locus);
    let tile = |edges| Params {
        tile: edges * BLOCK_EDGE,
        ..Params::default()
    };
    let expected = run(&case, 2, &whole(&case), &tile(3));
    let found = variants(&expected);
    assert_eq!(found.len(), 1 + (DELETED - 20).div_ceil(EVERY), "{found:?}");
    let inside = &found[1..];
    assert!(inside.iter().all(|site| site.contains(",*,")), "{found:?}");
    let with_it =
        |site: &String| site.ends_with(" 1|2") || site.ends_with(" 1/2") || site.ends_with(" 2|1");
    assert!(inside.iter().all(with_it), "{found:?}");
    for edges in [1, 2] {
        assert!(
            run(&case, 2, &whole(&case), &tile(edges)) == expected,
            "tiles of {edges}"
        );
    }
    let shard = |(start, end)| Interval {
        contig: ContigId(0),
        start,
        end,
    };
    let shards = [(0, cut), (cut, 3 * BLOCK_EDGE)].map(shard);
    let found: Vec<_> = shards
        .into_iter()
        .flat_map(|shard| run(&case, 2, &[shard], &tile(1)))
        .collect();
    assert!(found == expected, "shards cut at {cut}");
}

#[test]
fn sites_inside_a_deletion_of_another_region_name_it() {
    for cell in [EDGE - CELL, EDGE, EDGE + CELL] {
        check(cell - 20, BLOCK_EDGE);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn wherever_a_deletion_lies_sites_inside_name_it(offset in 0usize..2 * DELETED, second: bool) {
        let cut = EDGE * (1 + usize::from(second));
        check(cut - DELETED - 160 + offset, cut as u32);
    }
}
