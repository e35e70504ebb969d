//! Three schedulers and two workers as processes, killed in mid-run.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::daemon::{Process, Schedulers, free_ports, worker};
use crate::support::trio::{EMBEDDED, cohort_file};
use crate::support::{json, kumi, ok, published, text, until};

struct Cluster {
    dir: tempfile::TempDir,
    schedulers: Schedulers,
}

impl Cluster {
    fn start() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let ports = free_ports::<6>();
        let schedulers = Schedulers::start(dir.path(), &ports[..3], &ports[3..]);
        Self { dir, schedulers }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn worker(&self, name: &str) -> Process {
        worker(self.path(), name, &self.schedulers.endpoints(), &[])
    }

    fn submit(&self, node: usize, params: &str) -> Value {
        let cohort = cohort_file(self.path(), params);
        let mut command = kumi();
        command.args(["cohort", "submit"]).arg(cohort);
        command.arg("--output-dir").arg(self.path().join("out"));
        command.args([
            "--output",
            "json",
            "--endpoint",
            &self.schedulers.endpoint(node),
        ]);
        json(&ok(&mut command))
    }

    /// A client command that may fail.
    fn tell(&self, node: usize, args: &[&str]) -> Output {
        let mut command = kumi();
        command.args(args);
        command.args(["--endpoint", &self.schedulers.endpoint(node)]);
        command.output().expect("kumi runs")
    }
}

/// The state of one task of a stage, anywhere in what `why` says.
fn reasons(why: &Value) -> Vec<String> {
    let tasks = why.as_array().expect("tasks").iter();
    tasks
        .map(|task| task["reason"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn any_scheduler_answers_for_all() {
    let cluster = Cluster::start();
    let first = cluster.submit(0, "");
    assert_eq!(first["existed"], false, "{first}");
    let again = cluster.submit(1, "");
    assert_eq!(
        again["existed"], true,
        "the same content is one submission: {again}"
    );
    assert_eq!(again["cohort"], first["cohort"]);
    for node in 0..3 {
        let list = cluster.schedulers.ask(node, &["cohort", "list"]);
        assert_eq!(list.as_array().map(Vec::len), Some(1), "{list}");
        let shown = cluster
            .schedulers
            .ask(node, &["cohort", "show", "ceu-trio"]);
        assert_eq!(shown["state"], "running", "{shown}");
        let why = cluster.schedulers.ask(node, &["cohort", "why", "ceu-trio"]);
        assert!(
            reasons(&why).iter().all(|reason| !reason.is_empty()),
            "{why}"
        );
    }
    let waited = cluster.tell(2, &["cohort", "wait", "ceu-trio", "--timeout", "200ms"]);
    assert_eq!(waited.status.code(), Some(124), "{}", text(&waited.stderr));
    let cancelled = cluster.tell(1, &["cohort", "cancel", "ceu-trio", "--reason", "a test"]);
    assert!(cancelled.status.success(), "{}", text(&cancelled.stderr));
    let shown = cluster.schedulers.ask(2, &["cohort", "show", "ceu-trio"]);
    assert_eq!(shown["state"], "cancelled", "{shown}");
    assert_eq!(shown["reason"], "a test");
    let waited = cluster.tell(0, &["cohort", "wait", "ceu-trio"]);
    assert_eq!(waited.status.code(), Some(1), "{}", text(&waited.stderr));
    let unknown = cluster.tell(0, &["cohort", "show", "nobody"]);
    assert_eq!(unknown.status.code(), Some(66), "{}", text(&unknown.stderr));
    let retried = cluster.schedulers.ask(0, &["cohort", "retry", "ceu-trio"]);
    assert!(retried["tasks"].as_u64() > Some(0), "{retried}");

    let _workers = [cluster.worker("w1"), cluster.worker("w2")];
    let watched = cluster.tell(1, &["cohort", "watch", "ceu-trio"]);
    assert!(watched.status.success(), "{}", text(&watched.stderr));
    assert!(
        text(&watched.stderr).contains("release 1/1"),
        "{}",
        text(&watched.stderr)
    );
    assert_eq!(
        published(&cluster.path().join("out")),
        published(&EMBEDDED.root())
    );
}

/// A worker that runs a task, once there is one.
fn busy(schedulers: &Schedulers, node: usize) -> String {
    until("a worker that runs something", || {
        let workers = schedulers.ask(node, &["worker", "list"]);
        let busy = |worker: &&Value| worker["running"].as_array().is_some_and(|r| !r.is_empty());
        let found = workers.as_array()?.iter().find(busy)?;
        Some(found["name"].as_str()?.to_owned())
    })
}

#[test]
fn kills_lose_nothing_and_change_no_byte() {
    let mut cluster = Cluster::start();
    let mut workers = vec![("w1", cluster.worker("w1")), ("w2", cluster.worker("w2"))];
    cluster.submit(0, "call_shards = 3");
    let leader = cluster.schedulers.leader();
    let victim = busy(&cluster.schedulers, leader);
    let killed = workers.iter_mut().find(|(name, _)| *name == victim);
    killed.expect("one of the two").1.kill();
    cluster.schedulers.nodes[leader].kill();
    let other = (leader + 1) % 3;
    let waited = cluster.tell(other, &["cohort", "wait", "ceu-trio"]);
    assert!(waited.status.success(), "{}", text(&waited.stderr));
    assert_eq!(
        published(&cluster.path().join("out")),
        published(&EMBEDDED.root())
    );

    // The killed node comes back and knows what it missed.
    cluster.schedulers.restart(leader);
    let shown = until("the node that was killed", || {
        let output = cluster.tell(leader, &["cohort", "show", "ceu-trio", "--output", "json"]);
        output.status.success().then(|| json(&output))
    });
    assert_eq!(shown["state"], "completed", "{shown}");

    // Everything is killed and started again: all state is there.
    drop(workers);
    for node in &mut cluster.schedulers.nodes {
        node.kill();
    }
    for node in 0..3 {
        cluster.schedulers.restart(node);
    }
    cluster.schedulers.leader();
    for node in 0..3 {
        let again = cluster
            .schedulers
            .ask(node, &["cohort", "show", "ceu-trio"]);
        assert_eq!(again, shown);
    }
    let existed = cluster.submit(0, "call_shards = 3");
    assert_eq!(existed["existed"], true, "{existed}");
}

#[test]
fn a_drained_worker_gets_nothing_until_it_is_resumed() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let ports = free_ports::<2>();
    let schedulers = Schedulers::start(dir.path(), &ports[..1], &ports[1..]);
    let _worker = worker(dir.path(), "w1", &schedulers.endpoints(), &[]);
    let state = || {
        let output = kumi()
            .args(["worker", "show", "w1", "--output", "json", "--endpoint"])
            .arg(schedulers.endpoints())
            .output()
            .expect("kumi runs");
        let worker: Value = serde_json::from_slice(&output.stdout).ok()?;
        Some(worker["state"].as_str()?.to_owned())
    };
    let reach = |wanted: &str| until(wanted, || state().filter(|state| state == wanted));
    reach("up");
    let tell = |args: &[&str]| {
        ok(kumi()
            .args(args)
            .args(["--endpoint", &schedulers.endpoints()]))
    };
    tell(&["worker", "drain", "w1", "--reason", "new disk"]);
    reach("drained");
    tell(&["worker", "resume", "w1"]);
    reach("up");
    let unknown = kumi()
        .args([
            "worker",
            "show",
            "w9",
            "--endpoint",
            &schedulers.endpoints(),
        ])
        .output()
        .expect("kumi runs");
    assert_eq!(unknown.status.code(), Some(66), "{}", text(&unknown.stderr));
}
