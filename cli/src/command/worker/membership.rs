//! What a worker that a scheduler had started knows of its place at the site: its job, and when that ends.

use std::process::Command;
use std::time::{Duration, SystemTime};

use kumi_worker::daemon::Membership;

use crate::args::PoolArgs;
use crate::exit::{Code, Exit};

/// The worker's name and its place; none when it is of no pool. `variable` looks into the environment.
///
/// # Errors
/// 2 when nothing tells which job it is.
pub(super) fn of(
    args: &PoolArgs,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<(String, Membership)>, Exit> {
    let Some(pool) = &args.pool else {
        return Ok(None);
    };
    let Some(job) = args.pool_job.clone().or_else(|| slurm_job(&variable)) else {
        let message =
            "--pool: nothing tells which job of the site this is: outside Slurm give --pool-job";
        return Err(Exit::new(Code::Usage, message));
    };
    let membership = Membership {
        pool: pool.clone(),
        request: args.pool_request,
        ends: ends(args, &variable),
        grace: args.grace,
        job,
    };
    let restarts = variable("SLURM_RESTART_COUNT").filter(|count| count != "0");
    let restarts = restarts.map_or_else(String::new, |count| format!(".{count}"));
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let job: String = membership.job.chars().map(plain).collect();
    Ok(Some((format!("{pool}-{job}{restarts}"), membership)))
}

/// As `squeue` names it.
fn slurm_job(variable: &impl Fn(&str) -> Option<String>) -> Option<String> {
    let of_array = || {
        let array = variable("SLURM_ARRAY_JOB_ID")?;
        Some(format!("{array}_{}", variable("SLURM_ARRAY_TASK_ID")?))
    };
    of_array().or_else(|| variable("SLURM_JOB_ID"))
}

/// When the site ends it: as it was told, as Slurm says, or so long after now as it may run.
fn ends(args: &PoolArgs, variable: &impl Fn(&str) -> Option<String>) -> Option<SystemTime> {
    let told = variable("SLURM_JOB_END_TIME").and_then(|time| time.parse().ok());
    if let Some(seconds) = args.ends_at.or(told) {
        return SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
    }
    let left = variable("SLURM_JOB_ID").and_then(|job| time_left(&job));
    SystemTime::now().checked_add(left.or(args.time_limit)?)
}

/// What Slurm leaves a job, where it answers.
fn time_left(job: &str) -> Option<Duration> {
    let mut squeue = Command::new("squeue");
    let output = squeue
        .args(["--noheader", "--format=%L", "--jobs", job])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| span(text.trim()))?
}

/// `[days-][[hours:]minutes:]seconds`; none for `UNLIMITED` and the like.
fn span(text: &str) -> Option<Duration> {
    let (days, clock) = text.split_once('-').unwrap_or(("0", text));
    let mut seconds = 0_u64;
    for part in clock.split(':') {
        seconds = seconds.checked_mul(60)?.checked_add(part.parse().ok()?)?;
    }
    let days = days.parse::<u64>().ok()?.checked_mul(86_400)?;
    Some(Duration::from_secs(seconds.checked_add(days)?))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::{of, span};
    use crate::args::PoolArgs;

    fn args() -> PoolArgs {
        PoolArgs {
            pool: Some("cpu".to_owned()),
            pool_request: 3,
            time_limit: Some(Duration::from_secs(3_600)),
            ..PoolArgs::default()
        }
    }

    fn variable(known: &'static [(&'static str, &'static str)]) -> impl Fn(&str) -> Option<String> {
        move |name| {
            let found = known.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        }
    }

    #[test]
    fn job_and_restarts_are_the_name() {
        let slurm = [
            ("SLURM_ARRAY_JOB_ID", "17"),
            ("SLURM_ARRAY_TASK_ID", "3"),
            ("SLURM_JOB_END_TIME", "2000000000"),
        ];
        let slurm: &'static [_] = Vec::from(slurm).leak();
        let (name, membership) = of(&args(), variable(slurm))
            .expect("in order")
            .expect("a pool");
        assert_eq!(
            (name.as_str(), membership.job.as_str()),
            ("cpu-17_3", "17_3")
        );
        let ends = SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000);
        assert_eq!((membership.request, membership.ends), (3, Some(ends)));
        let again = [slurm, &[("SLURM_RESTART_COUNT", "2")]].concat().leak();
        let (name, membership) = of(&args(), variable(again))
            .expect("in order")
            .expect("a pool");
        assert_eq!(
            (name.as_str(), membership.job.as_str()),
            ("cpu-17_3.2", "17_3")
        );
    }

    #[test]
    fn other_sites_say_which_job_it_is() {
        assert!(of(&args(), variable(&[])).is_err());
        assert_eq!(
            of(&PoolArgs::default(), variable(&[])).expect("in order"),
            None
        );
        let args = PoolArgs {
            pool_job: Some("17[3].pbs".to_owned()),
            ..args()
        };
        let (name, membership) = of(&args, variable(&[])).expect("in order").expect("a pool");
        assert_eq!(
            (name.as_str(), membership.job.as_str()),
            ("cpu-17_3__pbs", "17[3].pbs")
        );
        let left = membership
            .ends
            .expect("a limit")
            .duration_since(SystemTime::now());
        assert!(left.is_ok_and(|left| left.as_secs() > 3_500));
    }

    #[test]
    fn spans_are_read_as_squeue_writes_them() {
        let seconds = |text| span(text).map(|span| span.as_secs());
        assert_eq!(seconds("59"), Some(59));
        assert_eq!(seconds("1:30"), Some(90));
        assert_eq!(seconds("2:00:00"), Some(7_200));
        assert_eq!(seconds("3-01:00:01"), Some(262_801));
        assert_eq!(
            (seconds("UNLIMITED"), seconds("INVALID"), seconds("")),
            (None, None, None)
        );
    }
}
