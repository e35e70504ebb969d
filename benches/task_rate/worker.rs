//! Workers that hold real sessions and do nothing: what they are told to start they report as finished.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kumi_proto::v1::worker_service_client::WorkerServiceClient;
use kumi_proto::v1::{FinishedTask, Orders, Report, WorkerHello};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;

use crate::campaign::finished;

const MEMORY_BYTES: u64 = 4 << 40;
const HEARTBEAT: Duration = Duration::from_secs(1);

/// What was acknowledged.
#[derive(Default)]
pub(crate) struct Sum {
    /// From the report of a result to its acknowledgement, a task each.
    pub(crate) latencies_us: Vec<u32>,
}

/// All workers of one measurement.
pub(crate) struct Crew {
    sums: Vec<Arc<Mutex<Sum>>>,
    tasks: Vec<JoinHandle<()>>,
    leave: watch::Sender<bool>,
}

impl Crew {
    /// Connects workers of so many cores, with so many slots in all.
    pub(crate) async fn hire(address: &str, slots: u32, cores: u32) -> Self {
        let (leave, leaving) = watch::channel(false);
        let mut crew = Self {
            sums: Vec::new(),
            tasks: Vec::new(),
            leave,
        };
        for number in 0..slots / cores {
            let sum = Arc::new(Mutex::new(Sum::default()));
            crew.sums.push(Arc::clone(&sum));
            let worker = Worker {
                cores,
                unacknowledged: BTreeMap::new(),
                sum,
            };
            let session = worker.work(
                format!("http://{address}"),
                format!("{slots}-{number}"),
                leaving.clone(),
            );
            crew.tasks.push(tokio::spawn(session));
        }
        crew
    }

    /// What was acknowledged since the last call.
    pub(crate) fn take(&self) -> Sum {
        let mut all = Sum::default();
        for sum in &self.sums {
            let sum = std::mem::take(&mut *sum.lock().expect("no worker panics"));
            all.latencies_us.extend(sum.latencies_us);
        }
        all
    }

    /// Has all workers drain and leave; how many there were.
    pub(crate) async fn dismiss(self) -> usize {
        self.leave.send_replace(true);
        let workers = self.tasks.len();
        for task in self.tasks {
            task.await.expect("a worker does not panic");
        }
        workers
    }
}

struct Worker {
    cores: u32,
    /// Results that are repeated until their fate is known, and when each was first reported.
    unacknowledged: BTreeMap<u64, (Instant, FinishedTask)>,
    sum: Arc<Mutex<Sum>>,
}

impl Worker {
    async fn work(mut self, uri: String, name: String, mut leaving: watch::Receiver<bool>) {
        let mut client = (WorkerServiceClient::connect(uri).await).expect("a leader");
        let (reports, stream) = mpsc::channel(16);
        let hello = WorkerHello {
            incarnation: name.clone(),
            name,
            cores: self.cores,
            memory_bytes: MEMORY_BYTES,
            version: "1".to_owned(),
            cpu: "avx2".to_owned(),
            kernel_version: kumi_worker::KERNEL_VERSION.to_owned(),
            labels: Vec::new(),
            ..WorkerHello::default()
        };
        let mut first = self.report(false);
        first.hello = Some(hello);
        reports.send(first).await.expect("it is read");
        let session = client.session(ReceiverStream::new(stream));
        let mut orders = session.await.expect("a session").into_inner();
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        let mut leaves = false;
        loop {
            let news = tokio::select! {
                biased;
                _ = leaving.wait_for(|leave| *leave), if !leaves => {
                    leaves = true;
                    true
                }
                message = orders.message() => {
                    let message = message.expect("the session lasts");
                    self.obey(message.expect("the session lasts"))
                }
                _ = heartbeat.tick() => {
                    if leaves && self.unacknowledged.is_empty() {
                        return;
                    }
                    true
                }
            };
            if news && reports.send(self.report(leaves)).await.is_err() {
                panic!("the session ended");
            }
        }
    }

    /// Whether there is something to report.
    fn obey(&mut self, orders: Orders) -> bool {
        let now = Instant::now();
        let mut sum = self.sum.lock().expect("nobody panics");
        for attempt in orders.acknowledged {
            if let Some((reported, _)) = self.unacknowledged.remove(&attempt) {
                let waited = now.duration_since(reported).as_micros();
                let waited = u32::try_from(waited).unwrap_or(u32::MAX);
                sum.latencies_us.push(waited);
            }
        }
        let news = !orders.start.is_empty();
        for start in orders.start {
            let done = (now, finished(start));
            self.unacknowledged.insert(done.1.attempt, done);
        }
        news
    }

    fn report(&self, draining: bool) -> Report {
        let finished = self.unacknowledged.values();
        Report {
            free_cores: self.cores,
            free_memory_bytes: MEMORY_BYTES,
            finished: finished.map(|(_, task)| task.clone()).collect(),
            draining,
            ..Report::default()
        }
    }
}
