//! The thin shell around the agent: it dials, sends, starts and stops what the agent says, and tells it what
//! came of it.
//!
//! One loop owns the agent; everything else (a session, a running task, the handle) only sends it events. A
//! session that breaks stops no task, and a task that ends waits for no session.

mod attempt;
mod config;
mod run;
mod serve;
mod session;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use kumi_proto::dial::Dial;
use kumi_tls::Credentials;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::agent::{Agent, Input};
use crate::cache;
use crate::capabilities::capabilities;
use crate::daemon::attempt::Threads;
pub use crate::daemon::attempt::{Attempt, Run};
pub use crate::daemon::config::{Config, Membership, StartError, Storage};
use crate::daemon::run::Loop;
use crate::metrics::Metrics;
use crate::open_files;
use crate::scratch::Scratch;
use crate::supply::Supply;

/// A worker that runs. Dropping the handle shuts it down.
#[derive(Debug)]
pub struct Daemon {
    wishes: mpsc::UnboundedSender<Input>,
    stopped: watch::Receiver<bool>,
    metrics: Metrics,
    metrics_address: Option<SocketAddr>,
    _server: Option<Aborting>,
}

/// A task of the runtime that ends with its handle.
#[derive(Debug)]
struct Aborting(JoinHandle<()>);

impl Drop for Aborting {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Starts a worker on the current tokio runtime. It dials until a scheduler listens, for ever if need be.
///
/// # Errors
/// What is wrong with the configuration or this machine.
pub async fn start(mut config: Config) -> Result<Daemon, StartError> {
    config.check()?;
    let credentials = config.credentials()?;
    let open_files = open_files::raise();
    tracing::info!(open_files, "files that this process may have open");
    let incarnation = config::incarnation();
    let scratch =
        Scratch::create(&config.scratch, &incarnation).map_err(|source| StartError::Scratch {
            path: config.scratch.clone(),
            source,
        })?;
    let limit_bytes = match config.storage.scratch_limit_bytes {
        Some(limit) => limit,
        None => cache::room_on(&config.scratch).map_err(|source| StartError::Scratch {
            path: config.scratch.clone(),
            source,
        })?,
    };
    // What a simulation starts says nothing of it.
    config.storage.scratch_limit_bytes = Some(limit_bytes);
    let supply = Supply::new(config.storage.objects.clone(), &config.scratch, limit_bytes);
    let environment = Environment {
        incarnation,
        dial: credentials
            .as_ref()
            .map_or_else(Dial::default, Credentials::dial),
        runner: Arc::new(Threads::new(scratch, supply.clone())),
        supply: Some(supply),
        credentials,
    };
    start_in(config, environment).await
}

/// What a worker stands on. [`start`] takes the machine's; a simulation brings its own.
pub struct Environment {
    /// What tells this process from every other worker of the same name.
    pub incarnation: String,
    /// How schedulers are reached.
    pub dial: Dial,
    /// What runs attempts.
    pub runner: Arc<dyn Run>,
    /// What the runner has remote files from, for the metrics; none: they tell nothing of it.
    pub supply: Option<Supply>,
    /// What its metrics are served with, which is what `dial` shows; none: no TLS.
    pub credentials: Option<Credentials>,
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Environment")
            .field("incarnation", &self.incarnation)
            .finish_non_exhaustive()
    }
}

/// Starts a worker in an environment of the caller's, which may leave the scratch directory alone.
///
/// # Errors
/// As [`start`].
pub async fn start_in(config: Config, environment: Environment) -> Result<Daemon, StartError> {
    config.check()?;
    let Environment {
        incarnation,
        dial,
        runner,
        supply,
        credentials,
    } = environment;
    let mut hello = capabilities(
        &config.name,
        &incarnation,
        config.cores,
        config.memory_bytes,
    );
    let scratch_limit = config.storage.scratch_limit_bytes;
    hello.scratch_bytes = scratch_limit.map_or(0, |limit| limit.max(1));
    hello.labels.extend(config.labels);
    hello.labels.sort_unstable();
    hello.labels.dedup();
    if let Some(pool) = &config.pool {
        hello.pool.clone_from(&pool.pool);
        hello.pool_request = pool.request;
        hello.job.clone_from(&pool.job);
        hello.ends_ms = pool.ends_ms();
    }
    let metrics = Metrics::new(&hello, credentials.clone(), supply)?;
    let (metrics_address, server) = match config.metrics {
        Some(address) => {
            let (address, server) = serve::start(address, metrics.clone(), credentials)
                .await
                .map_err(|source| StartError::Metrics { address, source })?;
            (Some(address), Some(Aborting(server)))
        }
        None => (None, None),
    };
    tracing::info!(
        worker = config.name,
        cores = config.cores,
        memory_bytes = config.memory_bytes,
        cpu = hello.cpu,
        "worker started"
    );
    let interval_ms = u64::try_from(config.report_interval.as_millis()).unwrap_or(u64::MAX);
    let mut agent = Agent::new(hello, config.endpoints, interval_ms);
    let pool = config.pool.unwrap_or_default();
    if let Some(left_ms) = pool.left_ms() {
        // Its clock begins now.
        agent = agent.ending(left_ms, pool.grace_ms());
    }
    let (wishes, wished) = mpsc::unbounded_channel();
    let (over, stopped) = watch::channel(false);
    let offered = (config.cores, config.memory_bytes);
    let events = Loop::new(agent, metrics.clone(), (dial, runner), offered);
    tokio::spawn(async move {
        events.run(wished).await;
        tracing::info!("worker stopped");
        over.send_replace(true);
    });
    Ok(Daemon {
        wishes,
        stopped,
        metrics,
        metrics_address,
        _server: server,
    })
}

impl Daemon {
    /// Takes nothing new, has call tasks end soon with a part, stops what still runs after `grace`, then stops.
    pub fn leave(&self, grace: Duration) {
        let within_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        let _ = self.wishes.send(Input::Leave { within_ms });
    }

    /// Finishes what runs, takes nothing new, then stops.
    pub fn drain(&self) {
        let _ = self.wishes.send(Input::Drain);
    }

    /// Stops what runs, tells the scheduler, then stops; within a few seconds, whether or not one listens.
    pub fn shutdown(&self) {
        let _ = self.wishes.send(Input::Shutdown);
    }

    /// Waits until the worker has stopped.
    pub async fn stopped(&self) {
        let mut stopped = self.stopped.clone();
        let _ = stopped.wait_for(|stopped| *stopped).await;
    }

    /// Gathers its metrics, for somebody else who serves them.
    pub fn gather(
        &self,
    ) -> impl Fn() -> Vec<prometheus::proto::MetricFamily> + Send + Sync + use<> {
        let metrics = self.metrics.clone();
        move || metrics.gather()
    }

    /// Where `/metrics` is served.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }
}
