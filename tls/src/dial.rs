//! Connections to schedulers, over TLS.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use kumi_proto::dial::Dial;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::codegen::http::Uri;
use tonic::transport::Endpoint;

use crate::credentials::Credentials;
use crate::limits;
use crate::verify::said;

impl Credentials {
    /// Opens connections to schedulers of the cluster, showing this certificate. Endpoints are written as without
    /// TLS: `http://host:port`.
    #[must_use]
    pub fn dial(&self) -> Dial {
        let credentials = self.clone();
        Dial::new(move |endpoint: Endpoint| {
            let credentials = credentials.clone();
            async move {
                let connect = tower::service_fn(move |uri: Uri| {
                    let credentials = credentials.clone();
                    async move { credentials.connect(&uri).await.map(TokioIo::new) }
                });
                endpoint.connect_with_connector(connect).await
            }
        })
    }

    async fn connect(self, uri: &Uri) -> io::Result<Outgoing> {
        let unusable = |what: String| io::Error::new(io::ErrorKind::InvalidInput, what);
        let host = uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = uri.port_u16();
        let port = port.ok_or_else(|| unusable(format!("{uri} names no port")))?;
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| unusable(format!("{host:?}: {error}")))?;
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        let connector = TlsConnector::from(Arc::clone(&self.current().client));
        let patience = Duration::from_millis(limits::HANDSHAKE_MS_MAX);
        let handshake = tokio::time::timeout(patience, connector.connect(name, stream)).await;
        let stream = handshake.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let stream = stream.inspect_err(|error| self.note(error))?;
        Ok(Outgoing {
            stream: Box::new(stream),
            credentials: self,
        })
    }

    /// Keeps what TLS said, of either end's certificate. The transport above makes "broken" of it.
    fn note(&self, error: &io::Error) {
        if error
            .get_ref()
            .is_some_and(|inner| inner.is::<rustls::Error>())
        {
            self.note_refusal(said(error));
        }
    }
}

/// A connection that remembers why it was refused: in TLS 1.3 the other end says so only after the handshake.
struct Outgoing {
    stream: Box<TlsStream<TcpStream>>,
    credentials: Credentials,
}

impl AsyncRead for Outgoing {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if let Poll::Ready(Err(error)) = &read {
            self.credentials.note(error);
        }
        read
    }
}

impl AsyncWrite for Outgoing {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
