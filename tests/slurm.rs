//! A real Slurm gives the workers: the cohort is submitted when there is none.

use std::fs;
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::daemon::http_get;
use crate::support::site::Site;
use crate::support::slurm::Slurm;
use crate::support::{text, until};

/// Schedulers with a pool, and a Slurm.
struct WithSlurm {
    site: Site,
    slurm: Slurm,
    _logs: tempfile::TempDir,
}

impl Deref for WithSlurm {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}

impl WithSlurm {
    /// None without a Slurm. `first`: a folder in which programs are looked for before those that are installed.
    fn start<const N: usize>(nodes: usize, pool: &str, first: Option<&Path>) -> Option<Self> {
        Some(Self::of::<N>(Slurm::start(nodes)?, pool, first))
    }

    /// Schedulers with a pool of that Slurm.
    fn of<const N: usize>(slurm: Slurm, pool: &str, first: Option<&Path>) -> Self {
        let logs = tempfile::tempdir().expect("a temporary directory");
        let folder = logs.path().display();
        let settings = format!(
            "[pool.cpu]\nkind = \"slurm\"\nmemory = \"3GiB\"\nidle = \"1s\"\npoll = \"300ms\"\ngrace = \"1s\"\n\
             logs = \"{folder}\"\narguments = [\"--report-interval\", \"100ms\", \"--scratch\", \"{folder}\"]\n{pool}"
        );
        let path = std::env::var("PATH").unwrap_or_default();
        let path = match first {
            Some(first) => format!("{}:{path}", first.display()),
            None => path,
        };
        let variables = [
            ("SLURM_CONF".to_owned(), slurm.conf().display().to_string()),
            ("PATH".to_owned(), path),
        ];
        Self {
            site: Site::start::<N>(settings, variables.into()),
            slurm,
            _logs: logs,
        }
    }

    /// Ends the schedulers.
    fn without(self) -> Slurm {
        self.slurm
    }

    /// Waits until all nodes are free again.
    fn given_back(&self) {
        until("nodes that are free", || {
            self.slurm.jobs().is_empty().then_some(())
        });
    }
}

#[test]
fn a_cohort_has_workers_started_and_gives_them_back() {
    let Some(site) = WithSlurm::start::<1>(2, "cores = 2\nmax = 3\ntime = \"30m\"\n", None) else {
        return;
    };
    let began = Instant::now();
    site.submit();
    let name = site.a_worker();
    eprintln!("from submission to the first worker: {:?}", began.elapsed());
    assert!(name.starts_with("cpu-"), "{name}");
    let metrics = http_get(site.schedulers.metrics[0], "/metrics").expect("metrics");
    assert!(
        metrics.contains("kumi_pool_workers{pool=\"cpu\",state=\"up\"}"),
        "{metrics}"
    );
    site.completed();
    site.given_back();
    until("workers that left by themselves", || {
        site.workers().is_empty().then_some(())
    });
    let queue = site.ask(&["queue", "list"]).expect("a queue");
    let pool = &queue["pools"][0];
    assert_eq!(
        (&pool["pool"], &pool["up"]),
        (&"cpu".into(), &0.into()),
        "{queue}"
    );
    assert_eq!(pool["requests_failed"], 0, "{queue}");
    assert!(
        site.slurm
            .say("squeue", &["-h", "-t", "F,CA,TO,NF", "-o", "%i"])
            .is_empty()
    );
}

#[test]
fn pilots_that_are_cancelled_and_nodes_that_go_down_cost_nothing_but_time() {
    let Some(site) = WithSlurm::start::<1>(2, "cores = 1\nmax = 2\n", None) else {
        return;
    };
    site.submit();
    site.a_worker();
    let jobs = site.slurm.jobs();
    site.slurm.say(
        "scancel",
        &jobs.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    until("a worker of another job", || {
        let old: Vec<String> = jobs.iter().map(|job| format!("cpu-{job}")).collect();
        site.workers()
            .into_iter()
            .find(|worker| !old.contains(worker))
    });
    let busy = site.slurm.say("squeue", &["-h", "-t", "R", "-o", "%N"]);
    let node = format!("nodename={}", busy.lines().next().unwrap_or("n1"));
    site.slurm
        .say("scontrol", &["update", &node, "state=down", "reason=test"]);
    std::thread::sleep(Duration::from_secs(1));
    // It may have come back by itself.
    let _ = site
        .slurm
        .ask("scontrol", &["update", &node, "state=resume"]);
    site.completed();
    site.given_back();
}

#[test]
fn what_the_site_does_not_take_is_told_and_not_repeated_at_once() {
    let pool = "cores = 2\nmax = 2\npartition = \"nowhere\"\n";
    let Some(site) = WithSlurm::start::<1>(1, pool, None) else {
        return;
    };
    site.submit();
    let why = site.told("invalid partition specified: nowhere");
    assert!(why.contains("correct the pool's `partition`"), "{why}");
    std::thread::sleep(Duration::from_secs(2));
    let queue = site.ask(&["queue", "list"]).expect("a queue");
    assert_eq!(queue["pools"][0]["requests"], 1, "{queue}");
    assert!(!queue["pools"][0]["retry"].is_null(), "{queue}");
}

#[test]
fn a_full_queue_is_waited_for() {
    let Some(site) = WithSlurm::start::<1>(1, "cores = 4\nmax = 1\n", None) else {
        return;
    };
    let other = site.slurm.say(
        "sbatch",
        &[
            "--parsable",
            "--exclusive",
            "--output=/dev/null",
            "--wrap",
            "sleep 600",
        ],
    );
    until("another's job that runs", || {
        let running = site.slurm.say("squeue", &["-h", "-t", "R", "-o", "%i"]);
        running.contains(other.trim()).then_some(())
    });
    site.submit();
    let why = site.told("(Resources)");
    assert!(why.contains("pool cpu: Slurm: job"), "{why}");
    site.slurm.say("scancel", &[other.trim()]);
    site.completed();
    site.given_back();
}

/// The leader dies after the site has taken the request and before it has heard so.
#[test]
fn a_new_leader_does_not_ask_again() {
    let programs = tempfile::tempdir().expect("a temporary directory");
    let calls = programs.path().join("calls");
    let sbatch = programs.path().join("sbatch");
    let script = format!(
        "#!/bin/sh\nout=$(/usr/bin/sbatch \"$@\") || exit\necho \"$out\" >> '{}'\nsleep 3\necho \"$out\"\n",
        calls.display()
    );
    fs::write(&sbatch, script).expect("written");
    fs::set_permissions(&sbatch, fs::Permissions::from_mode(0o755)).expect("executable");
    let pool = "cores = 2\nmax = 1\n";
    let Some(mut site) = WithSlurm::start::<3>(2, pool, Some(programs.path())) else {
        return;
    };
    let leader = site.schedulers.leader();
    site.submit();
    until("a request at the site", || {
        fs::read_to_string(&calls)
            .ok()
            .filter(|calls| !calls.is_empty())
    });
    site.site.schedulers.nodes[leader].kill();
    site.site.schedulers.restart(leader);
    site.a_worker();
    site.completed();
    let calls = fs::read_to_string(&calls).expect("calls");
    assert_eq!(calls.lines().count(), 1, "{calls}");
    site.given_back();
    let ever = site
        .slurm
        .say("squeue", &["-h", "-r", "-t", "all", "-o", "%i"]);
    assert_eq!(ever.lines().count(), 1, "{ever}");
    assert!(text(ever.as_bytes()).starts_with(calls.trim()), "{ever}");
}

/// What the site's accounting knows and allows: an account and a QOS that are not there, no more jobs, a worker that is
/// cancelled, and one that cannot start. The queue forgets within seconds.
#[test]
fn accounting_tells_what_is_not_allowed_and_how_jobs_ended() {
    let Some(mut slurm) = Slurm::with_accounts(1, 2) else {
        return;
    };
    let hold = || {
        let job = ["--parsable", "--hold", "--output=/dev/null", "--wrap=true"];
        slurm.say("sbatch", &job).trim().to_owned()
    };
    let held = [hold(), hold()];
    let refusals = [
        (
            "account = \"nobody\"\n",
            "Invalid account",
            "correct the pool's `account`",
        ),
        (
            "qos = \"nowhere\"\n",
            "Invalid qos",
            "correct the pool's `qos`",
        ),
        ("", "job submit limit", "lower the pool's `max`"),
    ];
    for (more, words, advice) in refusals {
        let pool = format!("cores = 2\nmax = 1\n{more}");
        let site = WithSlurm::of::<1>(slurm, &pool, None);
        site.submit();
        let why = site.told(words);
        assert!(why.contains(advice), "{why}");
        slurm = site.without();
    }
    slurm.say("scancel", &held.each_ref().map(String::as_str));

    let site = WithSlurm::of::<1>(slurm, "cores = 2\nmax = 1\n", None);
    site.submit();
    site.a_worker();
    let state = |state| ["update", "partitionname=main", state];
    site.slurm.say("scontrol", &state("state=down"));
    site.slurm.say("scancel", &["--user=root"]);
    site.told("was cancelled by user 0 (CANCELLED)");
    site.slurm.say("scontrol", &state("state=up"));
    site.completed();
    site.given_back();

    let pool = "cores = 2\nmax = 1\nprogram = \"/bin/false\"\n";
    let site = WithSlurm::of::<1>(site.without(), pool, None);
    site.submit();
    let why = site.told("failed with exit code 1 (FAILED)");
    assert!(why.contains("set the pool's `logs`"), "{why}");
}

/// What a site ends by itself, as its accounting tells: a worker whose node goes down, and a job that is still there when
/// its time is over, since what was started is deaf to the signal before.
#[test]
fn accounting_tells_of_a_node_that_fails_and_of_time_that_is_over() {
    let Some(slurm) = Slurm::with_accounts(1, 2) else {
        return;
    };
    let site = WithSlurm::of::<1>(slurm, "cores = 2\nmax = 1\n", None);
    site.submit();
    site.a_worker();
    let down = ["update", "nodename=n1", "state=down", "reason=test"];
    site.slurm.say("scontrol", &down);
    // Another worker may have done everything by then: it is in the log whatever `why` has to tell.
    site.logged("ended with its node (NODE_FAIL)");
    // It may have come back by itself.
    let _ = site
        .slurm
        .ask("scontrol", &["update", "nodename=n1", "state=resume"]);
    site.completed();
    site.given_back();

    let programs = tempfile::tempdir().expect("a temporary directory");
    let deaf = programs.path().join("deaf");
    let script = "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 1; done\n";
    fs::write(&deaf, script).expect("written");
    fs::set_permissions(&deaf, fs::Permissions::from_mode(0o755)).expect("executable");
    let pool = format!(
        "cores = 2\nmax = 1\ntime = \"30m\"\nprogram = \"{}\"\n",
        deaf.display()
    );
    let site = WithSlurm::of::<1>(site.without(), &pool, None);
    site.submit();
    let job = until("a job that runs", || {
        let running = site
            .slurm
            .say("squeue", &["-h", "-r", "-t", "R", "-o", "%i"]);
        running.lines().next().map(str::to_owned)
    });
    // Slurm counts in minutes and looks twice in one.
    let over = format!("jobid={job}");
    site.slurm
        .say("scontrol", &["update", &over, "endtime=now+1"]);
    let why = site.told("reached its time limit (TIMEOUT)");
    assert!(why.contains("set the pool's `time`"), "{why}");
}
