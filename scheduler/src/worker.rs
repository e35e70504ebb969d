//! Registrations of workers.

use kumi_proto::ids::WorkerId;
use kumi_proto::v1;

/// What a worker is doing, as far as the log knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerState {
    /// Takes tasks.
    Up,
    /// Finishes what it has and takes nothing new.
    Draining,
    /// Draining and idle.
    Drained,
    /// Given up; its leases have ended.
    Lost,
}

impl WorkerState {
    /// The name used on the wire and in metrics labels.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Draining => "draining",
            Self::Drained => "drained",
            Self::Lost => "lost",
        }
    }
}

/// A registration as others see it.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerView {
    /// Its number.
    pub id: WorkerId,
    /// What it said of itself.
    pub hello: v1::WorkerHello,
    /// What it is doing.
    pub state: WorkerState,
    /// It drains since its pool wants no more of it, and ends then.
    pub leaving: bool,
    /// Its leases: attempts and their tasks.
    pub attempts: Vec<(u64, v1::TaskId)>,
    /// Since when it is in this state, Unix milliseconds.
    pub since_ms: u64,
    /// When its last lease ended or it registered, Unix milliseconds.
    pub idle_ms: u64,
}
