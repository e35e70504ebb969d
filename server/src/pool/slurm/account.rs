//! `sacct`: how jobs ended, also those that the queue has forgotten.

use crate::pool::site::{Call, Element, Phase};

/// Separates fields in what is asked for; job names of ours have no `|`.
const FIELDS: &str = "JobID,JobName,State,ExitCode";

/// Of allocations, not of their steps, and of every run of one that was requeued.
pub(super) fn call(jobs: &[String]) -> Call {
    let arguments = ["-n", "-P", "-X", "-D", "-o", FIELDS, "-j"];
    let mut arguments = arguments.map(str::to_owned).to_vec();
    arguments.push(jobs.join(","));
    Call::new("sacct", arguments)
}

/// A line for each run. Numbers of jobs begin anew one day: those of other names are left out.
pub(super) fn runs(prefix: &str, output: &str) -> Vec<Element> {
    let run = |line: &str| {
        let mut fields = line.splitn(4, '|');
        let (id, name) = (fields.next()?, fields.next()?);
        let (state, code) = (fields.next()?, fields.next()?);
        let (phase, reason) = ended(state, code);
        Some(Element {
            id: id.to_owned(),
            job: id.split('_').next()?.to_owned(),
            request: name.strip_prefix(prefix)?.parse().ok()?,
            phase,
            reason,
        })
    };
    output.lines().filter_map(run).collect()
}

/// A state such as `FAILED` or `CANCELLED by 1000`, and a code such as `3:0`, which is an exit code and a signal.
fn ended(state: &str, code: &str) -> (Phase, String) {
    let mut words = state.split_whitespace();
    let kind = words.next().unwrap_or_default();
    let what = match kind {
        "PENDING" | "SUSPENDED" => return (Phase::Pending, String::new()),
        "RUNNING" | "COMPLETING" | "RESIZING" => return (Phase::Running, String::new()),
        "COMPLETED" => return (Phase::Done, String::new()),
        "FAILED" => how(code),
        "NODE_FAIL" => "ended with its node".to_owned(),
        "BOOT_FAIL" => "failed at boot of its node".to_owned(),
        "TIMEOUT" | "DEADLINE" => "reached its time limit".to_owned(),
        "OUT_OF_MEMORY" => "ran out of memory".to_owned(),
        "PREEMPTED" => "was preempted".to_owned(),
        "REQUEUED" => "was requeued".to_owned(),
        "CANCELLED" => match words.last() {
            Some(user) => format!("was cancelled by user {user}"),
            None => "was cancelled".to_owned(),
        },
        _ => "ended".to_owned(),
    };
    (Phase::Failed, format!("{what} ({kind})"))
}

fn how(code: &str) -> String {
    match code.split_once(':') {
        Some((_, signal)) if signal != "0" => format!("was ended by signal {signal}"),
        Some((code, _)) if code != "0" => format!("failed with exit code {code}"),
        _ => "failed".to_owned(),
    }
}
