//! One scheduler node: its sockets, its tasks, its beginning and its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use kumi_cluster::Node;
use kumi_tls::{Bounds, Credentials, Incoming, LoadError, Role};
use prometheus::Registry;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_stream::Stream;
use tonic_health::ServingStatus;

use crate::clock::Clock;
use crate::config::{Config, ConfigError};
use crate::control::Control;
use crate::endpoint;
use crate::environment::{Connection, Environment};
use crate::guard::Guard;
use crate::leader;
use crate::limits;
use crate::metrics::family::Family;
use crate::metrics::rpc::RpcMetrics;
use crate::metrics::{Exposition, http, tls};
use crate::pool::Configured;

/// How a server ended, once it has.
type End = Option<Result<(), StopError>>;

/// A running scheduler node. Dropping it does not stop it; [`Server::shutdown`] does.
pub struct Server {
    grpc_address: SocketAddr,
    metrics_address: Option<SocketAddr>,
    exposition: Arc<Exposition>,
    control: Arc<Control>,
    stop: watch::Sender<bool>,
    end: watch::Receiver<End>,
}

/// Starts a node on the machine's clock.
///
/// # Errors
/// When the configuration is wrong, an address cannot be bound, or the data folder cannot be used.
pub async fn start(config: Config) -> Result<Server, StartError> {
    start_with(config, Clock::system()).await
}

/// Starts a node on a clock of the caller's.
///
/// # Errors
/// As [`start`].
pub async fn start_with(config: Config, clock: Clock) -> Result<Server, StartError> {
    config.validate()?;
    let listen = &config.scheduler.listen;
    let grpc = bind("listen", listen).await?;
    let grpc_address = address("listen", listen, &grpc)?;
    let credentials = credentials(&config)?;
    let mut environment = Environment::on(clock);
    match &credentials {
        Some(credentials) => environment = environment.secured(credentials.clone()),
        None if grpc_address.ip().is_loopback() => {}
        None => tracing::warn!(
            address = %grpc_address,
            "without [tls] in the configuration everybody who reaches this address may do everything"
        ),
    }
    let connections = incoming("listen", grpc, credentials.clone(), Bounds::grpc())?;
    let counts = connections.counts();
    let server = start_in(config, environment, grpc_address, connections).await?;
    if let Some(credentials) = credentials {
        let families = move || tls::families(&credentials, &counts).into_iter();
        server.also_serve(move || families().filter_map(Family::finish).collect());
    }
    Ok(server)
}

/// The certificate of this very node, when one is configured.
fn credentials(config: &Config) -> Result<Option<Credentials>, StartError> {
    let Some(files) = &config.tls else {
        return Ok(None);
    };
    let credentials = Credentials::load(files.clone())?;
    let (identity, scheduler) = (credentials.identity(), &config.scheduler);
    if identity.role() == Role::Scheduler
        && identity.cluster() == scheduler.cluster
        && identity.node() == Some(scheduler.id)
    {
        return Ok(Some(credentials));
    }
    Err(StartError::Identity {
        found: identity.to_string(),
        id: scheduler.id,
        cluster: scheduler.cluster.clone(),
    })
}

fn incoming(
    key: &'static str,
    listener: TcpListener,
    credentials: Option<Credentials>,
    bounds: Bounds,
) -> Result<Incoming, StartError> {
    Incoming::new(listener, credentials, bounds).map_err(|source| cannot_bind(key, "", source))
}

/// Starts a node in an environment of the caller's, who also listens: others reach it at `grpc_address`, and
/// `connections` are those that they open.
///
/// # Errors
/// As [`start`].
pub async fn start_in<I, E>(
    config: Config,
    environment: Environment,
    grpc_address: SocketAddr,
    connections: impl Stream<Item = Result<I, E>> + Send + 'static,
) -> Result<Server, StartError>
where
    I: Connection,
    E: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
{
    config.validate()?;
    let scheduler = &config.scheduler;
    let http = match &scheduler.metrics_listen {
        Some(listen) => Some(bind("metrics_listen", listen).await?),
        None => None,
    };
    let metrics_address = match (&http, &scheduler.metrics_listen) {
        (Some(http), Some(listen)) => Some(address("metrics_listen", listen, http)?),
        _ => None,
    };
    let Environment {
        clock,
        cluster,
        machine,
        credentials,
    } = environment;
    let node = Node::start_in(config.cluster(grpc_address), machine, cluster).await?;
    let (stop, stopping) = watch::channel(false);
    let pools = Configured::new(&config.pools)
        .map_err(|(pool, source)| StartError::Template { pool, source })?;
    let named = (node, scheduler.cluster.clone());
    let control = Control::new(named, clock, scheduler, pools, stopping);
    let registry = Registry::new();
    let rpc = RpcMetrics::new(&registry, &endpoint::DESCRIPTORS)?;
    let exposition = Arc::new(Exposition::new(Arc::clone(&control), registry)?);
    let (health, health_service) = tonic_health::server::health_reporter();
    let tasks = Tasks {
        grpc: tokio::spawn(endpoint::serve(
            Arc::clone(&control),
            connections,
            (rpc, Guard::new(credentials.is_some())),
            health_service,
        )),
        http: match http {
            Some(listener) => {
                let listener = incoming(
                    "metrics_listen",
                    listener,
                    credentials,
                    Bounds::monitoring(),
                )?;
                let monitor = Arc::clone(&exposition);
                let stop = stopped_token(Arc::clone(&control));
                Some(tokio::spawn(http::serve(listener, monitor, stop)))
            }
            None => None,
        },
        leader: tokio::spawn(leader::run(Arc::clone(&control))),
        health: tokio::spawn(report_health(Arc::clone(&control), health)),
    };
    let (end_out, end) = watch::channel(None);
    tokio::spawn(tasks.watch_over(Arc::clone(&control), stop.clone(), end_out));
    tracing::info!(id = scheduler.id, address = %grpc_address, "this scheduler is up");
    Ok(Server {
        grpc_address,
        metrics_address,
        exposition,
        control,
        stop,
        end,
    })
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("grpc_address", &self.grpc_address)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// Where clients, workers and peers are served.
    #[must_use]
    pub fn grpc_address(&self) -> SocketAddr {
        self.grpc_address
    }

    /// Where `/metrics`, `/healthz` and `/readyz` are served, when they are.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// Serves the metrics of something else in this process beside its own: families by names that it has
    /// not itself.
    pub fn also_serve(
        &self,
        gather: impl Fn() -> Vec<prometheus::proto::MetricFamily> + Send + Sync + 'static,
    ) {
        self.exposition.add(Box::new(gather));
    }

    /// Waits until calls here are answered: a leader is known, and if it is this node, its term has
    /// begun. Also returns when the server has ended.
    pub async fn wait_ready(&self) {
        let (mut term, mut status) = (self.control.term(), self.control.node.status());
        loop {
            term.borrow_and_update();
            status.borrow_and_update();
            if self.control.ready().is_ok() || self.end.borrow().is_some() {
                return;
            }
            tokio::select! {
                biased;
                () = self.control.ready_changed(&mut term, &mut status) => {}
                _ = self.stopped() => return,
            }
        }
    }

    /// Stops: sessions and watchers are told, calls under way are finished, the data folder is
    /// released. Nothing that was answered is lost by it.
    pub async fn shutdown(&self) {
        self.stop.send_replace(true);
        // How it ended is told by `stopped`.
        let _ = self.stopped().await;
    }

    /// Waits until the server has ended.
    ///
    /// # Errors
    /// Why it ended by itself.
    pub async fn stopped(&self) -> Result<(), StopError> {
        let mut end = self.end.clone();
        match end.wait_for(Option::is_some).await {
            Ok(end) => end.clone().unwrap_or(Ok(())),
            Err(_) => Ok(()),
        }
    }
}

async fn stopped_token(control: Arc<Control>) {
    control.stopping().await;
}

async fn bind(key: &'static str, listen: &str) -> Result<TcpListener, StartError> {
    TcpListener::bind(listen)
        .await
        .map_err(|source| cannot_bind(key, listen, source))
}

fn address(
    key: &'static str,
    listen: &str,
    listener: &TcpListener,
) -> Result<SocketAddr, StartError> {
    listener
        .local_addr()
        .map_err(|source| cannot_bind(key, listen, source))
}

fn cannot_bind(key: &'static str, listen: &str, source: std::io::Error) -> StartError {
    let address = listen.to_owned();
    StartError::Bind {
        key,
        address,
        source,
    }
}

/// Keeps the health service in step with readiness.
async fn report_health(control: Arc<Control>, health: tonic_health::server::HealthReporter) {
    let (mut term, mut status) = (control.term(), control.node.status());
    loop {
        term.borrow_and_update();
        status.borrow_and_update();
        let serving = match control.ready() {
            Ok(()) => ServingStatus::Serving,
            Err(_) => ServingStatus::NotServing,
        };
        for service in endpoint::SERVICES {
            health.set_service_status(service, serving).await;
        }
        tokio::select! {
            biased;
            () = control.stopping() => break,
            () = control.ready_changed(&mut term, &mut status) => {}
        }
    }
    for service in endpoint::SERVICES {
        health
            .set_service_status(service, ServingStatus::NotServing)
            .await;
    }
}

/// What runs in a server.
struct Tasks {
    grpc: JoinHandle<Result<(), endpoint::ServeError>>,
    http: Option<JoinHandle<std::io::Result<()>>>,
    leader: JoinHandle<()>,
    health: JoinHandle<()>,
}

impl Tasks {
    /// Waits for the first end, by request or by failure, then ends the rest.
    async fn watch_over(
        mut self,
        control: Arc<Control>,
        stop: watch::Sender<bool>,
        end: watch::Sender<End>,
    ) {
        let node = control.node.clone();
        let first = tokio::select! {
            biased;
            () = control.stopping() => Ok(()),
            ended = node.stopped() => ended.map_err(|failure| StopError::Node(Arc::new(failure))),
            ended = &mut self.grpc => Err(StopError::listener("gRPC", ended)),
        };
        stop.send_replace(true);
        let patience = Duration::from_millis(limits::SHUTDOWN_MS_MAX);
        let deadline = tokio::time::Instant::now() + patience;
        if !self.grpc.is_finished()
            && tokio::time::timeout_at(deadline, &mut self.grpc)
                .await
                .is_err()
        {
            self.grpc.abort();
        }
        if let Some(mut http) = self.http
            && tokio::time::timeout_at(deadline, &mut http).await.is_err()
        {
            http.abort();
        }
        for task in [self.leader, self.health] {
            task.abort();
            // It was aborted, or had ended.
            let _ = task.await;
        }
        node.shutdown().await;
        match &first {
            Ok(()) => tracing::info!("this scheduler has stopped"),
            Err(error) => tracing::error!(%error, "this scheduler has stopped"),
        }
        end.send_replace(Some(first));
    }
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An address cannot be listened on.
    #[error("scheduler.{key}: cannot listen on {address}")]
    Bind {
        /// The key in `[scheduler]`.
        key: &'static str,
        /// As configured.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// The certificate cannot be used.
    #[error("tls")]
    Tls(#[from] LoadError),
    /// The certificate is not this node's.
    #[error(
        "tls.certificate: it is of {found}, not of kumi://{cluster}/scheduler/-/{id}, which this node is"
    )]
    Identity {
        /// Whose it is.
        found: String,
        /// This node.
        id: u64,
        /// Its cluster.
        cluster: String,
    },
    /// What a pool's workers are made of cannot be read.
    #[error("pool.{pool}.template cannot be read")]
    Template {
        /// The pool.
        pool: String,
        /// Why.
        source: std::io::Error,
    },
    /// Replication cannot start; mostly the data folder.
    #[error(transparent)]
    Cluster(#[from] kumi_cluster::StartError),
    /// A metric was registered twice: a defect.
    #[error("the metrics cannot be registered")]
    Metrics(#[from] prometheus::Error),
}

/// Why a server ended by itself.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StopError {
    /// Replication failed: the disk, or a broken invariant.
    #[error(transparent)]
    Node(Arc<kumi_cluster::Failure>),
    /// A listener failed.
    #[error("the {listener} listener failed: {reason}")]
    Listener {
        /// Which.
        listener: &'static str,
        /// Why, in its words.
        reason: String,
    },
}

impl StopError {
    fn listener(
        listener: &'static str,
        ended: Result<Result<(), endpoint::ServeError>, tokio::task::JoinError>,
    ) -> Self {
        let reason = match ended {
            Ok(Ok(())) => "it ended by itself".to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        Self::Listener { listener, reason }
    }
}
