//! Slurm: `sbatch --array`, `squeue`, `scancel`, and `sacct` where there is accounting. Written for 22.05 and what came
//! after it.

mod account;

use std::path::PathBuf;

use crate::config::Pool;
use crate::pool::command;
use crate::pool::site::{Ask, Call, Element, Phase, Site};

/// What the site ends a worker with comes this long before it is killed, beyond its grace, seconds.
const SIGNAL_MARGIN_S: u64 = 10;
/// Separates fields; job names of ours do not have it.
const LIST: &str = "%i|%F|%t|%j|%r";

/// A pool of Slurm jobs.
pub(super) struct Slurm {
    pub(super) name: String,
    /// Up to the number of the request: `kumi-<cluster>-<pool>-`.
    pub(super) prefix: String,
    pub(super) pool: Pool,
    pub(super) program: PathBuf,
}

impl Site for Slurm {
    fn label(&self) -> &'static str {
        "Slurm"
    }

    fn ask(&self, ask: &Ask) -> Call {
        let pool = &self.pool;
        let mut arguments = vec![
            "--parsable".to_owned(),
            format!("--array=0-{}", ask.workers.saturating_sub(1)),
            format!("--job-name={}{}", self.prefix, ask.request),
            format!(
                "--signal=B:TERM@{}",
                pool.grace.ms() / 1_000 + SIGNAL_MARGIN_S
            ),
            "--requeue".to_owned(),
            "--nodes=1".to_owned(),
            "--ntasks=1".to_owned(),
            format!("--cpus-per-task={}", pool.cores),
            format!("--mem={}M", pool.memory.bytes() >> 20),
            "--chdir=/".to_owned(),
            // Whatever is named here would have Slurm look for the user's whole environment, which takes a second.
            "--export=ALL".to_owned(),
        ];
        let given = [
            ("partition", &pool.partition),
            ("account", &pool.account),
            ("qos", &pool.qos),
        ];
        for (option, value) in given {
            arguments.extend(value.iter().map(|value| format!("--{option}={value}")));
        }
        arguments.extend(
            pool.time
                .map(|time| format!("--time={}", minutes(time.ms()))),
        );
        arguments.push(match &pool.logs {
            Some(folder) => format!("--output={}/%x.%a.log", folder.display()),
            None => "--output=/dev/null".to_owned(),
        });
        arguments.extend(pool.extra.iter().cloned());
        let line = command::of_worker(&self.name, pool, &self.program, ask);
        Call {
            input: format!("#!/bin/sh\nexec {}\n", command::quoted(&line)),
            ..Call::new("sbatch", arguments)
        }
    }

    fn job(&self, output: &str) -> Option<String> {
        // `17`, or `17;cluster`.
        let line = output.lines().rev().find(|line| !line.trim().is_empty())?;
        let job = line.split(';').next()?.trim();
        let number = !job.is_empty() && job.chars().all(|c| c.is_ascii_digit());
        number.then(|| job.to_owned())
    }

    fn list(&self) -> Call {
        let arguments = ["--me", "--noheader", "--array", "--states=all", "--format"];
        let mut arguments: Vec<String> = arguments.map(str::to_owned).to_vec();
        arguments.push(LIST.to_owned());
        Call::new("squeue", arguments)
    }

    fn elements(&self, output: &str) -> Vec<Element> {
        let element = |line: &str| {
            let mut fields = line.splitn(5, '|');
            let (id, job) = (fields.next()?, fields.next()?);
            let (state, name, reason) = (fields.next()?, fields.next()?, fields.next()?);
            Some(Element {
                id: id.to_owned(),
                job: job.to_owned(),
                request: name.strip_prefix(&self.prefix)?.parse().ok()?,
                phase: phase(state, reason),
                reason: said(state, reason),
            })
        };
        output.lines().filter_map(element).collect()
    }

    fn account(&self, jobs: &[String]) -> Option<Call> {
        Some(account::call(jobs))
    }

    fn runs(&self, output: &str) -> Vec<Element> {
        account::runs(&self.prefix, output)
    }

    fn cancel(&self, ids: &[String]) -> Call {
        Call::new("scancel", ids.to_vec())
    }

    fn advice(&self, reason: &str) -> Option<&'static str> {
        let has = |words: &[&str]| words.iter().any(|word| reason.contains(word));
        ADVICE
            .iter()
            .find(|(words, _)| has(words))
            .map(|(_, advice)| *advice)
    }
}

/// What Slurm says, and what can be done about it.
const ADVICE: [(&[&str], &str); 15] = [
    (
        &["reached its time limit"],
        "set the pool's `time` to what the site allows: workers that know it end before",
    ),
    (
        &["ran out of memory"],
        "raise the pool's `memory`: it must hold what a worker takes beside its tasks, too",
    ),
    (
        &["ended with its node"],
        "nodes went down (sinfo -R says why)",
    ),
    (
        &["artition name", "invalid partition", "PartitionConfig"],
        "correct the pool's `partition` (sinfo lists them)",
    ),
    (
        &[
            "account/partition combination",
            "InvalidAccount",
            "invalid account",
        ],
        "correct the pool's `account` (sacctmgr show assoc user=$USER lists yours)",
    ),
    (
        &["InvalidQOS", "Invalid qos", "invalid qos"],
        "correct the pool's `qos`",
    ),
    (
        &["MaxWall"],
        "shorten the pool's `time` to what your account or QOS allows",
    ),
    // What `sbatch` says of such a limit speaks of time limits, too.
    (
        &[
            "MaxJob",
            "MaxCpu",
            "MaxMem",
            "MaxNode",
            "GrpJob",
            "GrpCpu",
            "GrpMem",
            "GrpNode",
            "GrpTRES",
            "MaxTRES",
            "job submit limit",
            "MaxSubmit",
        ],
        "a limit of your account or QOS is reached: lower the pool's `max` or ask for a higher limit",
    ),
    (
        &["TimeLimit", "time limit"],
        "shorten the pool's `time` to what its partition allows",
    ),
    (
        &[
            "node configuration",
            "Memory specification",
            "BadConstraints",
            "PartitionNodeLimit",
        ],
        "no node of the partition is that large: lower the pool's `cores` or `memory`",
    ),
    (
        &[
            "slots are full",
            "too many jobs",
            "queue is full",
            "MaxArraySize",
            "job array",
        ],
        "the site's queue is full or takes smaller arrays: lower the pool's `max`",
    ),
    (
        &[
            "ReqNodeNotAvail",
            "PartitionDown",
            "PartitionInactive",
            "NodeDown",
            "DOWN",
        ],
        "nodes are down, drained or reserved (sinfo -R says why)",
    ),
    (
        &["launch failed", "JobHeld"],
        "it is held: look at the job's output and the node, then: scontrol release JOB",
    ),
    (
        &[
            "Unable to contact",
            "Socket timed out",
            "Connection refused",
        ],
        "slurmctld does not answer: scontrol ping",
    ),
    (
        &[
            "NonZeroExitCode",
            "RaisedSignal",
            "JobLaunchFailure",
            "exit code",
            "signal",
        ],
        "the worker could not start or broke off there: set the pool's `logs` and read what it said",
    ),
];

fn phase(state: &str, reason: &str) -> Phase {
    match state {
        // A node that is configured may boot for long: nothing runs there.
        "PD" | "CF" | "RQ" | "RD" | "RH" | "RF" | "SE" | "RS" | "SO" => Phase::Pending,
        "R" | "S" | "ST" | "SI" => Phase::Running,
        // What is completing holds its node, and is nothing to wait for; a reason is that of a bad end.
        "CD" => Phase::Done,
        "CG" if matches!(reason, "" | "None") => Phase::Done,
        _ => Phase::Failed,
    }
}

/// A state and its reason, where there is something to say.
fn said(state: &str, reason: &str) -> String {
    let state = match state {
        "PD" | "CF" => "pending",
        "CG" if reason == "TimeLimit" => "reached its time limit",
        "CG" if reason == "NodeDown" => "ended with its node",
        "CG" if !matches!(reason, "" | "None") => "ended",
        "F" => "failed",
        "NF" => "ended with its node",
        "BF" => "failed at boot of its node",
        "CA" => "was cancelled",
        "TO" | "DL" => "reached its time limit",
        "OOM" => "ran out of memory",
        "PR" => "was preempted",
        _ => return String::new(),
    };
    match reason {
        "" | "None" if state == "pending" => String::new(),
        "" | "None" => state.to_owned(),
        reason => format!("{state} ({})", reason.trim_matches(['(', ')'])),
    }
}

/// Rounded up.
fn minutes(ms: u64) -> u64 {
    ms.div_ceil(60_000)
}

#[cfg(test)]
mod tests;
