//! Kills the leader again and again while real workers, whose tasks only wait, ask for work.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kumi_proto::v1;
use kumi_worker::agent::{Done, TaskResult};
use kumi_worker::daemon::{self, Attempt, Daemon, Run};
use kumi_worker::executor::Execution;

use crate::campaign;
use crate::measure::quantile;
use crate::process::Cluster;
use crate::submit::submit;

const WORKERS: usize = 4;
const CORES: u32 = 4;
/// How long a task waits.
const TASK: Duration = Duration::from_millis(100);
/// Orders that the dead leader had sent are over after this.
const ECHO: Duration = Duration::from_millis(50);
/// Between two kills, so that whoever was killed before is back.
const REST: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(60);

/// Kills leaders; says how long it took from each kill until a worker was told to start a task.
pub(crate) async fn measure(cluster: &mut Cluster, kills: usize) -> String {
    let mut leader = submit(cluster, "lasting", 1_000).await.leader;
    let runner = Arc::new(Waiter::default());
    let mut workers = Vec::new();
    for number in 0..WORKERS {
        workers.push(hire(cluster, number, &runner).await);
    }
    let mut took = Vec::new();
    for kill in 0..kills {
        runner.started_after(Instant::now()).await;
        tokio::time::sleep(REST).await;
        let killed = Instant::now();
        cluster.kill(leader);
        let started = runner.started_after(killed + ECHO).await;
        let lasted = started.duration_since(killed).as_millis();
        took.push(u32::try_from(lasted).unwrap_or(u32::MAX));
        cluster.restart(leader);
        leader = submit(cluster, &format!("probe{kill}"), 1).await.leader;
    }
    for worker in workers {
        worker.shutdown();
    }
    let most = took.iter().copied().max().unwrap_or(0);
    format!(
        "leader killed {kills} times, {WORKERS} workers; from the kill to the next task that starts: p50 {:.2} s, p99 {:.2} s, longest {:.2} s",
        quantile(&mut took, 0.5) / 1e3,
        quantile(&mut took, 0.99) / 1e3,
        f64::from(most) / 1e3
    )
}

async fn hire(cluster: &Cluster, number: usize, runner: &Arc<Waiter>) -> Daemon {
    let config = daemon::Config {
        name: format!("real-{number}"),
        endpoints: cluster.addresses().to_vec(),
        cores: CORES,
        memory_bytes: 4 << 40,
        labels: Vec::new(),
        scratch: cluster.folder().to_owned(),
        storage: Default::default(),
        metrics: None,
        report_interval: Duration::from_secs(1),
        tls: None,
        pool: None,
    };
    let environment = daemon::Environment {
        incarnation: config.name.clone(),
        dial: kumi_proto::dial::Dial::default(),
        runner: Arc::clone(runner) as Arc<dyn Run>,
        supply: None,
        credentials: None,
    };
    let started = daemon::start_in(config, environment).await;
    started.expect("a worker")
}

/// Runs tasks by waiting, and remembers when the last one began.
#[derive(Default)]
struct Waiter {
    last: Mutex<Option<Instant>>,
}

impl Waiter {
    /// When the first task began after this.
    async fn started_after(&self, after: Instant) -> Instant {
        let begun = Instant::now();
        loop {
            let last = *self.last.lock().expect("nobody panics");
            if let Some(last) = last.filter(|last| *last > after) {
                return last;
            }
            assert!(begun.elapsed() < PATIENCE, "no task starts");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

impl Run for Waiter {
    fn run(&self, attempt: Attempt) {
        *self.last.lock().expect("nobody panics") = Some(Instant::now());
        tokio::spawn(async move {
            tokio::time::sleep(TASK).await;
            let result = match campaign::finished(attempt.start).result {
                Some(v1::finished_task::Result::Manifest(manifest)) => Done::from(manifest),
                _ => Done::default(),
            };
            (attempt.ended)(Execution {
                result: TaskResult::Done(result),
                core_milliseconds: 1,
            });
        });
    }
}
