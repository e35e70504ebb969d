//! What runs attempts: threads of this process, unless whoever starts the worker brings something else.

use std::fmt;
use std::sync::Arc;

use kumi_proto::v1;

use crate::agent::TaskResult;
use crate::control::Control;
use crate::executor::{Around, Execution, execute};
use crate::fault::Fault;
use crate::indexed::Kept;
use crate::metrics::Meter;
use crate::scratch::Scratch;
use crate::supply::Supply;

/// An attempt to run.
pub struct Attempt {
    /// What is to be done.
    pub start: v1::Start,
    /// Whether to stop, and where progress is told.
    pub control: Arc<Control>,
    /// Where reads and bases are counted.
    pub meter: Meter,
    /// To be called once, with how it ended.
    pub ended: Arc<dyn Fn(Execution) + Send + Sync>,
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("attempt", &self.start.attempt)
            .finish_non_exhaustive()
    }
}

/// Runs attempts beside each other.
pub trait Run: Send + Sync {
    /// Begins an attempt; never waits for it.
    fn run(&self, attempt: Attempt);
}

/// A thread for each attempt.
#[derive(Debug)]
pub(super) struct Threads {
    scratch: Scratch,
    kept: Arc<Kept>,
    supply: Supply,
}

impl Threads {
    pub(super) fn new(scratch: Scratch, supply: Supply) -> Self {
        Self {
            scratch,
            kept: Arc::default(),
            supply,
        }
    }
}

impl Run for Threads {
    fn run(&self, attempt: Attempt) {
        let Attempt {
            start,
            control,
            meter,
            ended,
        } = attempt;
        let number = start.attempt;
        let (scratch, kept) = (self.scratch.path().to_owned(), Arc::clone(&self.kept));
        let supply = self.supply.clone();
        let told = Arc::clone(&ended);
        let spawned = std::thread::Builder::new()
            .name(format!("kumi-a{number}"))
            .spawn(move || {
                let around = Around {
                    scratch: &scratch,
                    control: &control,
                    meter: &meter,
                    kept: &kept,
                    supply: &supply,
                };
                told(execute(&start, around));
            });
        if let Err(error) = spawned {
            let fault = Fault::transient(format!("the system gives no thread: {error}"));
            ended(Execution {
                result: TaskResult::Failed(fault.to_failure()),
                core_milliseconds: 0,
            });
        }
    }
}
