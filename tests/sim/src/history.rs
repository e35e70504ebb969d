//! What was seen in a run, by whom and when.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kumi_proto::v1::{Command, TaskId};
use kumi_scheduler::Outcome;
use sha2::{Digest as _, Sha256};

/// A command as a replica applied it.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The command.
    pub command: Command,
    /// What it did.
    pub outcome: Outcome,
    /// SHA-256 of the state after it.
    pub state: [u8; 32],
}

/// A command, and when a replica applied it first, virtual milliseconds.
#[derive(Clone, Debug)]
pub struct First {
    /// What was applied.
    pub step: Step,
    /// When.
    pub at_ms: u64,
}

/// A node that did not run, or ended by itself.
#[derive(Clone, Debug)]
pub struct End {
    /// The node.
    pub node: u64,
    /// When, virtual milliseconds.
    pub at_ms: u64,
    /// Whether its disk was full.
    pub disk_full: bool,
    /// Why, in its words.
    pub why: String,
}

/// A call of a client on the register that the clients share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// What was asked.
    pub kind: CallKind,
    /// When, virtual milliseconds.
    pub from_ms: u64,
    /// When the answer came; none when there was none, and it may have had an effect or may yet have.
    pub to_ms: Option<u64>,
}

/// A call's kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    /// The register was set.
    Write(u64),
    /// This was read; 0 when it was never set.
    Read(u64),
}

/// An attempt that a worker began.
#[derive(Clone, Debug, PartialEq)]
pub struct Begun {
    /// Its number.
    pub attempt: u64,
    /// Of what.
    pub task: TaskId,
    /// What it makes, and where.
    pub makes: String,
}

/// Everything that was seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// By index of the log and place in its entry, as the first replica applied it.
    pub steps: BTreeMap<(u64, u32), First>,
    /// Replicas that applied something else or came to another state.
    pub differences: Vec<String>,
    /// How many commands each life of each node applied at an index.
    pub applied: BTreeMap<u64, BTreeMap<(u64, u64), u32>>,
    /// Nodes that did not run or ended by themselves.
    pub ended: Vec<End>,
    /// Nodes whose disk rotted.
    pub rotten: BTreeSet<u64>,
    /// Attempts that a worker began.
    pub begun: Vec<Begun>,
    /// Calls on the register.
    pub calls: Vec<Call>,
    /// What happened, for people.
    pub trace: Vec<String>,
    /// The cohort is complete, virtual milliseconds.
    pub completed_ms: Option<u64>,
}

/// A shared history.
#[derive(Clone, Debug, Default)]
pub struct History(Arc<Mutex<Seen>>);

impl History {
    /// What was seen so far.
    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line to the trace.
    pub fn tell(&self, line: impl std::fmt::Display) {
        self.tell_at(now_ms(), line);
    }

    /// Adds a line to the trace, of a virtual time in milliseconds.
    pub fn tell_at(&self, at: u64, line: impl std::fmt::Display) {
        self.seen().trace.push(format!("{at:>7} {line}"));
    }

    /// A replica applied a command, in the life of its node that is told.
    pub fn step(&self, (node, life): (u64, u64), at: (u64, u32), step: Step) {
        let mut seen = self.seen();
        let applied = seen.applied.entry(at.0).or_default();
        *applied.entry((node, life)).or_default() += 1;
        match seen.steps.get(&at) {
            Some(first) if first.step == step => {}
            Some(first) => {
                let what = if first.step.command == step.command {
                    "came to another state with"
                } else {
                    "applied another command:"
                };
                let line = format!(
                    "scheduler-{node} {what} {:?} at index {}, place {}",
                    step.command.kind, at.0, at.1
                );
                seen.differences.push(line);
            }
            None => {
                let at_ms = now_ms();
                let line = format!("{at_ms:>7} log {}.{}: {:?}", at.0, at.1, step.command.kind);
                seen.trace.push(line);
                seen.steps.insert(at, First { step, at_ms });
            }
        }
    }
}

impl Seen {
    /// SHA-256 of everything, as hex digits: equal runs have equal digests.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        for (at, First { step, at_ms }) in &self.steps {
            hasher.update(at_ms.to_le_bytes());
            hasher.update(format!("{at:?}{:?}{:?}", step.command, step.outcome));
            hasher.update(step.state);
        }
        hasher.update(format!(
            "{:?}{:?}{:?}",
            self.begun, self.calls, self.differences
        ));
        for line in &self.trace {
            hasher.update(line);
        }
        let digest = hasher.finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Virtual milliseconds since the run began; 0 outside of one.
#[must_use]
pub fn now_ms() -> u64 {
    let elapsed = turmoil::sim_elapsed().unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}
