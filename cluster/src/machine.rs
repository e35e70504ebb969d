//! What is replicated: a state machine of which this crate sees only bytes.

/// A deterministic state machine. Pure: no I/O, clock, thread or randomness inside.
///
/// Every node applies the same commands at the same indices, so `apply` must do the same to the
/// same state everywhere, whether the command is live or replayed after a restart.
pub trait StateMachine: Send + Sync + 'static {
    /// What the proposer of a command is told.
    type Outcome: Send + 'static;

    /// The newest version of the state machine that this build knows, from 1. Which one is in force is in
    /// the log: every replica goes over to a newer one at the same index, by
    /// [`crate::Change::Upgrade`]. A build that does not know it stops there.
    fn version(&self) -> u32 {
        1
    }

    /// Applies one committed command at raft index `index`, as version `version` of the state machine
    /// does: the one that is in force there, at most [`StateMachine::version`].
    ///
    /// Indices never decrease; commands that shared one log entry are applied in their order with
    /// the same index. A rejection is an [`StateMachine::Outcome`]; a panic stops the node.
    ///
    /// # Errors
    /// When this build cannot read the command; the node then stops, or its state would differ from
    /// that of the others.
    fn apply(
        &mut self,
        index: u64,
        version: u32,
        command: &[u8],
    ) -> Result<Self::Outcome, UnknownCommand>;

    /// The whole state as bytes: equal states give equal bytes.
    fn snapshot(&self) -> Vec<u8>;

    /// Replaces the whole state by one that [`StateMachine::snapshot`] wrote.
    ///
    /// # Errors
    /// When the bytes are not such a state; the node then stops.
    fn restore(&mut self, snapshot: &[u8]) -> Result<(), RestoreError>;
}

/// A snapshot that the state machine does not understand.
#[derive(Debug, thiserror::Error)]
#[error("the state machine cannot restore this snapshot: {reason}")]
pub struct RestoreError {
    /// What is wrong, in the state machine's words.
    pub reason: String,
}

impl RestoreError {
    /// An error with a reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
        }
    }
}

/// A committed command that the state machine cannot read.
#[derive(Debug, thiserror::Error)]
#[error(
    "the state machine does not know this command: {reason}; a newer version may have written it: upgrade this node"
)]
pub struct UnknownCommand {
    /// What is wrong, in the state machine's words.
    pub reason: String,
}
