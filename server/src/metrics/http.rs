//! The HTTP listener for monitoring: `/metrics`, `/healthz`, `/readyz`. It changes nothing.

use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use kumi_tls::Incoming;
use prometheus::TEXT_FORMAT;

/// What the listener shows.
pub(crate) trait Monitor: Send + Sync + 'static {
    /// All metrics in Prometheus' text format.
    fn exposition(&self) -> String;
    /// `Ok` while the process can do its work, else why not.
    fn healthy(&self) -> Result<(), String>;
    /// `Ok` while calls here would be answered, else why not.
    fn ready(&self) -> Result<(), String>;
}

/// Serves until `stop` is done.
pub(crate) async fn serve(
    listener: Incoming,
    monitor: Arc<dyn Monitor>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let (metrics, health, ready) = (Arc::clone(&monitor), Arc::clone(&monitor), monitor);
    let router = Router::new()
        .route(
            "/metrics",
            get(async move || ([(header::CONTENT_TYPE, TEXT_FORMAT)], metrics.exposition())),
        )
        .route("/healthz", get(async move || verdict(health.healthy())))
        .route("/readyz", get(async move || verdict(ready.ready())));
    axum::serve(listener, router)
        .with_graceful_shutdown(stop)
        .await
}

fn verdict(state: Result<(), String>) -> Response {
    match state {
        Ok(()) => "ok\n".into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}
