//! Schedulers and workers with addresses of their own, parted, killed and stopped while a cohort is worked off.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::daemon::{Process, newest_in_force};
use crate::support::lab::Lab;
use crate::support::random::Numbers;
use crate::support::trio::{EMBEDDED, cohort_file};
use crate::support::{json, kumi, published, text, until};

const PORT: u16 = 7070;

/// A daemon on a host of its own.
struct Host {
    daemon: Process,
    name: String,
}

/// Schedulers on the first hosts, workers on those behind, and one host for the people.
struct Site {
    lab: Lab,
    dir: tempfile::TempDir,
    schedulers: usize,
    hosts: Vec<Host>,
}

impl Site {
    fn start(schedulers: usize, workers: usize) -> Option<Self> {
        let lab = Lab::new(schedulers + workers + 1)?;
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut site = Self {
            lab,
            dir,
            schedulers,
            hosts: Vec::new(),
        };
        for number in 0..schedulers + workers {
            let kind = if number < schedulers {
                "scheduler"
            } else {
                "worker"
            };
            let name = format!("{kind}{number}");
            let daemon = site.daemon(number, &name);
            site.hosts.push(Host { daemon, name });
        }
        Some(site)
    }

    fn endpoints(&self) -> String {
        let all = (0..self.schedulers).map(|node| format!("{}:{PORT}", self.lab.address(node)));
        all.collect::<Vec<_>>().join(",")
    }

    /// Starts what belongs on a host.
    fn daemon(&self, number: usize, name: &str) -> Process {
        let mut command = kumi();
        if number < self.schedulers {
            command
                .args(["scheduler", "--config"])
                .arg(self.configured(number));
        } else {
            let scratch = self.dir.path().join(format!("scratch-{name}"));
            std::fs::create_dir_all(&scratch).expect("created");
            command.args(["worker", "start", "--name", name, "--cores", "1"]);
            command.args([
                "--report-interval",
                "100ms",
                "--endpoint",
                &self.endpoints(),
            ]);
            command.arg("--scratch").arg(scratch);
        }
        let log = self.dir.path().join(format!("{name}.log"));
        Process::start(&mut self.lab.on(number, &command), &log)
    }

    fn configured(&self, node: usize) -> std::path::PathBuf {
        let (id, address) = (node + 1, self.lab.address(node));
        let mut config = format!(
            "[scheduler]\nid = {id}\ncluster = \"site\"\nlisten = \"{address}:{PORT}\"\ndata_dir = \"{}/node{id}\"\n\
             tick = \"50ms\"\nreport_in = \"100ms\"\n[scheduler.peers]\n",
            self.dir.path().display()
        );
        for peer in 0..self.schedulers {
            config += &format!("{} = \"{}:{PORT}\"\n", peer + 1, self.lab.address(peer));
        }
        let path = self.dir.path().join(format!("node{id}.toml"));
        std::fs::write(&path, config).expect("written");
        path
    }

    /// A client's command, from the host that nobody breaks.
    fn tell(&self, arguments: &[&str], path: Option<&Path>) -> std::process::Output {
        let mut command = kumi();
        command.args(arguments).args(path);
        command.args(["--endpoint", &self.endpoints()]);
        let people = self.hosts.len();
        let output = self.lab.on(people, &command).output();
        output.expect("kumi runs")
    }

    fn submit(&self) {
        let cohort = cohort_file(self.dir.path(), "call_shards = 3");
        let out = self.dir.path().join("out").display().to_string();
        until("the newest version to be in force", || {
            newest_in_force(&self.status()?).then_some(())
        });
        until("a submission that is answered", || {
            let submitted = self.tell(&["cohort", "submit", "--output-dir", &out], Some(&cohort));
            submitted.status.success().then_some(())
        });
    }

    /// What each scheduler says of the cluster.
    fn status(&self) -> Option<Vec<serde_json::Value>> {
        let nodes = self.tell(&["cluster", "status", "--output", "json"], None);
        serde_json::from_slice(&nodes.stdout).ok()
    }

    fn state(&self) -> Option<String> {
        let shown = self.tell(&["cohort", "show", "ceu-trio", "--output", "json"], None);
        let state = shown.status.success().then(|| json(&shown))?;
        Some(state["state"].as_str()?.to_owned())
    }

    fn restart(&mut self, number: usize) {
        self.hosts[number].daemon.kill();
        let name = self.hosts[number].name.clone();
        self.hosts[number].daemon = self.daemon(number, &name);
    }

    /// Breaks something, waits, and mends it.
    fn break_one(&mut self, random: &mut Numbers) {
        let (a, b) = (
            random.below(self.hosts.len()),
            random.below(self.schedulers),
        );
        let wait = Duration::from_millis(100 + random.below(1_500) as u64);
        let what = random.below(6);
        eprintln!(
            "{what} for {wait:?}: {} and {}",
            self.hosts[a].name, self.hosts[b].name
        );
        match what {
            0 if a != b => {
                self.lab.part(a, b);
                std::thread::sleep(wait);
                self.lab.join(a, b);
            }
            1 if a != b => {
                self.lab.part_one_way(a, b);
                std::thread::sleep(wait);
                self.lab.join(a, b);
            }
            2 => {
                self.lab.isolate(b);
                std::thread::sleep(wait);
                self.lab.rejoin(b);
            }
            3 => {
                self.hosts[a].daemon.signal("STOP");
                std::thread::sleep(wait);
                self.hosts[a].daemon.signal("CONT");
            }
            4 => {
                self.hosts[b].daemon.kill();
                std::thread::sleep(wait);
                self.restart(b);
            }
            _ => {
                self.restart(a);
                std::thread::sleep(wait);
            }
        }
    }
}

/// The seed of `KUMI_TEST_SEED`, or a new one; printed, so that a run can be had again.
fn seed() -> u64 {
    let asked = std::env::var("KUMI_TEST_SEED").ok();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seed = asked.map_or_else(
        || now.map_or(1, |now| u64::from(now.subsec_nanos())),
        |seed| seed.parse().expect("KUMI_TEST_SEED is a number"),
    );
    eprintln!("again: KUMI_TEST_SEED={seed}");
    seed
}

fn survive(schedulers: usize) {
    let Some(mut site) = Site::start(schedulers, 4) else {
        return;
    };
    let mut random = Numbers::new(seed());
    site.submit();
    let ended = |state: &str| state != "running";
    let mut broken = 0;
    while broken < 12 && !site.state().is_some_and(|state| ended(&state)) {
        site.break_one(&mut random);
        broken += 1;
    }
    let state = until("the end of the cohort", || {
        site.state().filter(|state| ended(state))
    });
    assert_eq!(state, "completed", "after {broken} faults");
    let out = site.dir.path().join("out");
    assert_eq!(published(&out), published(&EMBEDDED.root()));
}

#[test]
fn three_schedulers_survive_what_breaks_around_them() {
    survive(3);
}

#[test]
fn five_schedulers_survive_what_breaks_around_them() {
    survive(5);
}

/// A host that vanishes without a word: nobody is told that its connections are over.
#[test]
fn a_leader_that_vanishes_costs_no_task() {
    let Some(site) = Site::start(3, 2) else {
        return;
    };
    site.submit();
    let leader = until("a leader that gave work away", || {
        let nodes = site.status()?;
        let leader = nodes.iter().position(|node| node["role"] == "leader")?;
        let workers = json(&site.tell(&["worker", "list", "--output", "json"], None));
        let busy = |worker: &serde_json::Value| {
            worker["running"].as_array().is_some_and(|r| !r.is_empty())
        };
        workers.as_array()?.iter().any(busy).then_some(leader)
    });
    site.lab.isolate(leader);
    let state = until("the end of the cohort", || {
        site.state().filter(|state| state != "running")
    });
    assert_eq!(state, "completed");
    for worker in &site.hosts[site.schedulers..] {
        let said = worker.daemon.said();
        assert!(!said.contains("task failed"), "{said}");
    }
    assert_eq!(
        published(&site.dir.path().join("out")),
        published(&EMBEDDED.root())
    );
}

/// `ip netns exec` becomes the program it runs, so signals reach it.
#[test]
fn a_host_runs_a_command() {
    let Some(lab) = Lab::new(1) else {
        return;
    };
    let mut show = Command::new("ip");
    show.args(["-br", "addr", "show", "eth0"]);
    let output = lab.on(0, &show).output().expect("ip runs");
    assert!(text(&output.stdout).contains(&lab.address(0)), "{output:?}");
}
