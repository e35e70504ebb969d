//! The same alignment, a cell at a time, row by row: what every level must give.

use crate::banded::{Found, Scheme, Step};

#[derive(Clone, Copy, Default)]
struct Cell {
    h: i64,
    e: i64,
    f: i64,
}

/// See [`super::align`].
pub(super) fn align(
    scheme: &Scheme,
    query: &[u8],
    window: &[u8],
    band: (i64, i64),
) -> Option<(Found, Vec<(Step, u32)>)> {
    let (m, n) = (query.len(), window.len());
    let cost = |cost: u8| i64::from(cost);
    let mut all = vec![vec![Cell::default(); n + 1]; m + 1];
    let mut best: Option<(i64, usize, usize)> = None;
    for i in 0..m {
        for j in 0..n {
            if !(band.0..=band.1).contains(&(j as i64 - i as i64)) {
                continue;
            }
            let before = if i == 0 {
                cost(scheme.end_bonus)
            } else {
                all[i][j].h
            };
            let cell = Cell {
                e: (all[i][j + 1].h - cost(scheme.gap_first))
                    .max(all[i][j + 1].e - cost(scheme.gap_next))
                    .max(0),
                f: (all[i + 1][j].h - cost(scheme.gap_first))
                    .max(all[i + 1][j].f - cost(scheme.gap_next))
                    .max(0),
                h: before + step(scheme, query[i], window[j]),
            };
            let h = cell.h.max(cell.e).max(cell.f).max(0);
            all[i + 1][j + 1] = Cell { h, ..cell };
            let total = h + if i + 1 == m && h > 0 {
                cost(scheme.end_bonus)
            } else {
                0
            };
            if total > best.map_or(0, |(most, ..)| most) {
                best = Some((total, i, j));
            }
        }
    }
    let (score, row, column) = best?;
    let (mut i, mut j) = (row, column);
    let mut steps: Vec<(Step, u32)> = Vec::new();
    let mut push = |step| match steps.last_mut() {
        Some((last, times)) if *last == step => *times += 1,
        _ => steps.push((step, 1)),
    };
    loop {
        let Cell { h, e, f } = all[i + 1][j + 1];
        let before = if i == 0 {
            cost(scheme.end_bonus)
        } else {
            all[i][j].h
        };
        let straight = (before + step(scheme, query[i], window[j])).max(0);
        if f > straight.max(e) {
            loop {
                push(Step::Deletion);
                let left = all[i + 1][j];
                j -= 1;
                if left.f - cost(scheme.gap_next) <= left.h - cost(scheme.gap_first) {
                    break;
                }
            }
        } else if e > straight {
            loop {
                push(Step::Insertion);
                let above = all[i][j + 1];
                i -= 1;
                if above.e - cost(scheme.gap_next) <= above.h - cost(scheme.gap_first) {
                    break;
                }
            }
        } else {
            debug_assert!(h > 0);
            push(Step::Match);
            if i == 0 || j == 0 || before == 0 {
                break;
            }
            (i, j) = (i - 1, j - 1);
        }
    }
    steps.reverse();
    let found = Found {
        score: score as u32,
        query: (i, row + 1),
        window: (j, column + 1),
    };
    Some((found, steps))
}

fn step(scheme: &Scheme, query: u8, window: u8) -> i64 {
    i64::from(if query > 3 {
        -i32::from(scheme.unknown)
    } else if query == window {
        i32::from(scheme.matched)
    } else {
        -i32::from(scheme.mismatch)
    })
}
