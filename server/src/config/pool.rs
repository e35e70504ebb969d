//! Sections `[pool.<name>]`. Their keys are explained in `docs/pools.md`.

use std::path::PathBuf;

use kumi_proto::ids::is_label;
use serde::{Deserialize, Serialize};

use crate::config::{ConfigError, Size, Span};

/// Longest name: it is part of those of workers and of the site's jobs.
const NAME_CHARS_MAX: usize = 32;
/// Workers of a pool.
const WORKERS_MAX: u32 = 10_000;
/// The site is not asked more often than this.
const POLL_MS_MIN: u64 = 100;
const SPAN_MS_MAX: u64 = 366 * 24 * 3_600_000;

/// Who gives workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// `sbatch`, `squeue` and `scancel`.
    Slurm,
    /// Three commands of the configuration.
    Exec,
    /// `kubectl`.
    Kubernetes,
}

impl Engine {
    /// As it is written in a configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Slurm => "slurm",
            Self::Exec => "exec",
            Self::Kubernetes => "kubernetes",
        }
    }
}

/// A pool of workers.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// Who gives them.
    pub kind: Engine,
    /// Cores of a worker.
    pub cores: u32,
    /// Memory of a worker.
    pub memory: Size,
    /// How long the site lets a worker run; none: as long as the partition does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Span>,
    /// Partition or queue; none: the site's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<String>,
    /// Account that pays; none: the site's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Quality of service; none: the site's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qos: Option<String>,
    /// Asks for workers, when `kind` is `exec`: a program and its arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ask: Vec<String>,
    /// Lists this pool's jobs then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub list: Vec<String>,
    /// Ends jobs then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cancel: Vec<String>,
    /// How a shell of a job names it then, as `list` does.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub job: String,
    /// What a worker's Job is made of, when `kind` is `kubernetes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<PathBuf>,
    /// Where it is made then; none: where `kubectl` does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// More arguments of `sbatch`, one each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extra: Vec<String>,
    /// Workers that are kept even when there is nothing to do.
    #[serde(default)]
    pub min: u32,
    /// Workers at most.
    pub max: u32,
    /// How long a worker does nothing before it is given back.
    #[serde(default = "default_idle")]
    pub idle: Span,
    /// What a worker costs: of two pools that can do a task the one that costs less is asked.
    #[serde(default = "default_weight")]
    pub weight: u32,
    /// What cohorts may ask for: given to the workers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Program of a worker; none: this scheduler's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<PathBuf>,
    /// More arguments of `kumi worker start`, one each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
    /// Schedulers as workers reach them; none: the addresses by which the schedulers reach each other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<String>,
    /// Folder for what workers say; none: it is thrown away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logs: Option<PathBuf>,
    /// How often the site's queue is looked at while something is asked for.
    #[serde(default = "default_poll")]
    pub poll: Span,
    /// How long a worker that is told to end goes on with what it runs; shorter than the site waits before it kills.
    #[serde(default = "default_grace")]
    pub grace: Span,
}

fn default_idle() -> Span {
    Span::from_ms(5 * 60_000)
}
fn default_weight() -> u32 {
    1
}
fn default_poll() -> Span {
    Span::from_ms(10_000)
}
fn default_grace() -> Span {
    Span::from_ms(20_000)
}

impl Pool {
    pub(super) fn validate(&self, name: &str) -> Result<(), ConfigError> {
        let wrong = |key, problem: String| {
            Err(ConfigError::Pool {
                pool: name.to_owned(),
                key,
                problem,
            })
        };
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        if !(1..=NAME_CHARS_MAX).contains(&name.len()) || !name.chars().all(plain) {
            let problem = format!("a pool has a name of 1 to {NAME_CHARS_MAX} of a-z and 0-9");
            return wrong("kind", problem);
        }
        if let Some((key, problem)) = self.foreign() {
            return wrong(key, problem);
        }
        if self.cores == 0 {
            return wrong("cores", "a worker has at least one".to_owned());
        }
        if self.memory.bytes() < 1 << 20 {
            return wrong("memory", format!("{} is less than 1MiB", self.memory));
        }
        if self.max == 0 || self.max > WORKERS_MAX {
            let problem = format!("{} is not between 1 and {WORKERS_MAX}", self.max);
            return wrong("max", problem);
        }
        if self.min > self.max {
            return wrong(
                "min",
                format!("{} is more than max, {}", self.min, self.max),
            );
        }
        if let Some(label) = self.labels.iter().find(|label| !is_label(label)) {
            return wrong("labels", format!("{label:?} is not a label"));
        }
        if self.poll.ms() < POLL_MS_MIN || self.poll.ms() > 3_600_000 {
            return wrong("poll", format!("{} is not between 100ms and 1h", self.poll));
        }
        if self.idle.ms() > SPAN_MS_MAX {
            return wrong("idle", format!("{} is longer than 366d", self.idle));
        }
        if self.grace.ms() > 3_600_000 {
            return wrong("grace", format!("{} is longer than 1h", self.grace));
        }
        let least = 60_000 + self.grace.ms();
        if let Some(time) = self.time
            && (time.ms() < least || time.ms() > SPAN_MS_MAX)
        {
            let problem = format!("{time} is not between a minute more than grace and 366d");
            return wrong("time", problem);
        }
        Ok(())
    }

    /// A key that is missing for this kind, or that belongs to another one.
    fn foreign(&self) -> Option<(&'static str, String)> {
        let keys = [
            ("partition", Engine::Slurm, self.partition.is_some(), false),
            ("account", Engine::Slurm, self.account.is_some(), false),
            ("qos", Engine::Slurm, self.qos.is_some(), false),
            ("extra", Engine::Slurm, !self.extra.is_empty(), false),
            ("ask", Engine::Exec, !self.ask.is_empty(), true),
            ("list", Engine::Exec, !self.list.is_empty(), true),
            ("cancel", Engine::Exec, !self.cancel.is_empty(), true),
            ("job", Engine::Exec, !self.job.is_empty(), true),
            (
                "template",
                Engine::Kubernetes,
                self.template.is_some(),
                true,
            ),
            (
                "namespace",
                Engine::Kubernetes,
                self.namespace.is_some(),
                false,
            ),
        ];
        keys.into_iter().find_map(|(key, kind, given, needed)| {
            let own = kind == self.kind;
            let problem = match (own, given) {
                (true, false) if needed => "it is missing; docs/pools.md tells what it is",
                (false, true) => "it belongs to pools of another kind",
                _ => return None,
            };
            Some((key, problem.to_owned()))
        })
    }
}
