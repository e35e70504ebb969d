//! `/metrics`, and `/healthz` for those who only ask whether the process lives.

use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use kumi_tls::{Bounds, Credentials, Incoming};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::metrics::Metrics;

pub(super) async fn start(
    address: SocketAddr,
    metrics: Metrics,
    credentials: Option<Credentials>,
) -> io::Result<(SocketAddr, JoinHandle<()>)> {
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    let listener = Incoming::new(listener, credentials, Bounds::monitoring())?;
    let router = Router::new()
        .route("/metrics", get(move || async move { text(&metrics) }))
        .route("/healthz", get(|| async { "ok\n" }));
    let server = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "metrics are no longer served");
        }
    });
    Ok((bound, server))
}

fn text(metrics: &Metrics) -> Response {
    match metrics.to_text() {
        Ok(text) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
