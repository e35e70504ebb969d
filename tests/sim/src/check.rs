//! What must hold in every run, by name.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use kumi_proto::v1::{Command, FinishedTask, Speculate, TaskId, command, finished_task};
use kumi_scheduler::{Outcome, Settlement, Verdict};

use crate::history::{First, Seen};
use crate::hosts::LEASE_MS;
use crate::linearizable::is_linearizable;

/// A manifest's count that tells which attempt made it.
pub const ATTEMPT: &str = "attempt";

/// What was violated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The checker's name.
    pub checker: &'static str,
    /// What it found.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.checker, self.what)
    }
}

/// Second attempts by the first one of the same task.
fn copies(seen: &Seen) -> BTreeMap<u64, u64> {
    let steps = seen.steps.values().map(|first| &first.step);
    let pair = steps.filter_map(|step| match (&step.command.kind, &step.outcome) {
        (Some(command::Kind::Speculate(speculate)), Outcome::Granted(starts)) => {
            Some((speculate.attempt, starts.first()?.attempt))
        }
        _ => None,
    });
    pair.collect()
}

/// How many second attempts there were, and of how many the result was taken.
#[must_use]
pub fn second_attempts(seen: &Seen) -> (usize, usize) {
    let copies = copies(seen);
    let steps = seen.steps.values();
    let settled = steps.filter_map(|first| match &first.step.outcome {
        Outcome::Settled(settlements) => Some(settlements),
        _ => None,
    });
    let committed = settled
        .flatten()
        .filter(|settlement| settlement.verdict == Verdict::Committed)
        .filter(|settlement| copies.values().any(|copy| *copy == settlement.attempt));
    (copies.len(), committed.count())
}

/// Both attempts at a task make the same under the same name.
fn copies_alike(seen: &Seen) -> impl Iterator<Item = Violation> + '_ {
    let makes = seen.begun.iter();
    let makes: BTreeMap<u64, &String> = makes.map(|begun| (begun.attempt, &begun.makes)).collect();
    copies(seen).into_iter().filter_map(move |(first, copy)| {
        let (one, other) = (makes.get(&first)?, makes.get(&copy)?);
        (one != other).then(|| {
            let what = format!("attempt {first} makes {one}, {copy} at the same task {other}");
            violation("copies-alike", what)
        })
    })
}

/// Attempts that workers began and whose end did not count: their tasks were given away meanwhile. One of two attempts at
/// a task is not in vain.
#[must_use]
pub fn wasted(seen: &Seen) -> usize {
    let copies = copies(seen);
    let of_two: BTreeSet<u64> = copies
        .into_iter()
        .flat_map(|(first, copy)| [first, copy])
        .collect();
    let counted = seen
        .steps
        .values()
        .filter_map(|first| match &first.step.outcome {
            Outcome::Settled(settlements) => Some(settlements),
            _ => None,
        });
    let counted = counted
        .flatten()
        .filter(|settlement| settlement.verdict != Verdict::Refused);
    let counted: BTreeSet<u64> = counted.map(|settlement| settlement.attempt).collect();
    let begun = seen.begun.iter().map(|begun| begun.attempt);
    begun
        .filter(|attempt| !counted.contains(attempt) && !of_two.contains(attempt))
        .count()
}

/// Looks at a run that has ended.
#[must_use]
pub fn all(seen: &Seen) -> Vec<Violation> {
    let mut violations: Vec<_> = seen
        .differences
        .iter()
        .map(|what| violation("replicas-equal", what))
        .collect();
    let mut leases = Leases::default();
    for ((index, _), first) in &seen.steps {
        leases.follow(*index, first);
    }
    violations.append(&mut leases.violations);
    violations.extend(applied_once(seen));
    violations.extend(nodes_come_back(seen));
    violations.extend(copies_alike(seen));
    if seen.completed_ms.is_none() {
        let what = "the cohort is not complete though nothing is broken any more";
        violations.push(violation("cohort-completes", what));
    }
    if !is_linearizable(&seen.calls) {
        violations.push(violation(
            "linearizable-reads",
            format!("no order explains {:?}", seen.calls),
        ));
    }
    violations
}

/// Every node applies as many commands at an index as every other, whatever it restored before.
fn applied_once(seen: &Seen) -> impl Iterator<Item = Violation> + '_ {
    seen.applied.iter().filter_map(|(index, counts)| {
        let (least, most) = (counts.values().min()?, counts.values().max()?);
        (least != most).then(|| {
            let what =
                format!("at {index} some applied {least} commands, others {most}: {counts:?}");
            violation("applied-once", what)
        })
    })
}

/// A node ends by itself only while its disk is full, or when the disk rotted.
fn nodes_come_back(seen: &Seen) -> impl Iterator<Item = Violation> + '_ {
    let honest = seen
        .ended
        .iter()
        .filter(|end| !seen.rotten.contains(&end.node) && !end.disk_full);
    honest.map(|end| {
        let what = format!("scheduler-{} at {} ms: {}", end.node, end.at_ms, end.why);
        violation("nodes-come-back", what)
    })
}

fn violation(checker: &'static str, what: impl fmt::Display) -> Violation {
    Violation {
        checker,
        what: what.to_string(),
    }
}

/// By how much the first replica may have applied the beginning of a term later than its leader counts from.
const SLACK_MS: u64 = 500;

type Place = (u64, i32, u32, u32);

fn place(task: &TaskId) -> Place {
    (task.cohort, task.stage, task.row, task.column)
}

/// A model of the leases and results, from commands and outcomes alone.
#[derive(Default)]
struct Leases {
    /// Attempts that hold a task, and their workers: one, or two on two workers.
    held: BTreeMap<Place, BTreeMap<u64, u64>>,
    task_of: BTreeMap<u64, Place>,
    committed: BTreeMap<Place, u64>,
    /// Numbers of the workers by name.
    workers: BTreeMap<String, u64>,
    /// When the last term began.
    term_ms: u64,
    violations: Vec<Violation>,
}

impl Leases {
    fn follow(&mut self, index: u64, First { step, at_ms }: &First) {
        let outcome = &step.outcome;
        let Command {
            kind: Some(kind), ..
        } = &step.command
        else {
            return;
        };
        match (kind, outcome) {
            (command::Kind::Grant(grant), Outcome::Granted(starts)) => {
                for start in starts {
                    let task = place(&start.task);
                    self.granted(index, task, start.attempt, grant.worker);
                }
            }
            (command::Kind::Speculate(speculate), Outcome::Granted(starts)) => {
                for start in starts {
                    self.doubled(index, speculate, start.attempt);
                }
            }
            (command::Kind::Settle(settle), Outcome::Settled(settlements)) => {
                for settlement in settlements {
                    self.settled(index, settlement, &settle.finished);
                }
            }
            (command::Kind::Expire(expire), Outcome::Expired { tasks }) => {
                if *tasks > 0 && *at_ms < self.term_ms + LEASE_MS - SLACK_MS {
                    let what = format!(
                        "at {index} worker {} loses its leases {} ms after a term began",
                        expire.worker,
                        at_ms - self.term_ms
                    );
                    self.violations
                        .push(violation("leases-outlive-leaders", what));
                }
                self.end(expire.worker);
            }
            (command::Kind::NewTerm(_), _) => self.term_ms = *at_ms,
            (command::Kind::Register(register), Outcome::Registered(worker)) => {
                let name = register.hello.as_ref().map(|hello| hello.name.clone());
                let before = self.workers.insert(name.unwrap_or_default(), worker.0);
                if let Some(before) = before.filter(|before| *before != worker.0) {
                    self.end(before);
                }
            }
            _ => {}
        }
    }

    fn granted(&mut self, index: u64, task: Place, attempt: u64, worker: u64) {
        let held = BTreeMap::from([(attempt, worker)]);
        if let Some(before) = self.held.insert(task, held) {
            let what =
                format!("at {index} {task:?} is granted as {attempt} while {before:?} hold it");
            self.violations.push(violation("leases-apart", what));
        }
        self.begun(index, task, attempt);
    }

    /// A second attempt begins beside the one that holds the task.
    fn doubled(&mut self, index: u64, speculate: &Speculate, attempt: u64) {
        let task = self.task_of.get(&speculate.attempt).copied();
        let task = task.unwrap_or_default();
        let held = self.held.entry(task).or_default();
        let alone = held.len() == 1 && held.contains_key(&speculate.attempt);
        let apart = held.values().all(|worker| *worker != speculate.worker);
        held.insert(attempt, speculate.worker);
        if !alone || !apart {
            let what = format!("at {index} {task:?} is doubled as {attempt}: {held:?} hold it");
            self.violations.push(violation("leases-apart", what));
        }
        self.begun(index, task, attempt);
    }

    fn begun(&mut self, index: u64, task: Place, attempt: u64) {
        if let Some(before) = self.committed.get(&task) {
            let what = format!("at {index} {task:?} is granted, but {before} had done it");
            self.violations.push(violation("done-stays-done", what));
        }
        let youngest = self.task_of.last_key_value().map(|(attempt, _)| *attempt);
        if youngest.is_some_and(|youngest| youngest >= attempt) {
            let what = format!("at {index} attempt {attempt} is not the youngest");
            self.violations.push(violation("attempts-grow", what));
        }
        self.task_of.insert(attempt, task);
    }

    fn settled(&mut self, index: u64, settlement: &Settlement, finished: &[FinishedTask]) {
        let attempt = settlement.attempt;
        let Some(&task) = self.task_of.get(&attempt) else {
            return;
        };
        let held = self.held.get(&task);
        let holds = held.is_some_and(|held| held.contains_key(&attempt));
        let mut goes_on = false;
        match settlement.verdict {
            Verdict::Refused => return,
            Verdict::Failed { again } => goes_on = again,
            Verdict::Committed => {
                let made_by = finished
                    .iter()
                    .find(|finished| finished.attempt == attempt)
                    .and_then(made_by);
                if !holds || made_by != Some(attempt) {
                    let what = format!(
                        "at {index} a result of attempt {made_by:?} is taken for {attempt}'s of {task:?}, \
                         which {:?} holds",
                        self.held.get(&task)
                    );
                    self.violations.push(violation("fencing", what));
                }
                if let Some(before) = self.committed.insert(task, attempt) {
                    let what = format!("at {index} {task:?} is done by {attempt} after {before}");
                    self.violations.push(violation("one-commit", what));
                }
            }
        }
        // Of two attempts the other goes on only when this one has failed and the task is not given up.
        if let Some(held) = self.held.get_mut(&task).filter(|_| holds) {
            held.remove(&attempt);
            if !goes_on || held.is_empty() {
                self.held.remove(&task);
            }
        }
    }

    fn end(&mut self, worker: u64) {
        self.held.retain(|_, held| {
            held.retain(|_, holder| *holder != worker);
            !held.is_empty()
        });
    }
}

fn made_by(finished: &FinishedTask) -> Option<u64> {
    match &finished.result {
        Some(finished_task::Result::Manifest(manifest)) => manifest.counts.get(ATTEMPT).copied(),
        _ => None,
    }
}
