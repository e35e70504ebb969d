//! A real Slurm gives the workers: the cohort is submitted when there is none.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::daemon::{Schedulers, free_ports, http_get};
use crate::support::slurm::Slurm;
use crate::support::trio::{EMBEDDED, cohort_file};
use crate::support::{json, kumi, ok, published, text, until};

/// Schedulers with a pool, and a Slurm.
struct Site {
    schedulers: Schedulers,
    dir: tempfile::TempDir,
    slurm: Slurm,
}

impl Site {
    /// None without a Slurm. `first`: a folder in which programs are looked for before those that are installed.
    fn start<const N: usize>(nodes: usize, pool: &str, first: Option<&Path>) -> Option<Self> {
        let slurm = Slurm::start(nodes)?;
        let dir = tempfile::tempdir().expect("a temporary directory");
        let folder = dir.path().display();
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
        let (ports, metrics): ([u16; N], [u16; N]) = (free_ports(), free_ports());
        let schedulers =
            Schedulers::start_in(dir.path(), (&ports, &metrics), settings, variables.into());
        Some(Self {
            schedulers,
            dir,
            slurm,
        })
    }

    fn submit(&self) {
        let cohort = cohort_file(self.dir.path(), "call_shards = 3");
        let mut submit = kumi();
        submit.args([
            "cohort",
            "submit",
            "--endpoint",
            &self.schedulers.endpoints(),
        ]);
        submit.arg("--output-dir").arg(self.dir.path().join("out"));
        ok(submit.arg(cohort));
    }

    fn ask(&self, arguments: &[&str]) -> Option<serde_json::Value> {
        let mut command = kumi();
        command.args(arguments).args(["--output", "json"]);
        let output = command
            .args(["--endpoint", &self.schedulers.endpoints()])
            .output();
        let output = output.expect("kumi runs");
        output.status.success().then(|| json(&output))
    }

    /// Names of workers that are there.
    fn workers(&self) -> Vec<String> {
        let listed = self.ask(&["worker", "list"]).unwrap_or_default();
        let there = listed.as_array().into_iter().flatten();
        let there = there.filter(|worker| worker["state"] != "lost");
        there
            .filter_map(|worker| Some(worker["name"].as_str()?.to_owned()))
            .collect()
    }

    fn a_worker(&self) -> String {
        until("a worker", || self.workers().into_iter().next())
    }

    /// The reasons of all tasks that are not done.
    fn why(&self) -> String {
        let why = self.ask(&["cohort", "why", "ceu-trio"]).unwrap_or_default();
        why.to_string()
    }

    fn told(&self, words: &str) -> String {
        until(words, || {
            let why = self.why();
            why.contains(words).then_some(why)
        })
    }

    /// Waits for the end, which must be a good one with the results that are known.
    fn completed(&self) {
        let state = until("the end of the cohort", || {
            let shown = self.ask(&["cohort", "show", "ceu-trio"])?;
            let state = shown["state"].as_str()?.to_owned();
            (state != "running").then_some(state)
        });
        assert_eq!(state, "completed");
        let out = self.dir.path().join("out");
        assert_eq!(published(&out), published(&EMBEDDED.root()));
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
    let Some(site) = Site::start::<1>(2, "cores = 2\nmax = 3\ntime = \"30m\"\n", None) else {
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
    let Some(site) = Site::start::<1>(2, "cores = 1\nmax = 2\n", None) else {
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
    let Some(site) = Site::start::<1>(1, pool, None) else {
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
    let Some(site) = Site::start::<1>(1, "cores = 4\nmax = 1\n", None) else {
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
    let Some(mut site) = Site::start::<3>(2, pool, Some(programs.path())) else {
        return;
    };
    let leader = site.schedulers.leader();
    site.submit();
    until("a request at the site", || {
        fs::read_to_string(&calls)
            .ok()
            .filter(|calls| !calls.is_empty())
    });
    site.schedulers.nodes[leader].kill();
    site.schedulers.restart(leader);
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
