//! A window of a census: what is said of its bases, and from where to where by how many.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use crate::census::CensusError;
use crate::level::Statement;
use crate::store::intern::Multiply;

/// More samples, or fewer, say something from a base on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Step {
    pub(super) position: u32,
    /// The place of what they say.
    pub(super) statement: u32,
    pub(super) more: i64,
}

/// A window. Before it nobody is counted: at its first base those begin who said something before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) start: u32,
    pub(super) end: u32,
    /// What is said, in order, without doubles; of whom nothing is known is not told.
    pub(super) statements: Vec<Statement>,
    /// In order, one of each place.
    pub(super) steps: Vec<Step>,
}

/// What is added up to a window.
#[derive(Default)]
pub(super) struct Sum {
    numbers: HashMap<Statement, u32, BuildHasherDefault<Multiply>>,
    /// The statement's number in place of its place.
    steps: Vec<Step>,
}

impl Sum {
    /// The number of a statement.
    pub(super) fn number(&mut self, statement: Statement) -> u32 {
        let next = self.numbers.len() as u32;
        *self.numbers.entry(statement).or_insert(next)
    }

    /// From `position` on so many more samples make the statement of this number.
    pub(super) fn step(&mut self, position: u32, statement: u32, more: i64) {
        self.steps.push(Step {
            position,
            statement,
            more,
        });
    }

    /// Adds a window, or takes it away.
    pub(super) fn add(&mut self, window: Window, sign: i64) {
        let statements = window.statements.into_iter();
        let numbers: Vec<u32> = statements.map(|said| self.number(said)).collect();
        for step in window.steps {
            let number = numbers[step.statement as usize];
            self.step(step.position, number, sign * step.more);
        }
    }

    /// The window of the bases from `start` to `end` and of so many samples.
    pub(super) fn finish(
        self,
        (start, end): (u32, u32),
        samples: u32,
    ) -> Result<Window, CensusError> {
        let mut said: Vec<(Statement, u32)> = self.numbers.into_iter().collect();
        said.sort_unstable();
        let mut places = vec![0; said.len()];
        for (place, (_, number)) in said.iter().enumerate() {
            places[*number as usize] = place as u32;
        }
        let mut steps = self.steps;
        for step in &mut steps {
            step.statement = places[step.statement as usize];
        }
        let steps = added(steps);
        let mut used = vec![false; said.len()];
        for step in &steps {
            used[step.statement as usize] = true;
        }
        let mut kept = 0;
        let renumbered = used.iter().map(|used| {
            kept += u32::from(*used);
            kept.wrapping_sub(1)
        });
        let renumbered: Vec<u32> = renumbered.collect();
        let window = Window {
            start,
            end,
            statements: said
                .into_iter()
                .zip(&used)
                .filter(|(_, used)| **used)
                .map(|((statement, _), _)| statement)
                .collect(),
            steps: steps
                .into_iter()
                .map(|step| Step {
                    statement: renumbered[step.statement as usize],
                    ..step
                })
                .collect(),
        };
        window.check(samples)?;
        Ok(window)
    }
}

/// Steps in order, those of one place as one, and none that changes nothing.
fn added(mut steps: Vec<Step>) -> Vec<Step> {
    steps.sort_unstable_by_key(|step| (step.position, step.statement));
    steps.dedup_by(|next, sum| {
        let same = (next.position, next.statement) == (sum.position, sum.statement);
        if same {
            sum.more = sum.more.saturating_add(next.more);
        }
        same
    });
    steps.retain(|step| step.more != 0);
    steps
}

impl Window {
    /// Whether from every base on a number of samples says each thing, and no more than there are say anything.
    pub(super) fn check(&self, samples: u32) -> Result<(), CensusError> {
        let mut counts = vec![0i64; self.statements.len()];
        let mut all = 0i64;
        for steps in self.steps.chunk_by(|a, b| a.position == b.position) {
            for step in steps {
                let count = &mut counts[step.statement as usize];
                *count = count.saturating_add(step.more);
                all = all.saturating_add(step.more);
                if *count < 0 {
                    return Err(CensusError::NeverAdded);
                }
            }
            if all > i64::from(samples) {
                return Err(CensusError::NeverAdded);
            }
        }
        Ok(())
    }
}
