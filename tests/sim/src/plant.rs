//! Faults planted in the product itself: what the checkers are for. Each must be found by one of them.

use std::str::FromStr;

use kumi_proto::v1::{Command, Expire, command};
use kumi_scheduler::State;

use crate::disk::DiskFault;

/// A planted fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// Disks say that they synced, and did not.
    SkipFsync,
    /// Disks lose what they synced last when the power fails: a node comes back whole, and has forgotten.
    LoseLastSync,
    /// A result of an attempt that is no longer current is taken for the current one's.
    AcceptFenced,
    /// A new leader forgets who held leases: it gives their tasks away at once.
    ForgetLease,
    /// The first command after a snapshot was restored is applied twice.
    ApplyTwice,
}

impl Plant {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::SkipFsync,
        Self::LoseLastSync,
        Self::AcceptFenced,
        Self::ForgetLease,
        Self::ApplyTwice,
    ];

    /// What it does to disks.
    #[must_use]
    pub fn disk_fault(self) -> Option<DiskFault> {
        match self {
            Self::SkipFsync => Some(DiskFault::NeverSyncs),
            Self::LoseLastSync => Some(DiskFault::LosesLastSync),
            Self::AcceptFenced | Self::ForgetLease | Self::ApplyTwice => None,
        }
    }

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SkipFsync => "skip-fsync",
            Self::LoseLastSync => "lose-last-sync",
            Self::AcceptFenced => "accept-fenced",
            Self::ForgetLease => "forget-lease",
            Self::ApplyTwice => "apply-twice",
        }
    }
}

impl FromStr for Plant {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|plant| plant.name() == name);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("there is no such fault; there are {names}")
        })
    }
}

/// A planted fault in one replica.
#[derive(Debug, Default)]
pub struct Planted {
    plant: Option<Plant>,
    restored: bool,
}

impl Planted {
    /// Nothing is wrong with it, or this.
    #[must_use]
    pub fn new(plant: Option<Plant>) -> Self {
        Self {
            plant,
            ..Self::default()
        }
    }

    /// The state came out of a snapshot.
    pub fn restored(&mut self) {
        self.restored = true;
    }

    /// What is applied instead of a command.
    pub fn distort(&mut self, state: &State, mut command: Command) -> Vec<Command> {
        let restored = std::mem::take(&mut self.restored);
        match (self.plant, &mut command.kind) {
            (Some(Plant::ApplyTwice), _) if restored => vec![command.clone(), command],
            (Some(Plant::ForgetLease), Some(command::Kind::NewTerm(_))) => {
                let holders = state
                    .workers()
                    .into_iter()
                    .filter(|w| !w.attempts.is_empty());
                let forgotten: Vec<_> = holders
                    .map(|holder| Command {
                        at_ms: command.at_ms,
                        kind: Some(command::Kind::Expire(Expire {
                            worker: holder.id.0,
                            reason: "forgotten".to_owned(),
                        })),
                        ..Command::default()
                    })
                    .collect();
                std::iter::once(command).chain(forgotten).collect()
            }
            (Some(Plant::AcceptFenced), Some(command::Kind::Settle(settle))) => {
                for worker in state.workers() {
                    for (attempt, task) in &worker.attempts {
                        for finished in &mut settle.finished {
                            if finished.task == Some(*task) && finished.attempt < *attempt {
                                finished.attempt = *attempt;
                                settle.worker = worker.id.0;
                            }
                        }
                    }
                }
                vec![command]
            }
            _ => vec![command],
        }
    }
}
