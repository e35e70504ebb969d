//! From the best cell back to where its alignment begins.

use crate::banded::buffers::{
    BEGIN, Buffers, DELETION, DELETION_GOES_ON, INSERTION, INSERTION_GOES_ON, Problem, SOURCE,
};
use crate::banded::cell::Cell;
use crate::banded::{Found, Step};

/// Finds the best cell and writes the steps to it, the last first.
pub(super) fn back<T: Cell>(
    problem: &Problem<'_>,
    buffers: &Buffers<T>,
    steps: &mut Vec<(Step, u32)>,
) -> Option<Found> {
    steps.clear();
    let last = problem.query.len() - 1;
    let bonus = u32::from(problem.scheme.end_bonus);
    let (mut score, mut row) = (0, 0);
    for i in 0..=last {
        let best = buffers.best(i).get();
        let total = best + if i == last && best > 0 { bonus } else { 0 };
        if total > score {
            (score, row) = (total, i);
        }
    }
    if score == 0 {
        return None;
    }
    let first = (row as i64 + problem.band.0).max(0) as usize;
    let column = (first..problem.window.len())
        .find(|&column| buffers.score(problem, row, column) == buffers.best(row))?;
    let (begin_row, begin_column) = walk(problem, buffers, (row, column), steps);
    Some(Found {
        score,
        query: (begin_row, row + 1),
        window: (begin_column, column + 1),
    })
}

fn walk<T: Cell>(
    problem: &Problem<'_>,
    buffers: &Buffers<T>,
    end: (usize, usize),
    steps: &mut Vec<(Step, u32)>,
) -> (usize, usize) {
    let (mut i, mut j) = end;
    loop {
        let bits = buffers.trace(problem, i, j);
        match bits & SOURCE {
            INSERTION => {
                let mut goes_on = true;
                while goes_on && i > 0 {
                    goes_on = buffers.trace(problem, i, j) & INSERTION_GOES_ON != 0;
                    push(steps, Step::Insertion);
                    i -= 1;
                }
            }
            DELETION => {
                let mut goes_on = true;
                while goes_on && j > 0 {
                    goes_on = buffers.trace(problem, i, j) & DELETION_GOES_ON != 0;
                    push(steps, Step::Deletion);
                    j -= 1;
                }
            }
            _ => {
                push(steps, Step::Match);
                if bits & BEGIN != 0 || i == 0 || j == 0 {
                    return (i, j);
                }
                (i, j) = (i - 1, j - 1);
            }
        }
    }
}

fn push(steps: &mut Vec<(Step, u32)>, step: Step) {
    match steps.last_mut() {
        Some((last, times)) if *last == step => *times += 1,
        _ => steps.push((step, 1)),
    }
}
