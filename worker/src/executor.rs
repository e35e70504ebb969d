//! Runs one task to its end on threads of its own: panics are caught, costs are measured.
//!
//! A task gets a rayon pool of as many threads as its specification has cores and runs wholly inside, so that
//! its CPU time is the sum of its threads' and tasks never wait for each other's threads.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use kumi_proto::v1;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::agent::{Done, TaskResult};
use crate::control::Control;
use crate::fault::Fault;
use crate::indexed::Kept;
use crate::measure;
use crate::metrics::Meter;
use crate::supply::{Needs, Supply};
use crate::task::{self, Context};

/// A task that ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Execution {
    /// How.
    pub result: TaskResult,
    /// CPU time of its threads.
    pub core_milliseconds: u64,
}

/// Runs an attempt to its end on this thread and a pool of its own; comes back when everything is published or
/// nothing is.
#[must_use]
pub fn execute(start: &v1::Start, around: Around<'_>) -> Execution {
    supervise(start, around, task::run)
}

/// What a worker gives an attempt to work with.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// A directory of this process for what is spilled.
    pub scratch: &'a Path,
    /// Whether to stop, and where progress is told.
    pub control: &'a Control,
    /// Where reads and bases are counted.
    pub meter: &'a Meter,
    /// The reference index that stays mapped between tasks.
    pub kept: &'a Kept,
    /// Files that do not lie on this machine.
    pub supply: &'a Supply,
}

fn supervise(
    start: &v1::Start,
    around: Around<'_>,
    task: impl FnOnce(&Context<'_>) -> Result<Done, Fault> + Send,
) -> Execution {
    let spec = start.spec.clone().unwrap_or_default();
    let pool = match pool(start.attempt, spec.cores) {
        Ok(pool) => pool,
        Err(fault) => return Execution::failed(&fault, 0),
    };
    let outcome = in_scratch(around.scratch, start.attempt, |scratch| {
        let context = Context {
            spec: &spec,
            attempt: start.attempt,
            scratch,
            control: around.control,
            meter: around.meter,
            kept: around.kept,
            needs: &Needs::new(around.supply),
        };
        catch_unwind(AssertUnwindSafe(|| pool.install(|| task(&context))))
            .unwrap_or_else(|payload| Err(panicked(&spec, payload.as_ref())))
    });
    let core_milliseconds = pool.install(measure::pool_cpu_ns).div_ceil(1_000_000);
    match outcome {
        Ok(mut done) => {
            done.manifest.core_milliseconds = core_milliseconds;
            done.manifest.peak_rss_bytes = measure::peak_rss_bytes();
            Execution {
                result: TaskResult::Done(done),
                core_milliseconds,
            }
        }
        Err(fault) => Execution::failed(&fault, core_milliseconds),
    }
}

impl Execution {
    fn failed(fault: &Fault, core_milliseconds: u64) -> Self {
        Self {
            result: TaskResult::Failed(fault.to_failure()),
            core_milliseconds,
        }
    }
}

fn pool(attempt: u64, cores: u32) -> Result<ThreadPool, Fault> {
    ThreadPoolBuilder::new()
        .num_threads(cores.max(1) as usize)
        .thread_name(move |thread| format!("kumi-a{attempt}-{thread}"))
        .build()
        .map_err(|error| {
            Fault::transient(format!(
                "the system gives no threads: {error}; raise the process limit of the worker"
            ))
        })
}

/// Runs `task` with a directory that is there before and gone after.
fn in_scratch<T>(
    scratch: &Path,
    attempt: u64,
    task: impl FnOnce(&Path) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let directory = scratch.join(format!("a{attempt}"));
    std::fs::create_dir_all(&directory).map_err(|error| {
        Fault::transient(format!(
            "the scratch directory {} cannot be made: {error}",
            directory.display()
        ))
    })?;
    let outcome = task(&directory);
    let _ = std::fs::remove_dir_all(&directory);
    outcome
}

/// A panic is our fault, whatever the input was.
fn panicked(spec: &v1::Spec, payload: &(dyn Any + Send)) -> Fault {
    let said = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    Fault::internal(format!(
        "{}: a defect of this program: {said}; please report it, with the worker's log",
        task::heading(spec)
    ))
}

#[cfg(test)]
mod tests {
    use kumi_proto::v1;
    use rayon::prelude::*;

    use super::{Around, supervise};
    use crate::agent::{Done, TaskResult};
    use crate::control::Control;
    use crate::fault::Fault;
    use crate::indexed::Kept;
    use crate::measure;
    use crate::metrics::Meter;
    use crate::supply::Supply;
    use crate::task::Context;

    fn run(
        task: impl FnOnce(&Context<'_>) -> Result<v1::Manifest, Fault> + Send,
    ) -> super::Execution {
        let scratch = tempfile::tempdir().expect("tempdir");
        let spec = v1::Spec {
            cores: 2,
            ..Default::default()
        };
        let start = v1::Start {
            attempt: 3,
            spec: Some(spec),
        };
        let around = Around {
            scratch: scratch.path(),
            control: &Control::default(),
            meter: &Meter::default(),
            kept: &Kept::default(),
            supply: &Supply::default(),
        };
        let execution = supervise(&start, around, |context| task(context).map(Done::from));
        let left = std::fs::read_dir(scratch.path()).expect("there").count();
        assert_eq!(left, 0, "scratch is gone whatever became of the task");
        execution
    }

    #[test]
    fn a_panic_on_any_thread_is_an_internal_failure_that_tells_what_was_said() {
        let execution = run(|context| {
            std::fs::write(context.scratch.join("run"), b"x").expect("written");
            (0..64).into_par_iter().for_each(|number| {
                assert!(number != 40, "no base {number}");
            });
            Ok(v1::Manifest::default())
        });
        let TaskResult::Failed(failure) = execution.result else {
            panic!("a panic is a failure");
        };
        assert_eq!(failure.class(), v1::FailureClass::Internal);
        assert!(failure.message.contains("no base 40"), "{failure:?}");
    }

    #[test]
    fn the_cost_is_the_sum_over_the_threads() {
        let execution = run(|_| {
            let busy = |_: rayon::BroadcastContext<'_>| {
                while measure::thread_cpu_ns() < 30_000_000 {
                    std::hint::spin_loop();
                }
            };
            rayon::broadcast(busy);
            Ok(v1::Manifest::default())
        });
        let TaskResult::Done(Done { manifest, .. }) = execution.result else {
            panic!("nothing fails");
        };
        assert!(manifest.core_milliseconds >= 60, "{manifest:?}");
        assert!(manifest.peak_rss_bytes > 0);
    }
}
