//! The scheduler's state as `cluster` replicates it: bytes in, outcomes out.
//!
//! It decodes and hands on; every decision is the scheduler's.

use kumi_cluster::{RestoreError, StateMachine};
use kumi_proto::v1::Command;
use kumi_scheduler::{Outcome, State};
use prost::Message as _;

/// What a command did, and where in the log.
#[derive(Debug)]
pub(crate) struct Applied {
    /// The raft index of the entry that carried the command.
    pub(crate) revision: u64,
    /// What the scheduler says of it.
    pub(crate) outcome: Outcome,
}

/// The replicated scheduler.
#[derive(Default)]
pub(crate) struct Machine {
    state: State,
}

impl Machine {
    /// The state, for views.
    #[must_use]
    pub(crate) fn state(&self) -> &State {
        &self.state
    }
}

impl StateMachine for Machine {
    type Outcome = Applied;

    /// # Panics
    /// When the bytes are no command: a node that cannot read what the majority has committed must
    /// stop, or its state would differ from theirs.
    fn apply(&mut self, index: u64, command: &[u8]) -> Applied {
        let command = Command::decode(command).unwrap_or_else(|error| {
            panic!("the committed command at index {index} cannot be decoded: {error}")
        });
        Applied {
            revision: index,
            outcome: self.state.apply(index, &command),
        }
    }

    fn snapshot(&self) -> Vec<u8> {
        self.state.snapshot()
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), RestoreError> {
        self.state =
            State::restore(snapshot).map_err(|error| RestoreError::new(error.to_string()))?;
        Ok(())
    }
}
