//! What a site's engine is to the leader: three calls, a fourth where it keeps account, and how their answers read. Adapters run nothing themselves.

use std::time::Duration;

/// A call of a program of the site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) program: String,
    pub(super) arguments: Vec<String>,
    /// What it reads.
    pub(super) input: String,
    /// How long it may take.
    pub(super) patience: Duration,
}

impl Call {
    pub(super) fn new(program: &str, arguments: Vec<String>) -> Self {
        Self {
            program: program.to_owned(),
            arguments,
            input: String::new(),
            patience: Duration::from_millis(crate::limits::SITE_CALL_MS_MAX),
        }
    }
}

/// Where a worker is at the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Pending,
    Running,
    /// It did what it was to do.
    Done,
    /// It was ended, or failed.
    Failed,
}

impl Phase {
    pub(super) fn is_alive(self) -> bool {
        matches!(self, Self::Pending | Self::Running)
    }
}

/// One worker as the site's queue has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Element {
    /// By which it can be cancelled: what the worker says its job is.
    pub(super) id: String,
    /// All workers of a request are of one job.
    pub(super) job: String,
    pub(super) request: u64,
    pub(super) phase: Phase,
    /// Why, in the site's words; may be empty.
    pub(super) reason: String,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ask {
    /// Its number is part of the job's name.
    pub(super) request: u64,
    pub(super) workers: u32,
    /// Schedulers as workers reach them.
    pub(super) endpoints: Vec<String>,
}

/// A site's engine.
pub(super) trait Site: Send + Sync {
    /// Its name for people.
    fn label(&self) -> &'static str;

    /// Asks for workers.
    fn ask(&self, ask: &Ask) -> Call;

    /// The job that was made of a request.
    fn job(&self, output: &str) -> Option<String>;

    /// Lists this pool's jobs.
    fn list(&self) -> Call;

    /// What [`Site::list`] wrote; lines of others' jobs are left out.
    fn elements(&self, output: &str) -> Vec<Element>;

    /// Asks how jobs, or elements of them, ended; none where the site is not known to keep account of that.
    fn account(&self, _jobs: &[String]) -> Option<Call> {
        None
    }

    /// What [`Site::account`] wrote: an element for each run of a job, the first run of a job first.
    fn runs(&self, _output: &str) -> Vec<Element> {
        Vec::new()
    }

    /// Ends workers, whether they run or wait.
    fn cancel(&self, ids: &[String]) -> Call;

    /// What an operator can do about a reason.
    fn advice(&self, reason: &str) -> Option<&'static str>;
}
