//! A listener that gives connections only of those who may speak at all.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{AbortHandle, JoinHandle};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::Stream;

use crate::certificate;
use crate::connection::{Connection, Io, Peer};
use crate::credentials::Credentials;
use crate::limits;
use crate::verify::said;

/// What a listener speaks, and its limits.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    http: bool,
    connections: usize,
    handshakes: usize,
    lifetime: Option<Duration>,
}

impl Bounds {
    /// gRPC, whose connections live long.
    #[must_use]
    pub fn grpc() -> Self {
        Self {
            http: false,
            connections: limits::CONNECTIONS_MAX,
            handshakes: limits::HANDSHAKES_MAX,
            lifetime: None,
        }
    }

    /// HTTP/1 for monitoring.
    #[must_use]
    pub fn monitoring() -> Self {
        Self {
            http: true,
            connections: limits::MONITORS_MAX,
            handshakes: limits::MONITORS_MAX,
            lifetime: Some(Duration::from_millis(limits::MONITOR_MS_MAX)),
        }
    }

    /// With at most so many connections and handshakes at once.
    #[must_use]
    pub fn with(self, connections: usize, handshakes: usize) -> Self {
        Self {
            connections,
            handshakes,
            ..self
        }
    }
}

/// What became of connections that were not let in.
#[derive(Debug, Default)]
pub struct Counts {
    refused: AtomicU64,
    slow: AtomicU64,
    crowded: AtomicU64,
}

impl Counts {
    /// Reason and number: `refused` handshakes that failed, mostly for the certificate; `slow` ones that took too long
    /// or were pushed out by others; `crowded` connections beyond those that a listener has.
    #[must_use]
    pub fn by_reason(&self) -> [(&'static str, u64); 3] {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        [
            ("refused", of(&self.refused)),
            ("slow", of(&self.slow)),
            ("crowded", of(&self.crowded)),
        ]
    }
}

/// Connections as they are accepted: a stream for tonic, a listener for axum. It never ends by itself.
#[derive(Debug)]
pub struct Incoming {
    ready: mpsc::Receiver<Connection>,
    address: SocketAddr,
    counts: Arc<Counts>,
    accepting: JoinHandle<()>,
}

impl Incoming {
    /// Accepts on `listener`: with credentials over TLS from those who have a certificate of the same cluster,
    /// without them from everybody over plain TCP.
    ///
    /// # Errors
    /// When the listener has no address.
    pub fn new(
        listener: TcpListener,
        credentials: Option<Credentials>,
        bounds: Bounds,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (out, ready) = mpsc::channel(limits::WAITING_MAX);
        let counts = Arc::new(Counts::default());
        let door = Door {
            credentials,
            bounds,
            places: Arc::new(Semaphore::new(bounds.connections)),
            counts: Arc::clone(&counts),
            out,
        };
        let accepting = tokio::spawn(door.open(listener));
        Ok(Self {
            ready,
            address,
            counts,
            accepting,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What became of those who were not let in.
    #[must_use]
    pub fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Stream for Incoming {
    type Item = io::Result<Connection>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Connection>>> {
        self.ready.poll_recv(context).map(|next| next.map(Ok))
    }
}

impl axum::serve::Listener for Incoming {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        match self.ready.recv().await {
            Some(connection) => {
                let address = connection.peer().address;
                (connection, address)
            }
            // Only a runtime that shuts down ends the accepting task before us.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

/// Who stands at the door of a listener.
#[derive(Clone)]
struct Door {
    credentials: Option<Credentials>,
    bounds: Bounds,
    places: Arc<Semaphore>,
    counts: Arc<Counts>,
    out: mpsc::Sender<Connection>,
}

impl Door {
    async fn open(self, listener: TcpListener) {
        let mut handshakes = Handshakes::new(self.bounds.handshakes);
        while !self.out.is_closed() {
            let (stream, address) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection cannot be accepted");
                    tokio::time::sleep(Duration::from_millis(limits::ACCEPT_PAUSE_MS)).await;
                    continue;
                }
            };
            // A connection that is gone already fails where it is read.
            let _ = stream.set_nodelay(true);
            let door = self.clone();
            let handshake = tokio::spawn(async move { door.admit(stream, address).await });
            let slow = handshakes.add(handshake.abort_handle());
            self.counts.slow.fetch_add(slow, Ordering::Relaxed);
        }
    }

    async fn admit(self, stream: TcpStream, address: SocketAddr) {
        let Some(credentials) = &self.credentials else {
            let peer = Peer {
                address,
                identity: None,
            };
            return self.enter(Io::Plain(stream), peer, None).await;
        };
        let patience = Duration::from_millis(limits::HANDSHAKE_MS_MAX);
        match tokio::time::timeout(patience, self.handshake(credentials, stream)).await {
            Ok(Ok(stream)) => match peer(&stream, address) {
                Some((peer, holds)) => self.enter(Io::Tls(stream), peer, Some(holds)).await,
                None => count(&self.counts.refused),
            },
            Ok(Err(error)) => {
                tracing::info!(%address, error = said(&error), "a connection is refused");
                count(&self.counts.refused);
            }
            Err(_) => {
                tracing::info!(%address, "a handshake takes too long");
                count(&self.counts.slow);
            }
        }
    }

    async fn handshake(
        &self,
        credentials: &Credentials,
        stream: TcpStream,
    ) -> io::Result<Box<TlsStream<TcpStream>>> {
        let loaded = credentials.current();
        let config = if self.bounds.http {
            &loaded.http
        } else {
            &loaded.grpc
        };
        let acceptor = TlsAcceptor::from(Arc::clone(config));
        Ok(Box::new(acceptor.accept(stream).await?))
    }

    /// Hands the connection to the server, if there is a place for it.
    async fn enter(&self, io: Io, peer: Peer, holds: Option<Duration>) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            tracing::warn!(address = %peer.address, "no more connections are taken");
            return count(&self.counts.crowded);
        };
        let lifetime = [holds, self.bounds.lifetime].into_iter().flatten().min();
        // The server may be gone.
        let _ = self
            .out
            .send(Connection::new(io, peer, lifetime, place))
            .await;
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Who is at the other end, and for how long its certificate holds. The handshake has verified both.
fn peer(stream: &TlsStream<TcpStream>, address: SocketAddr) -> Option<(Peer, Duration)> {
    let chain = stream.get_ref().1.peer_certificates()?;
    let certificate = certificate::parse(chain.first()?).ok()?;
    let holds = certificate.end().duration_since(SystemTime::now()).ok()?;
    let peer = Peer {
        address,
        identity: Some(Arc::new(certificate.identity.ok()?)),
    };
    Some((peer, holds))
}

/// Handshakes under way, oldest first.
struct Handshakes {
    under_way: VecDeque<AbortHandle>,
    most: usize,
}

impl Handshakes {
    fn new(most: usize) -> Self {
        Self {
            under_way: VecDeque::new(),
            most,
        }
    }

    /// Adds one, and ends the oldest when there are too many; how many those were.
    fn add(&mut self, handshake: AbortHandle) -> u64 {
        self.under_way.push_back(handshake);
        if self.under_way.len() <= self.most {
            return 0;
        }
        self.under_way.retain(|handshake| !handshake.is_finished());
        let mut ended = 0;
        while self.under_way.len() > self.most
            && let Some(oldest) = self.under_way.pop_front()
        {
            oldest.abort();
            ended += 1;
        }
        ended
    }
}
