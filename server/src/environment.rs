//! What a server stands on. The defaults are the machine's; a simulation brings its own.

use kumi_tls::Credentials;
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::transport::server::Connected;

use crate::clock::Clock;
use crate::machine::Machine;

/// The clock of a server, what replication stands on, and the state machine as it is before anything is restored.
#[derive(Debug)]
pub struct Environment {
    /// The time.
    pub clock: Clock,
    /// Network, log and drive of the node.
    pub cluster: kumi_cluster::Environment,
    /// The state machine.
    pub machine: Machine,
    /// What connections are secured with, all of them; none: everybody is an operator.
    pub credentials: Option<Credentials>,
}

impl Environment {
    /// With these credentials on every connection.
    #[must_use]
    pub fn secured(mut self, credentials: Credentials) -> Self {
        self.cluster.dial = credentials.dial();
        self.credentials = Some(credentials);
        self
    }

    /// The machine's, on a clock of the caller's.
    #[must_use]
    pub fn on(clock: Clock) -> Self {
        Self {
            clock,
            cluster: kumi_cluster::Environment::default(),
            machine: Machine::default(),
            credentials: None,
        }
    }
}

/// A connection that somebody opened to a server.
pub trait Connection:
    AsyncRead + AsyncWrite + Connected<ConnectInfo: Clone + Send + Sync> + Unpin + Send + 'static
{
}

impl<T> Connection for T where
    T: AsyncRead
        + AsyncWrite
        + Connected<ConnectInfo: Clone + Send + Sync>
        + Unpin
        + Send
        + 'static
{
}
