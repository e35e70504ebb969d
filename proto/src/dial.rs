//! How a client of this wire opens a connection: over TCP, unless whoever starts it brings another way.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tonic::transport::{Channel, Endpoint, Error};

type Dialling = Pin<Box<dyn Future<Output = Result<Channel, Error>> + Send>>;

/// A way to open connections. Clones share it.
#[derive(Clone)]
pub struct Dial(Arc<dyn Fn(Endpoint) -> Dialling + Send + Sync>);

impl Dial {
    /// A way of the caller's: a simulated network, for instance.
    pub fn new<F>(dial: impl Fn(Endpoint) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Channel, Error>> + Send + 'static,
    {
        Self(Arc::new(move |endpoint| Box::pin(dial(endpoint))))
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// When nobody answers at the endpoint.
    pub async fn connect(&self, endpoint: Endpoint) -> Result<Channel, Error> {
        (self.0)(endpoint).await
    }
}

impl Default for Dial {
    fn default() -> Self {
        Self::new(|endpoint| async move { endpoint.connect().await })
    }
}

impl fmt::Debug for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dial")
    }
}
