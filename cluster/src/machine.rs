//! What is replicated: a state machine of which this crate sees only bytes.

/// A deterministic state machine. Pure: no I/O, clock, thread or randomness inside.
///
/// Every node applies the same commands at the same indices, so `apply` must do the same to the
/// same state everywhere, whether the command is live or replayed after a restart.
pub trait StateMachine: Send + Sync + 'static {
    /// What the proposer of a command is told.
    type Outcome: Send + 'static;

    /// Applies one committed command at raft index `index`.
    ///
    /// Indices never decrease; commands that shared one log entry are applied in their order with
    /// the same index. A rejection is an [`StateMachine::Outcome`]; a panic stops the node.
    fn apply(&mut self, index: u64, command: &[u8]) -> Self::Outcome;

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
