//! A real daemon against a small scheduler in the same process that does exactly what a test tells it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;

use kumi_proto::v1;
use kumi_proto::v1::finished_task::Result as Finished;
use kumi_proto::v1::worker_service_server::{WorkerService, WorkerServiceServer};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::{Config, Daemon, start};

type Answers = mpsc::Sender<Result<v1::Orders, Status>>;

/// A session as the scheduler sees it; dropping it hangs up.
struct Session {
    reports: Streaming<v1::Report>,
    orders: Answers,
}

impl Session {
    /// The first report for which `wanted` holds; `None` when the worker hangs up before.
    async fn until(&mut self, wanted: impl Fn(&v1::Report) -> bool) -> Option<v1::Report> {
        while let Some(Ok(report)) = self.reports.next().await {
            if wanted(&report) {
                return Some(report);
            }
        }
        None
    }

    async fn order(&self, orders: v1::Orders) {
        self.orders
            .send(Ok(orders))
            .await
            .expect("the worker listens");
    }
}

struct Fake {
    sessions: mpsc::UnboundedSender<Session>,
    /// Refuse every session and name this leader.
    leader: Option<String>,
}

#[tonic::async_trait]
impl WorkerService for Fake {
    type SessionStream =
        Pin<Box<dyn tokio_stream::Stream<Item = Result<v1::Orders, Status>> + Send>>;

    async fn session(
        &self,
        request: Request<Streaming<v1::Report>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        if let Some(leader) = &self.leader {
            let metadata = [("leader".to_owned(), leader.clone())];
            let details = ErrorDetails::with_error_info("NOT_LEADER", "kumi", metadata);
            let code = tonic::Code::Unavailable;
            return Err(Status::with_error_details(code, "not the leader", details));
        }
        let (orders, answers) = mpsc::channel(16);
        let reports = request.into_inner();
        let _ = self.sessions.send(Session { reports, orders });
        Ok(Response::new(Box::pin(ReceiverStream::new(answers))))
    }

    async fn list(
        &self,
        _: Request<v1::ListWorkersRequest>,
    ) -> Result<Response<v1::ListWorkersResponse>, Status> {
        Err(Status::unimplemented("not asked for here"))
    }

    async fn drain(
        &self,
        _: Request<v1::DrainWorkerRequest>,
    ) -> Result<Response<v1::DrainWorkerResponse>, Status> {
        Err(Status::unimplemented("not asked for here"))
    }
}

async fn scheduler(leader: Option<String>) -> (SocketAddr, mpsc::UnboundedReceiver<Session>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let (sessions, accepted) = mpsc::unbounded_channel();
    let service = WorkerServiceServer::new(Fake { sessions, leader });
    tokio::spawn(
        tonic::transport::Server::builder()
            .add_service(service)
            .serve_with_incoming(TcpListenerStream::new(listener)),
    );
    (address, accepted)
}

struct House {
    directory: tempfile::TempDir,
}

impl House {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("tempdir");
        std::fs::write(directory.path().join("r.fa"), b">c\nACGTTGCAACGGTTAACC\n")
            .expect("written");
        Self { directory }
    }

    fn scratch(&self) -> PathBuf {
        self.directory.path().join("scratch")
    }

    async fn worker(&self, endpoint: SocketAddr) -> Daemon {
        start(Config {
            name: "w".to_owned(),
            endpoints: vec![endpoint.to_string()],
            cores: 2,
            memory_bytes: 1 << 30,
            labels: Vec::new(),
            scratch: self.scratch(),
            storage: Default::default(),
            metrics: Some(([127, 0, 0, 1], 0).into()),
            report_interval: Duration::from_millis(20),
            tls: None,
            pool: None,
        })
        .await
        .expect("starts")
    }

    fn index(&self, attempt: u64, fasta: &str) -> v1::Start {
        let root = self.directory.path();
        let fasta = v1::ReadFile {
            path: root.join(fasta).to_string_lossy().into_owned(),
            ..Default::default()
        };
        let task = v1::TaskId {
            cohort: 1,
            stage: v1::Stage::Index.into(),
            row: 0,
            column: 0,
        };
        let spec = v1::Spec {
            task: Some(task),
            root: root.join("out").to_string_lossy().into_owned(),
            directory: "reference/k".to_owned(),
            cores: 1,
            memory_bytes: 1 << 20,
            kind: Some(v1::spec::Kind::Index(v1::IndexSpec {
                fasta: Some(fasta),
                alternates: Vec::new(),
            })),
            ..Default::default()
        };
        v1::Start {
            attempt,
            spec: Some(spec),
        }
    }
}

fn scratch_is_empty(scratch: &Path) -> bool {
    std::fs::read_dir(scratch).expect("there").count() == 0
}

/// Asks for `/metrics` as Prometheus does.
async fn scrape(address: SocketAddr) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(address)
        .await
        .expect("served");
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: w\r\nConnection: close\r\n\r\n")
        .await
        .expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).await.expect("answered");
    text.split_once("\r\n\r\n").expect("a head").1.to_owned()
}

fn finished(report: &v1::Report, attempt: u64) -> bool {
    report.finished.iter().any(|task| task.attempt == attempt)
}

/// A session breaks right after a task was ordered: the task runs to its end, once, and its result is told to
/// the next session in every report until it is acknowledged.
#[tokio::test]
async fn a_broken_session_stops_no_task_and_results_are_told_until_acknowledged() {
    let house = House::new();
    let (address, mut accepted) = scheduler(None).await;
    let daemon = house.worker(address).await;
    let mut session = accepted.recv().await.expect("dialled");
    let first = session.until(|_| true).await.expect("a report");
    let hello = first.hello.expect("the first report carries the hello");
    assert_eq!((hello.name.as_str(), hello.cores), ("w", 2));
    let start = vec![house.index(7, "r.fa")];
    session
        .order(v1::Orders {
            start,
            ..Default::default()
        })
        .await;
    session
        .until(|report| !report.running.is_empty() || finished(report, 7))
        .await
        .expect("it starts");
    drop(session);

    let mut session = accepted.recv().await.expect("dialled again");
    let report = session
        .until(|report| finished(report, 7))
        .await
        .expect("told");
    let Some(Finished::Manifest(manifest)) = &report.finished[0].result else {
        panic!("{report:?}");
    };
    assert_eq!(manifest.files[0].name, "r.kidx");
    assert_eq!(manifest.counts["contigs"], 1);
    let again = session.until(|_| true).await.expect("a report");
    assert!(finished(&again, 7), "told again until acknowledged");
    session
        .order(v1::Orders {
            acknowledged: vec![7],
            ..Default::default()
        })
        .await;
    session
        .until(|report| !finished(report, 7))
        .await
        .expect("forgotten");
    let metrics = scrape(daemon.metrics_address().expect("served")).await;
    let done = "kumi_worker_tasks_finished_total{outcome=\"done\",stage=\"index\"} 1";
    assert!(metrics.contains(done), "{metrics}");
    assert!(
        metrics.contains("kumi_worker_sessions_broken_total 1"),
        "{metrics}"
    );
    daemon.shutdown();
    daemon.stopped().await;
    assert!(scratch_is_empty(&house.scratch()));
}

#[tokio::test]
async fn a_refusal_leads_to_the_leader_it_names() {
    let house = House::new();
    let (leader, mut accepted) = scheduler(None).await;
    let (follower, _) = scheduler(Some(leader.to_string())).await;
    let daemon = house.worker(follower).await;
    let mut session = accepted.recv().await.expect("the leader is dialled");
    assert!(
        session
            .until(|_| true)
            .await
            .expect("a report")
            .hello
            .is_some()
    );
    daemon.shutdown();
    daemon.stopped().await;
}

/// A drain waits for the scheduler to take the result, and offers no room meanwhile.
#[tokio::test]
async fn a_drain_ends_when_every_result_is_acknowledged() {
    let house = House::new();
    let (address, mut accepted) = scheduler(None).await;
    let daemon = house.worker(address).await;
    let mut session = accepted.recv().await.expect("dialled");
    let start = vec![house.index(1, "missing.fa")];
    session
        .order(v1::Orders {
            start,
            ..Default::default()
        })
        .await;
    let report = session
        .until(|report| finished(report, 1))
        .await
        .expect("told");
    let Some(Finished::Failure(failure)) = &report.finished[0].result else {
        panic!("{report:?}");
    };
    assert_eq!(failure.class(), v1::FailureClass::Transient);
    assert!(failure.message.contains("missing.fa"), "{failure:?}");
    daemon.drain();
    let report = session.until(|report| report.draining).await.expect("told");
    assert_eq!((report.free_cores, report.free_memory_bytes), (0, 0));
    session
        .order(v1::Orders {
            acknowledged: vec![1],
            ..Default::default()
        })
        .await;
    daemon.stopped().await;
    assert!(session.until(|_| false).await.is_none(), "hung up");
}

/// `promtool check metrics` finds nothing to complain about; skipped, loudly, where there is none.
#[tokio::test]
async fn promtool_accepts_the_metrics() {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let house = House::new();
    let (address, mut accepted) = scheduler(None).await;
    let daemon = house.worker(address).await;
    let _session = accepted.recv().await.expect("dialled");
    let metrics = scrape(daemon.metrics_address().expect("served")).await;
    for name in [
        "kumi_worker_info",
        "kumi_build_info",
        "kumi_worker_cores{state=\"free\"} 2",
        "kumi_kernel_bases_processed_total{kernel=\"align\"} 0",
        "kumi_kernel_peak_rss_bytes",
    ] {
        assert!(metrics.contains(name), "{name} in {metrics}");
    }
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = promtool else {
        assert!(
            std::env::var_os("KUMI_TEST_TOOLS").is_none_or(|tools| tools != "required"),
            "promtool is required here"
        );
        eprintln!("skipped: no promtool here");
        return;
    };
    promtool
        .stdin
        .take()
        .expect("piped")
        .write_all(metrics.as_bytes())
        .expect("read");
    let output = promtool.wait_with_output().expect("ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{said}");
    drop(daemon);
}

#[tokio::test]
async fn a_worker_without_schedulers_is_refused() {
    let house = House::new();
    let config = Config {
        name: "w".to_owned(),
        endpoints: Vec::new(),
        cores: 1,
        memory_bytes: 1,
        labels: Vec::new(),
        scratch: house.scratch(),
        storage: Default::default(),
        metrics: None,
        report_interval: Duration::from_secs(1),
        tls: None,
        pool: None,
    };
    let error = start(config).await.expect_err("nobody to dial");
    assert!(error.to_string().contains("scheduler"), "{error}");
}
