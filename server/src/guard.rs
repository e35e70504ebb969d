//! In front of all services: who calls, whether they may, and how much of what they send is kept at once.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use kumi_tls::Peer;
use tonic::body::Body;
use tonic::codegen::http::{Request, Response};
use tonic::{Code, Status};

use crate::authorise::{self, Intake, Row};
use crate::caller::Caller;
use crate::intake::{Budget, IntakeBody};
use crate::refusal;

/// The layer. Clones share one budget.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    /// Whether certificates are asked for.
    secured: bool,
    budget: Arc<Budget>,
}

impl Guard {
    /// Asks for certificates, or takes everybody for an operator.
    pub(crate) fn new(secured: bool) -> Self {
        Self {
            secured,
            budget: Arc::default(),
        }
    }

    /// Who calls a method, and its row, if they may.
    fn admit(&self, path: &str, peer: Option<&Peer>) -> Result<(Caller, &'static Row), Status> {
        let identity = peer.and_then(|peer| peer.identity.clone());
        if self.secured && identity.is_none() {
            let message = "this scheduler asks for a certificate";
            return Err(refusal::status(
                Code::Unauthenticated,
                refusal::NO_CERTIFICATE,
                message,
            ));
        }
        let caller = Caller::new(identity);
        let Some(row) = authorise::find(path) else {
            return Err(Status::unimplemented(""));
        };
        // Without certificates everybody is an operator, and workers and schedulers are let in as well.
        if self.secured && !row.allows(caller.role()) {
            let role = caller.role().label();
            let message = format!("a certificate of role {role} does not permit {path}");
            tracing::warn!(actor = caller.actor(), path, "a call is refused");
            return Err(refusal::not_permitted(message));
        }
        Ok((caller, row))
    }
}

impl<S> tower::Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded {
            inner,
            guard: self.clone(),
        }
    }
}

/// A service behind the guard.
#[derive(Clone, Debug)]
pub(crate) struct Guarded<S> {
    inner: S,
    guard: Guard,
}

type Answer<E> = Pin<Box<dyn Future<Output = Result<Response<Body>, E>> + Send>>;

impl<S> tower::Service<Request<Body>> for Guarded<S>
where
    S: tower::Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Answer<S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let peer = request.extensions().get::<Peer>();
        let admitted = self.guard.admit(request.uri().path(), peer);
        let (caller, row) = match admitted {
            Ok(admitted) => admitted,
            Err(status) => return Box::pin(std::future::ready(Ok(status.into_http()))),
        };
        if let Some(node) = caller.node() {
            request.extensions_mut().insert(kumi_cluster::Sender(node));
        }
        let actor = caller.actor();
        request.extensions_mut().insert(caller);
        if row.intake == Intake::Session {
            return Box::pin(self.inner.call(request));
        }
        let charge = match self.guard.budget.begin(actor, row.intake) {
            Ok(charge) => charge,
            Err(status) => return Box::pin(std::future::ready(Ok(status.into_http()))),
        };
        let held = Arc::clone(&charge);
        let answer = self
            .inner
            .call(request.map(|body| Body::new(IntakeBody::new(body, charge, row))));
        Box::pin(async move {
            let answer = answer.await;
            // What was sent is in memory until it has been worked off.
            drop(held);
            answer
        })
    }
}
