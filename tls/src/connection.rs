//! One accepted connection: who opened it, and how long it may last.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Sleep, sleep};
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use crate::identity::Identity;
use crate::limits;

/// Who opened a connection.
#[derive(Clone, Debug)]
pub struct Peer {
    /// From where.
    pub address: SocketAddr,
    /// As the certificate has it; none where no certificate was asked for.
    pub identity: Option<Arc<Identity>>,
}

/// A connection that somebody opened. It breaks when its first bytes do not come in time, and when its time is up:
/// that of the certificate with which it was opened, at the latest.
#[derive(Debug)]
pub struct Connection {
    io: Io,
    peer: Peer,
    seen: usize,
    first: Option<Pin<Box<Sleep>>>,
    end: Option<Pin<Box<Sleep>>>,
    _place: OwnedSemaphorePermit,
}

#[derive(Debug)]
pub(crate) enum Io {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connection {
    pub(crate) fn new(
        io: Io,
        peer: Peer,
        lifetime: Option<Duration>,
        place: OwnedSemaphorePermit,
    ) -> Self {
        let first = Duration::from_millis(limits::FIRST_BYTES_MS_MAX);
        Self {
            io,
            peer,
            seen: 0,
            first: Some(Box::pin(sleep(first))),
            end: lifetime.map(|lifetime| Box::pin(sleep(lifetime))),
            _place: place,
        }
    }

    /// Who opened it.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    fn overdue(&mut self, context: &mut Context<'_>) -> Option<io::Error> {
        let mut due = |timer: &mut Option<Pin<Box<Sleep>>>| {
            let timer = timer.as_mut();
            timer.is_some_and(|timer| timer.as_mut().poll(context).is_ready())
        };
        let why = if due(&mut self.end) {
            "the time of this connection is up"
        } else if due(&mut self.first) {
            "nothing came on this connection"
        } else {
            return None;
        };
        Some(io::Error::new(io::ErrorKind::TimedOut, why))
    }
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(error) = self.overdue(context) {
            return Poll::Ready(Err(error));
        }
        let before = buffer.filled().len();
        let read = match &mut self.io {
            Io::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Io::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        };
        if self.first.is_some() {
            self.seen += buffer.filled().len() - before;
            if self.seen >= limits::FIRST_BYTES {
                self.first = None;
            }
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.io {
            Io::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Io::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.io {
            Io::Plain(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Io::Tls(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.io {
            Io::Plain(stream) => stream.is_write_vectored(),
            Io::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(stream) => Pin::new(stream).poll_flush(context),
            Io::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Io::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
