//! A worker that computes nothing: it speaks the session as a real one does and makes up results.

use std::collections::BTreeMap;

use kumi_proto::specs;
use kumi_proto::v1;
use kumi_proto::v1::worker_service_client::WorkerServiceClient;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use crate::harness::{dial, soon};

/// A worker process and its session.
pub(crate) struct FakeWorker {
    hello: v1::WorkerHello,
    reports: mpsc::Sender<v1::Report>,
    orders: Streaming<v1::Orders>,
    /// What it was told to run and has not finished.
    pub(crate) running: BTreeMap<u64, v1::Start>,
    /// Finished and not acknowledged.
    pub(crate) finished: BTreeMap<u64, v1::FinishedTask>,
    /// All it was ever told to stop.
    pub(crate) stopped: Vec<u64>,
    /// All it was ever told to end at a checkpoint, which it does not.
    pub(crate) split: Vec<u64>,
    /// Its number.
    pub(crate) number: u64,
    /// Whether the last orders told it to drain.
    pub(crate) drain: bool,
    /// Results it made.
    pub(crate) made: u64,
}

pub(crate) fn hello(name: &str, incarnation: &str) -> v1::WorkerHello {
    v1::WorkerHello {
        name: name.to_owned(),
        incarnation: incarnation.to_owned(),
        cores: 4,
        memory_bytes: 64 << 30,
        version: "0.1.0".to_owned(),
        cpu: "avx2".to_owned(),
        kernel_version: "1".to_owned(),
        labels: Vec::new(),
        ..v1::WorkerHello::default()
    }
}

impl FakeWorker {
    /// Starts a process and its first session; reads its first orders.
    pub(crate) async fn start(address: &str, name: &str, incarnation: &str) -> Self {
        let hello = hello(name, incarnation);
        let first = report(&hello, &BTreeMap::new(), &BTreeMap::new(), true);
        let (reports, orders) = open(address, first).await.unwrap();
        let mut worker = Self {
            hello,
            reports,
            orders,
            running: BTreeMap::new(),
            finished: BTreeMap::new(),
            stopped: Vec::new(),
            split: Vec::new(),
            number: 0,
            drain: false,
            made: 0,
        };
        worker.obey_next().await.unwrap();
        worker
    }

    /// Opens another session of the same process, at this address or another.
    pub(crate) async fn reconnect(&mut self, address: &str) -> Result<(), Status> {
        let first = report(&self.hello, &self.running, &self.finished, true);
        let (reports, orders) = open(address, first).await?;
        (self.reports, self.orders) = (reports, orders);
        self.obey_next().await
    }

    /// A process that has forgotten what it was told reconnects.
    pub(crate) async fn reconnect_empty(&mut self, address: &str) {
        self.running.clear();
        self.finished.clear();
        self.reconnect(address).await.unwrap();
    }

    /// Reports what it runs and has.
    pub(crate) async fn report(&self) {
        let report = report(&self.hello, &self.running, &self.finished, false);
        // A session that is over is seen when its orders are read.
        let _ = self.reports.send(report).await;
    }

    /// Reports its own wish to leave.
    pub(crate) async fn report_leaving(&self) {
        let mut report = report(&self.hello, &self.running, &self.finished, false);
        (report.draining, report.free_cores, report.free_memory_bytes) = (true, 0, 0);
        self.reports.send(report).await.unwrap();
    }

    /// Waits for orders and takes them in.
    pub(crate) async fn obey_next(&mut self) -> Result<(), Status> {
        let orders = soon("orders", self.orders.message()).await?;
        let orders =
            orders.ok_or_else(|| Status::cancelled("the session ended without a reason"))?;
        self.number = orders.worker;
        self.drain = orders.drain;
        for start in orders.start {
            self.running.insert(start.attempt, start);
        }
        self.split.extend(orders.split);
        for attempt in orders.stop {
            self.running.remove(&attempt);
            self.stopped.push(attempt);
        }
        for attempt in orders.acknowledged {
            self.finished.remove(&attempt);
        }
        Ok(())
    }

    /// Waits until it has something to run.
    pub(crate) async fn obey_until_busy(&mut self) {
        while self.running.is_empty() {
            self.obey_next().await.unwrap();
        }
    }

    /// Finishes all it runs with made-up results; they are not reported yet.
    pub(crate) fn finish_all(&mut self) {
        for (attempt, start) in std::mem::take(&mut self.running) {
            let result = Some(v1::finished_task::Result::Manifest(manifest(&start)));
            self.keep(attempt, &start, result);
        }
    }

    /// All it runs fails in this way.
    pub(crate) fn fail_all(&mut self, class: v1::FailureClass) {
        for (attempt, start) in std::mem::take(&mut self.running) {
            let failure = v1::Failure {
                class: class.into(),
                message: "made up".to_owned(),
            };
            self.keep(
                attempt,
                &start,
                Some(v1::finished_task::Result::Failure(failure)),
            );
        }
    }

    fn keep(&mut self, attempt: u64, start: &v1::Start, result: Option<v1::finished_task::Result>) {
        let task = start.spec.as_ref().and_then(|spec| spec.task);
        self.made += 1;
        self.finished.insert(
            attempt,
            v1::FinishedTask {
                attempt,
                task,
                result,
                ..v1::FinishedTask::default()
            },
        );
    }

    /// Works until the session ends or `enough` says so after a turn.
    pub(crate) async fn work(
        &mut self,
        mut enough: impl AsyncFnMut() -> bool,
    ) -> Result<(), Status> {
        while !enough().await {
            self.obey_until_busy_or_idle().await?;
            self.finish_all();
            self.report().await;
            while !self.finished.is_empty() {
                self.obey_next().await?;
            }
        }
        Ok(())
    }

    /// Takes in orders that are there, or come within a moment.
    async fn obey_until_busy_or_idle(&mut self) -> Result<(), Status> {
        let moment = std::time::Duration::from_millis(50);
        match tokio::time::timeout(moment, self.obey_next()).await {
            Ok(orders) => orders,
            Err(_) => Ok(()),
        }
    }
}

fn report(
    hello: &v1::WorkerHello,
    running: &BTreeMap<u64, v1::Start>,
    finished: &BTreeMap<u64, v1::FinishedTask>,
    first: bool,
) -> v1::Report {
    let specs = || running.values().filter_map(|start| start.spec.as_ref());
    let cores: u32 = specs().map(|spec| spec.cores).sum();
    let memory: u64 = specs().map(|spec| spec.memory_bytes).sum();
    let running = running.values().map(|start| v1::RunningTask {
        attempt: start.attempt,
        task: start.spec.as_ref().and_then(|spec| spec.task),
        progress: 0.5,
    });
    v1::Report {
        hello: first.then(|| hello.clone()),
        free_cores: hello.cores.saturating_sub(cores),
        free_memory_bytes: hello.memory_bytes.saturating_sub(memory),
        running: running.collect(),
        finished: finished.values().cloned().collect(),
        draining: false,
        specs: specs::NEWEST,
    }
}

async fn open(
    address: &str,
    first: v1::Report,
) -> Result<(mpsc::Sender<v1::Report>, Streaming<v1::Orders>), Status> {
    let (reports, stream) = mpsc::channel(16);
    reports.send(first).await.unwrap();
    let mut client = WorkerServiceClient::new(dial(address).await);
    let orders = client.session(ReceiverStream::new(stream)).await?;
    Ok((reports, orders.into_inner()))
}

/// What a task would have left behind.
fn manifest(start: &v1::Start) -> v1::Manifest {
    let spec = start.spec.as_ref().unwrap();
    let file = v1::File {
        name: format!("{}.out", spec.key),
        size: 10,
        sha256: "ef".repeat(32),
    };
    let counts = [("reads", 1_000), ("bases", 150_000)];
    v1::Manifest {
        directory: spec.directory.clone(),
        files: vec![file],
        counts: counts
            .into_iter()
            .map(|(name, count)| (name.to_owned(), count))
            .collect(),
        core_milliseconds: 1_500,
        peak_rss_bytes: 1 << 20,
    }
}
