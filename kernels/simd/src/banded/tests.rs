//! Every level and width of cells against the oracle.

use proptest::prelude::*;

use crate::banded::{Scheme, Scratch, Step, align, oracle};
use crate::level::Level;

const SCHEME: Scheme = Scheme {
    matched: 1,
    mismatch: 4,
    unknown: 1,
    gap_first: 7,
    gap_next: 1,
    end_bonus: 5,
};

fn check(scheme: &Scheme, query: &[u8], window: &[u8], band: (i64, i64), scratch: &mut Scratch) {
    let expected = oracle::align(scheme, query, window, band);
    for level in Level::available() {
        let found = align(level, scheme, query, window, band, scratch);
        let steps: Vec<(Step, u32)> = scratch.steps().collect();
        let found = found.map(|found| (found, steps));
        assert_eq!(
            found, expected,
            "{level}: {query:?} on {window:?} in {band:?}"
        );
    }
}

/// A query made from the window by cutting, changing, inserting and deleting.
fn related() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let window = proptest::collection::vec(0u8..5, 1..420);
    let edits = proptest::collection::vec((any::<prop::sample::Index>(), 0u8..7, 1usize..12), 0..8);
    (window, edits, any::<prop::sample::Index>(), 1usize..330).prop_map(
        |(window, edits, at, length)| {
            let from = at.index(window.len());
            let mut query = window[from..(from + length).min(window.len())].to_vec();
            for (at, what, size) in edits {
                let at = at.index(query.len());
                match what {
                    0..=4 => query[at] = what,
                    5 => query
                        .splice(at..at, (0..size).map(|k| (k % 4) as u8))
                        .for_each(drop),
                    _ => drop(query.drain(at..(at + size).min(query.len() - 1).max(at))),
                }
            }
            (query, window)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn every_level_agrees_with_the_oracle(
        (query, window) in related(), low in -300i64..300, width in 0i64..500, matched in 1u8..3
    ) {
        let mut scratch = Scratch::default();
        let scheme = Scheme { matched, ..SCHEME };
        check(&scheme, &query, &window, (low, low + width), &mut scratch);
        // Buffers that were used before change nothing.
        check(&scheme, &query, &window, (-20, 30), &mut scratch);
    }
}

#[test]
fn wide_cells_and_edges_agree() {
    let window: Vec<u8> = (0..900u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8 & 3)
        .collect();
    let mut scratch = Scratch::default();
    // Scores beyond 16 bits.
    let heavy = Scheme {
        matched: 90,
        mismatch: 100,
        unknown: 1,
        gap_first: 200,
        gap_next: 20,
        end_bonus: 50,
    };
    let query = [&window[20..450], &window[462..800]].concat();
    check(&heavy, &query, &window, (0, 60), &mut scratch);
    for length in [1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 128] {
        check(
            &SCHEME,
            &window[5..5 + length],
            &window[..length + 9],
            (-70, 70),
            &mut scratch,
        );
        check(
            &SCHEME,
            &window[5..5 + length],
            &window[..length + 9],
            (5, 5),
            &mut scratch,
        );
    }
    let none = align(
        Level::detect(),
        &SCHEME,
        &[0, 0, 0],
        &[1, 1, 1, 1],
        (-4, 4),
        &mut scratch,
    );
    assert_eq!(
        none.map(|found| found.score),
        Some(1),
        "one mismatch with the bonus of an end"
    );
    assert_eq!(
        align(Level::detect(), &SCHEME, &[], &[1], (0, 0), &mut scratch),
        None
    );
}
