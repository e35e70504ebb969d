//! The scheduler's state as `cluster` replicates it: bytes in, outcomes out.
//!
//! It decodes and hands on; every decision is the scheduler's.

use std::fmt;

use kumi_cluster::{RestoreError, StateMachine, UnknownCommand};
use kumi_proto::v1::Command;
use kumi_scheduler::{Outcome, State, version};
use prost::Message as _;

/// What a command did, and where in the log.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The raft index of the entry that carried the command.
    pub revision: u64,
    /// What the scheduler says of it.
    pub outcome: Outcome,
}

/// Sees what a replica applies: for the checkers of a simulation.
pub trait Witness: Send + Sync {
    /// What is applied instead of a command: the fault that a simulation plants to see it found.
    #[cfg(feature = "plant")]
    fn distort(&mut self, state: &State, command: Command) -> Vec<Command>;

    /// A command was applied, and what came of it.
    fn after(&mut self, state: &State, index: u64, command: &Command, outcome: &Outcome);

    /// The state was replaced by a snapshot's.
    fn restored(&mut self, state: &State);
}

/// The replicated scheduler.
#[derive(Default)]
pub struct Machine {
    state: State,
    witness: Option<Box<dyn Witness>>,
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine")
            .field("watched", &self.witness.is_some())
            .finish_non_exhaustive()
    }
}

impl Machine {
    /// An empty scheduler that somebody watches.
    #[must_use]
    pub fn watched(witness: Box<dyn Witness>) -> Self {
        Self {
            witness: Some(witness),
            ..Self::default()
        }
    }

    /// The state, for views.
    #[must_use]
    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    fn apply_watched(&mut self, (index, version): (u64, u32), command: Command) -> Outcome {
        let Some(witness) = &mut self.witness else {
            return self.state.take(index, version, command);
        };
        let outcome = self.state.apply(index, version, &command);
        witness.after(&self.state, index, &command, &outcome);
        outcome
    }

    /// Applies what a planted fault makes of a command; the last outcome counts.
    #[cfg(feature = "plant")]
    fn apply_distorted(&mut self, at: (u64, u32), command: Command) -> Outcome {
        let commands = match &mut self.witness {
            Some(witness) => witness.distort(&self.state, command),
            None => vec![command],
        };
        let outcomes = commands
            .into_iter()
            .map(|command| self.apply_watched(at, command));
        outcomes.last().expect("a fault leaves something to apply")
    }
}

impl StateMachine for Machine {
    type Outcome = Applied;

    fn version(&self) -> u32 {
        version::NEWEST
    }

    fn apply(
        &mut self,
        index: u64,
        version: u32,
        command: &[u8],
    ) -> Result<Applied, UnknownCommand> {
        let unknown = |reason: String| UnknownCommand { reason };
        let command = Command::decode(command).map_err(|error| unknown(error.to_string()))?;
        if command.kind.is_none() {
            return Err(unknown("it is of no kind that this build knows".to_owned()));
        }
        Ok(Applied {
            revision: index,
            #[cfg(feature = "plant")]
            outcome: self.apply_distorted((index, version), command),
            #[cfg(not(feature = "plant"))]
            outcome: self.apply_watched((index, version), command),
        })
    }

    fn snapshot(&self) -> Vec<u8> {
        self.state.snapshot()
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), RestoreError> {
        self.state =
            State::restore(snapshot).map_err(|error| RestoreError::new(error.to_string()))?;
        if let Some(witness) = &mut self.witness {
            witness.restored(&self.state);
        }
        Ok(())
    }
}
