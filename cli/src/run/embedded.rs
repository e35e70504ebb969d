//! The scheduler and the worker inside `kumi run`.

use std::time::Duration;

use kumi_server::config::Span;
use kumi_server::{Config, Server};
use kumi_worker::capabilities::{machine_cores, machine_memory};
use kumi_worker::daemon::{self, Daemon};

use crate::args::RunArgs;
use crate::client::Client;
use crate::exit::{Code, Exit};
use crate::run::home::Home;

/// How often the worker reports and the scheduler answers: nobody else is waiting.
const REPORT_EVERY: Duration = Duration::from_millis(100);
/// How long a worker may take to stop what it computes.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// A cluster of one in this process.
pub(crate) struct Embedded {
    server: Server,
    worker: Option<Daemon>,
}

impl Embedded {
    /// Starts the scheduler on the state of earlier runs; 70 or 73 when it does not start.
    pub(crate) async fn start(home: &Home, args: &RunArgs) -> anyhow::Result<Self> {
        let mut config = Config::embedded(home.scheduler());
        config.scheduler.metrics_listen = args.metrics_address.map(|address| address.to_string());
        config.scheduler.report_in = Span::from_ms(REPORT_EVERY.as_millis() as u64);
        let server = kumi_server::start(config).await.map_err(|error| {
            let message = format!("the scheduler does not start: {}", chain(&error));
            Exit::new(Code::CannotCreate, message)
        })?;
        server.wait_ready().await;
        Ok(Self {
            server,
            worker: None,
        })
    }

    /// A client of the scheduler.
    pub(crate) fn client(&self) -> Client {
        Client::new(vec![self.server.grpc_address().to_string()])
    }

    /// Starts the worker.
    pub(crate) async fn start_worker(&mut self, home: &Home, args: &RunArgs) -> anyhow::Result<()> {
        let config = daemon::Config {
            name: "local".to_owned(),
            endpoints: vec![self.server.grpc_address().to_string()],
            cores: args.threads.unwrap_or_else(machine_cores),
            memory_bytes: machine_memory() / 10 * 9,
            labels: Vec::new(),
            scratch: home.scratch(),
            storage: Default::default(),
            metrics: None,
            report_interval: REPORT_EVERY,
            tls: None,
            pool: None,
        };
        let worker = daemon::start(config).await.map_err(|error| {
            let message = format!("the worker does not start: {}", chain(&error));
            Exit::new(Code::Internal, message)
        })?;
        self.server.also_serve(worker.gather());
        self.worker = Some(worker);
        Ok(())
    }

    /// Waits until the scheduler or the worker ends, which neither does by itself.
    pub(crate) async fn broken(&self) -> anyhow::Error {
        let worker = async {
            match &self.worker {
                Some(worker) => worker.stopped().await,
                None => std::future::pending().await,
            }
        };
        let why = tokio::select! {
            biased;
            ended = self.server.stopped() => match ended {
                Ok(()) => "the scheduler stopped".to_owned(),
                Err(error) => format!("the scheduler failed: {}", chain(&error)),
            },
            () = worker => "the worker stopped".to_owned(),
        };
        Exit::new(Code::Internal, why).into()
    }

    /// Stops the worker, then the scheduler.
    pub(crate) async fn stop(self) {
        if let Some(worker) = self.worker {
            worker.shutdown();
            let _ = tokio::time::timeout(STOP_WITHIN, worker.stopped()).await;
        }
        self.server.shutdown().await;
    }
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    kumi_worker::fault::chain(error)
}
