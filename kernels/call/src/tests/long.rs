//! Reads that reach beyond all that a tile looks at.

use super::{Aligned, Random, bases, case, covers, run, variants, whole};
use crate::BLOCK_EDGE;
use crate::params::Params;

/// Six kilobases with a base missing near one end and nine hundred near the other; a tile in between sees neither whole.
#[test]
fn gaps_far_away_are_left_to_others() {
    let sequence = bases(&mut Random(8), 16_000);
    let read = |n: usize| -> Aligned {
        let start = 2_000 + 10 * n;
        let parts = [
            start..start + 50,
            start + 51..start + 5_051,
            start + 5_951..start + 6_001,
        ];
        let bases = parts
            .into_iter()
            .flat_map(|part| sequence[part].to_vec())
            .collect();
        (start, "50M1D5000M900D50M".to_owned(), bases)
    };
    let skipping = |n: usize| -> Aligned {
        let start = 3_000 + n;
        let bases = [
            &sequence[start..start + 50],
            &sequence[start + 9_050..start + 9_100],
        ]
        .concat();
        (start, "50M9000N50M".to_owned(), bases)
    };
    let reads = (0..20).map(read).chain((0..20).map(skipping)).collect();
    let case = case(&sequence, reads);
    for tile in [BLOCK_EDGE, 4 * BLOCK_EDGE] {
        let params = Params {
            tile,
            ..Params::default()
        };
        let records = run(&case, 2, &whole(&case), &params);
        covers(&records, 0, 16_000);
        let found = variants(&records);
        assert!(found.iter().all(|site| site.ends_with(" 0/0")), "{found:?}");
    }
}
