//! What Prometheus gets: every family by name, in a form that a strict reader accepts.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};

use kumi_proto::v1;
use kumi_proto::v1::target_service_client::TargetServiceClient;

use crate::harness::{LONG, Solo, cohort, dial, eventually, get, submit, summary};
use crate::worker::FakeWorker;

/// Type and series of every family.
type Families = BTreeMap<String, (String, Vec<(String, f64)>)>;

/// Reads an exposition. Panics at what the format does not allow.
fn parse(text: &str) -> Families {
    let mut families = Families::new();
    let mut helped = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').unwrap();
            assert!(!words.trim().is_empty(), "{name} has no help");
            assert!(helped.insert(name.to_owned()), "{name} is there twice");
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert!(helped.contains(name), "{name} has no help");
            assert_eq!(
                kind == "counter",
                name.ends_with("_total"),
                "{name} is a {kind}"
            );
            current = name.to_owned();
            families.insert(current.clone(), (kind.to_owned(), Vec::new()));
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            assert!(
                series.starts_with(&current),
                "{series} stands under {current}"
            );
            assert!(seen.insert(series.to_owned()), "{series} is there twice");
            let value: f64 = value.parse().unwrap();
            assert!(value.is_finite(), "{line}");
            families
                .get_mut(&current)
                .unwrap()
                .1
                .push((series.to_owned(), value));
        }
    }
    families
}

/// The value of the series of `family` that has all `labels`.
fn value(families: &Families, family: &str, labels: &[&str]) -> f64 {
    let (_, series) = families
        .get(family)
        .unwrap_or_else(|| panic!("no {family}"));
    let found: Vec<f64> = series
        .iter()
        .filter(|(name, _)| labels.iter().all(|label| name.contains(label)))
        .map(|(_, value)| *value)
        .collect();
    assert_eq!(found.len(), 1, "{family} {labels:?}: {series:?}");
    found[0]
}

/// `promtool check metrics`; says so when there is none.
fn promtool(text: &str) {
    let child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        eprintln!("SKIPPED: there is no promtool here; install Debian's prometheus package");
        return;
    };
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(
        output.status.success() && said.trim().is_empty(),
        "promtool: {said}"
    );
}

async fn busy_server() -> (Solo, FakeWorker) {
    let solo = Solo::start(LONG).await;
    let mut client = solo.cohorts().await;
    let mut targets = TargetServiceClient::new(dial(&solo.address()).await);
    let target = v1::Target {
        programme: "rare".to_owned(),
        unit: "genome".to_owned(),
        count: 10,
        deadline_ms: 4_000_000_000_000,
        set_ms: 0,
    };
    let set = v1::SetTargetRequest {
        request_id: "t".to_owned(),
        target: Some(target),
    };
    targets.set(set).await.unwrap();
    submit(&mut client, cohort("done", 2, 1)).await.unwrap();
    let mut worker = FakeWorker::start(&solo.address(), "w1", "1").await;
    worker
        .work(async || summary(&mut client, "done").await.state() != v1::CohortState::Running)
        .await
        .unwrap();
    submit(&mut client, cohort("waits", 3, 1)).await.unwrap();
    worker.obey_until_busy().await;
    worker.report().await;
    eventually("the report to arrive", async || {
        let asked = v1::ListWorkersRequest { stale: false };
        let listed = solo
            .workers()
            .await
            .list(asked)
            .await
            .unwrap()
            .into_inner()
            .workers;
        (listed[0].free_cores < 4).then_some(())
    })
    .await;
    (solo, worker)
}

#[tokio::test]
async fn the_families_are_there_and_a_strict_reader_accepts_them() {
    let (solo, _worker) = busy_server().await;
    let (status, text) = get(&solo, "/metrics").await;
    assert!(status.contains("200"), "{status}");
    promtool(&text);
    let families = parse(&text);
    let v = |family: &str, labels: &[&str]| value(&families, family, labels);
    let genome = ["programme=\"rare\"", "unit=\"genome\""];
    assert_eq!(v("kumi_target_units", &genome), 10.0);
    assert_eq!(v("kumi_target_deadline_timestamp_seconds", &genome), 4e9);
    assert!(v("kumi_target_required_rate_units_per_second", &genome) > 0.0);
    let genome = ["programme=\"rare\"", "centre=\"tokyo\"", "unit=\"genome\""];
    // Two of the second cohort's samples were in the first one: the same genomes.
    assert_eq!(v("kumi_units_received_total", &genome), 3.0);
    assert_eq!(v("kumi_units_completed_total", &genome), 2.0);
    assert_eq!(
        v("kumi_kernel_reads_processed_total", &["kernel=\"align\""]),
        2_000.0
    );
    assert_eq!(
        v("kumi_kernel_bases_processed_total", &["kernel=\"align\""]),
        300_000.0
    );
    assert_eq!(
        v("kumi_kernel_core_seconds_total", &["kernel=\"align\""]),
        3.0
    );
    let done = ["stage=\"align\"", "outcome=\"done\"", "reason=\"none\""];
    assert_eq!(v("kumi_tasks_finished_total", &done), 2.0);
    assert_eq!(v("kumi_worker_up", &["worker=\"w1\""]), 1.0);
    assert!(v("kumi_worker_cores", &["state=\"busy\""]) > 0.0);
    assert_eq!(
        v("kumi_worker_info", &["cpu=\"avx2\"", "version=\"0.1.0\""]),
        1.0
    );
    assert_eq!(v("kumi_worker_lost_total", &[]), 0.0);
    assert_eq!(v("kumi_raft_has_leader", &[]), 1.0);
    assert_eq!(v("kumi_raft_is_leader", &[]), 1.0);
    assert!(v("kumi_raft_applied_index", &[]) > 0.0);
    assert_eq!(v("kumi_build_info", &[]), 1.0);
    let submitted = ["grpc_method=\"Submit\"", "grpc_code=\"OK\""];
    assert_eq!(v("grpc_server_handled_total", &submitted), 2.0);
    for family in [
        "kumi_backlog_units",
        "kumi_backlog_oldest_age_seconds",
        "kumi_tasks",
        "kumi_units_failed_total",
        "kumi_task_retries_total",
        "kumi_task_wasted_core_seconds_total",
        "kumi_stage_duration_seconds",
        "kumi_turnaround_seconds",
        "kumi_queue_wait_seconds",
        "kumi_core_seconds_per_eq30x",
        "kumi_worker_memory_bytes",
        "kumi_raft_leader_changes_seen_total",
        "kumi_raft_term",
        "kumi_raft_proposals_committed_total",
        "kumi_raft_wal_fsync_duration_seconds",
        "kumi_raft_commit_duration_seconds",
        "kumi_raft_proposal_duration_seconds",
        "kumi_raft_snapshot_bytes",
        "grpc_server_handling_seconds",
        "process_resident_memory_bytes",
    ] {
        assert!(families.contains_key(family), "no {family}");
    }
    solo.server.shutdown().await;
}

#[tokio::test]
async fn business_counters_survive_a_restart() {
    let (solo, worker) = busy_server().await;
    drop(worker);
    let business = |text: &str| {
        let families = parse(text).into_iter();
        let kept = families.filter(|(name, _)| {
            name.ends_with("_total")
                && ["kumi_units", "kumi_tasks", "kumi_kernel"]
                    .iter()
                    .any(|p| name.starts_with(p))
        });
        kept.collect::<BTreeMap<_, _>>()
    };
    let before = business(&get(&solo, "/metrics").await.1);
    assert!(before.len() >= 5, "{before:?}");
    let solo = solo.restart().await;
    let after = business(&get(&solo, "/metrics").await.1);
    assert_eq!(after, before);
    solo.server.shutdown().await;
}

#[tokio::test]
async fn no_caller_makes_series() {
    let solo = Solo::start(LONG).await;
    let mut client = tonic::client::Grpc::new(dial(&solo.address()).await);
    client.ready().await.unwrap();
    let path = "/kumi.v1.CohortService/MadeUp".parse().unwrap();
    let codec = tonic_prost::ProstCodec::<v1::GetCohortRequest, v1::CohortDetail>::default();
    let asked = tonic::Request::new(v1::GetCohortRequest::default());
    client.unary(asked, path, codec).await.unwrap_err();
    let (_, text) = get(&solo, "/metrics").await;
    assert!(!text.contains("MadeUp"));
    let unknown = ["grpc_method=\"unknown\"", "grpc_code=\"Unimplemented\""];
    assert_eq!(
        value(&parse(&text), "grpc_server_handled_total", &unknown),
        1.0
    );
    solo.server.shutdown().await;
}

#[tokio::test]
async fn readiness_is_told_over_http() {
    let solo = Solo::start(LONG).await;
    for path in ["/readyz", "/healthz"] {
        assert!(get(&solo, path).await.0.contains("200"), "{path}");
    }
    assert!(get(&solo, "/secrets").await.0.contains("404"));
    solo.server.shutdown().await;
}
