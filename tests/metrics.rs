//! A real Prometheus scrapes a scheduler and a worker; what it then knows is asked of it.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::daemon::{Process, Schedulers, free_ports, http_get, worker};
use crate::support::tools::have;
use crate::support::trio::cohort_file;
use crate::support::{json, kumi, ok, run, text, until};

/// Families that a scheduler with a finished cohort and a target serves.
const SCHEDULER: [&str; 17] = [
    "kumi_target_units{programme=\"example\",unit=\"genome\"} == 3",
    "kumi_target_deadline_timestamp_seconds",
    "kumi_units_received_total{programme=\"example\",unit=\"genome\"} == 3",
    "kumi_units_completed_total{programme=\"example\",centre=\"coriell\",unit=\"genome\"} == 3",
    "kumi_tasks_finished_total{stage=\"align\"} == 3",
    "kumi_stage_duration_seconds_count{stage=\"call\"} > 0",
    "kumi_queue_wait_seconds_count > 0",
    "kumi_turnaround_seconds_count > 0",
    "kumi_kernel_reads_processed_total > 0",
    "kumi_kernel_bases_processed_total > 0",
    "kumi_kernel_core_seconds_total > 0",
    "kumi_worker_up == 1",
    "kumi_raft_has_leader == 1",
    "kumi_raft_is_leader == 1",
    "kumi_raft_applied_index > 0",
    "kumi_build_info == 1",
    "grpc_server_handled_total{grpc_method=\"Submit\",grpc_code=\"OK\"} >= 1",
];

/// Families that a worker which ran a cohort serves.
const WORKER: [&str; 3] = [
    "kumi_kernel_reads_processed_total{job=\"worker\"} > 0",
    "kumi_worker_cores{job=\"worker\"}",
    "kumi_build_info{job=\"worker\"} == 1",
];

fn config(dir: &Path, scheduler: u16, worker: u16) -> std::path::PathBuf {
    let text = format!(
        "global:\n  scrape_interval: 1s\nscrape_configs:\n\
         - job_name: scheduler\n  static_configs:\n  - targets: ['127.0.0.1:{scheduler}']\n\
         - job_name: worker\n  static_configs:\n  - targets: ['127.0.0.1:{worker}']\n"
    );
    let path = dir.join("prometheus.yml");
    std::fs::write(&path, text).expect("written");
    ok(Command::new("promtool")
        .args(["check", "config"])
        .arg(&path));
    path
}

fn prometheus(dir: &Path, config: &Path, port: u16) -> Process {
    let mut command = Command::new("prometheus");
    command.arg(format!("--config.file={}", config.display()));
    command.arg(format!("--storage.tsdb.path={}/tsdb", dir.display()));
    command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
    let process = Process::start(&mut command, &dir.join("prometheus.log"));
    until("prometheus", || http_get(port, "/-/ready"));
    process
}

/// True when a query has a result.
fn knows(port: u16, query: &str) -> bool {
    let output = ok(Command::new("promtool").args([
        "query",
        "instant",
        "--format=json",
        &format!("http://127.0.0.1:{port}"),
        query,
    ]));
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    answer.as_array().is_some_and(|series| !series.is_empty())
}

/// `promtool check metrics` has nothing to say.
fn check(metrics: &str, whose: &str) {
    let mut child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    std::io::Write::write_all(&mut stdin, metrics.as_bytes()).expect("written");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let said = text(&output.stderr) + &text(&output.stdout);
    assert!(
        output.status.success() && said.is_empty(),
        "{whose}: {said}"
    );
}

#[test]
fn prometheus_scrapes_schedulers_and_workers() {
    if !have(&["prometheus", "promtool"]) {
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let [port, scheduler_metrics, worker_metrics, prometheus_port] = free_ports();
    let schedulers = Schedulers::start(dir.path(), &[port], &[scheduler_metrics]);
    let address = format!("127.0.0.1:{worker_metrics}");
    let _worker = worker(
        dir.path(),
        "w1",
        &schedulers.endpoints(),
        &["--metrics-address", &address],
    );
    let config = config(dir.path(), scheduler_metrics, worker_metrics);
    let _prometheus = prometheus(dir.path(), &config, prometheus_port);

    let kumi_at = |args: &[&str]| {
        let mut command = kumi();
        command
            .args(args)
            .args(["--endpoint", &schedulers.endpoints()]);
        command
    };
    let target = [
        "target",
        "set",
        "--programme",
        "example",
        "--unit",
        "genome",
        "--count",
        "3",
        "--by",
        "2100-01-01",
    ];
    ok(&mut kumi_at(&target));
    let mut submit = kumi_at(&["cohort", "submit", "--wait"]);
    submit.arg(cohort_file(dir.path(), ""));
    ok(submit.arg("--output-dir").arg(dir.path().join("out")));

    for (port, whose) in [(scheduler_metrics, "scheduler"), (worker_metrics, "worker")] {
        check(&http_get(port, "/metrics").expect("metrics"), whose);
    }
    for query in SCHEDULER.iter().chain(&WORKER) {
        until(query, || knows(prometheus_port, query).then_some(()));
    }
    let shown = json(&ok(&mut kumi_at(&["target", "show", "--output", "json"])));
    assert_eq!(shown[0]["done"], 3.0, "{shown}");
    assert_eq!(shown[0]["target"], 3, "{shown}");
    let metrics = http_get(scheduler_metrics, "/metrics").expect("metrics");
    for name in ["NA12878", "ceu-trio", "samples.csv"] {
        assert!(!metrics.contains(name), "a metric tells {name}");
    }
}

/// One address serves everything of `kumi run`: scheduler and worker, each family once.
#[test]
fn a_run_serves_its_worker_beside_its_scheduler() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let [port] = free_ports();
    let mut command = run(&cohort_file(dir.path(), ""), &dir.path().join("out"));
    command.args(["--metrics-address", &format!("127.0.0.1:{port}")]);
    let mut running = Process::start(&mut command, &dir.path().join("run.log"));
    let metrics = until("an opened reference", || {
        assert!(running.is_running(), "it ended before");
        let metrics = http_get(port, "/metrics")?;
        let line = metrics
            .lines()
            .find(|line| line.starts_with("kumi_worker_tasks_running{"));
        let busy = metrics.lines().any(|line| {
            line.starts_with("kumi_kernel_reads_processed_total{kernel=\"align\"}")
                && !line.ends_with(" 0")
        });
        line.filter(|_| busy).map(str::to_owned).map(|_| metrics)
    });
    for name in [
        "kumi_raft_has_leader",
        "kumi_worker_session_open 1",
        "kumi_tasks{",
    ] {
        assert!(metrics.contains(name), "{name} is not in\n{metrics}");
    }
    for family in [
        "kumi_build_info",
        "kumi_worker_info",
        "process_cpu_seconds_total",
    ] {
        let types = metrics
            .lines()
            .filter(|line| line.starts_with(&format!("# TYPE {family} ")));
        assert_eq!(types.count(), 1, "{family}");
    }
    if have(&["promtool"]) {
        check(&metrics, "a run");
    }
}
