//! One replica's eyes: it writes down what the replica applies.

use kumi_proto::v1::Command;
use kumi_scheduler::{Outcome, State};
use kumi_server::Witness;
use sha2::{Digest as _, Sha256};

use crate::history::{History, Step};
use crate::plant::Planted;

/// The eyes of a scheduler node in one of its lives.
#[derive(Debug)]
pub struct Eyes {
    /// Number of the node, and which of its lives.
    node: (u64, u64),
    history: History,
    planted: Planted,
    /// Index and place of the last command.
    last: (u64, u32),
}

impl Eyes {
    /// Eyes that have seen nothing.
    #[must_use]
    pub fn new(node: (u64, u64), history: History, planted: Planted) -> Self {
        Self {
            node,
            history,
            planted,
            last: (0, 0),
        }
    }
}

impl Witness for Eyes {
    fn distort(&mut self, state: &State, command: Command) -> Vec<Command> {
        self.planted.distort(state, command)
    }

    fn after(&mut self, state: &State, index: u64, command: &Command, outcome: &Outcome) {
        state.check();
        self.last = if self.last.0 == index {
            (index, self.last.1 + 1)
        } else {
            (index, 0)
        };
        let step = Step {
            command: command.clone(),
            outcome: outcome.clone(),
            state: Sha256::digest(state.snapshot()).into(),
        };
        self.history.step(self.node, self.last, step);
    }

    fn restored(&mut self, _state: &State) {
        self.planted.restored();
    }
}
