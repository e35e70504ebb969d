//! Counts calls: a tower layer around all services.
//!
//! Labels come from the descriptors of the services that are mounted; a path that names none of
//! them is counted as `unknown`, so that no caller can make series.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use http_body::Frame;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};
use prost::Message as _;
use prost_types::FileDescriptorSet;
use tonic::body::Body;
use tonic::codegen::{Body as HttpBody, Bytes, http};
use tonic::{Code, Status};

const UNKNOWN: &str = "unknown";
const LABELS: [&str; 3] = ["grpc_service", "grpc_method", "grpc_code"];
/// Upper bounds of the duration's buckets, seconds.
const BOUNDS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];

/// The counters, shared by all connections.
#[derive(Clone, Debug)]
pub(crate) struct RpcMetrics {
    handled: IntCounterVec,
    seconds: HistogramVec,
    methods: Arc<BTreeMap<String, (String, String)>>,
}

impl RpcMetrics {
    /// Counters registered with `registry`, for the methods in `descriptors`.
    pub(crate) fn new(
        registry: &Registry,
        descriptors: &[&[u8]],
    ) -> Result<Self, prometheus::Error> {
        let handled = IntCounterVec::new(
            Opts::new(
                "grpc_server_handled_total",
                "Calls answered, by status code.",
            ),
            &LABELS,
        )?;
        let options = HistogramOpts::new(
            "grpc_server_handling_seconds",
            "Time from the arrival of a call to the end of its answer; streams live long.",
        );
        let seconds = HistogramVec::new(options.buckets(BOUNDS.to_vec()), &LABELS[..2])?;
        registry.register(Box::new(handled.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        Ok(Self {
            handled,
            seconds,
            methods: Arc::new(methods(descriptors)),
        })
    }

    fn begin(&self, path: &str) -> Call {
        let (service, method) = self
            .methods
            .get(path)
            .cloned()
            .unwrap_or_else(|| (UNKNOWN.to_owned(), UNKNOWN.to_owned()));
        Call {
            metrics: self.clone(),
            service,
            method,
            began: Instant::now(),
            ended: false,
        }
    }
}

/// Path of every method to its service and name.
fn methods(descriptors: &[&[u8]]) -> BTreeMap<String, (String, String)> {
    let mut methods = BTreeMap::new();
    let sets = descriptors
        .iter()
        .filter_map(|bytes| FileDescriptorSet::decode(*bytes).ok());
    for file in sets.flat_map(|set| set.file) {
        for service in &file.service {
            let name = format!("{}.{}", file.package(), service.name());
            for method in &service.method {
                let path = format!("/{name}/{}", method.name());
                methods.insert(path, (name.clone(), method.name().to_owned()));
            }
        }
    }
    methods
}

/// A call under way; one that is dropped before its end was cancelled by the caller.
#[derive(Debug)]
struct Call {
    metrics: RpcMetrics,
    service: String,
    method: String,
    began: Instant,
    ended: bool,
}

impl Call {
    fn end(&mut self, code: Code) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let Self {
            service, method, ..
        } = self;
        let (handled, seconds) = (&self.metrics.handled, &self.metrics.seconds);
        handled
            .with_label_values(&[service.as_str(), method, code_label(code)])
            .inc();
        let took = self.began.elapsed().as_secs_f64();
        seconds
            .with_label_values(&[service.as_str(), method])
            .observe(took);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.end(Code::Cancelled);
    }
}

impl<S> tower::Layer<S> for RpcMetrics {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted {
            inner,
            metrics: self.clone(),
        }
    }
}

/// A service whose calls are counted.
#[derive(Clone, Debug)]
pub(crate) struct Counted<S> {
    inner: S,
    metrics: RpcMetrics,
}

type Answer<E> = Pin<Box<dyn Future<Output = Result<http::Response<Body>, E>> + Send>>;

impl<S, Request> tower::Service<http::Request<Request>> for Counted<S>
where
    S: tower::Service<http::Request<Request>, Response = http::Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = S::Error;
    type Future = Answer<S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Request>) -> Self::Future {
        let mut call = self.metrics.begin(request.uri().path());
        let answer = self.inner.call(request);
        Box::pin(async move {
            let response = answer.await.inspect_err(|_| call.end(Code::Unknown))?;
            // An error without a message comes with its code in the headers.
            if let Some(status) = Status::from_header_map(response.headers()) {
                call.end(status.code());
            } else if response.status() != http::StatusCode::OK {
                call.end(Code::Unknown);
            }
            Ok(response.map(|body| Body::new(CountedBody { body, call })))
        })
    }
}

/// A body that tells the call when its trailers have passed.
struct CountedBody {
    body: Body,
    call: Call,
}

impl HttpBody for CountedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                let status = frame.trailers_ref().and_then(Status::from_header_map);
                if let Some(status) = status {
                    self.call.end(status.code());
                }
            }
            Some(Err(status)) => self.call.end(status.code()),
            None => self.call.end(Code::Ok),
        }
        Poll::Ready(frame)
    }
}

/// The name of a code as gRPC spells it.
fn code_label(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "Cancelled",
        Code::Unknown => "Unknown",
        Code::InvalidArgument => "InvalidArgument",
        Code::DeadlineExceeded => "DeadlineExceeded",
        Code::NotFound => "NotFound",
        Code::AlreadyExists => "AlreadyExists",
        Code::PermissionDenied => "PermissionDenied",
        Code::ResourceExhausted => "ResourceExhausted",
        Code::FailedPrecondition => "FailedPrecondition",
        Code::Aborted => "Aborted",
        Code::OutOfRange => "OutOfRange",
        Code::Unimplemented => "Unimplemented",
        Code::Internal => "Internal",
        Code::Unavailable => "Unavailable",
        Code::DataLoss => "DataLoss",
        Code::Unauthenticated => "Unauthenticated",
    }
}
