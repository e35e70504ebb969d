//! Every request to a store goes through here: no more in a second and no more at a time than is allowed, whatever
//! the bucket, the task or the thread.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::objects::counts::Counts;
use crate::objects::trust;

/// What all requests of a process share.
#[derive(Debug)]
pub(super) struct Limits {
    /// Nanoseconds from one request to the next.
    every_ns: u64,
    began: Instant,
    /// When the next request may begin, in nanoseconds since `began`.
    next_ns: Mutex<u64>,
    at_a_time: Semaphore,
}

impl Limits {
    pub(super) fn new(requests_per_second: u32, at_a_time: u32) -> Self {
        Self {
            every_ns: 1_000_000_000 / u64::from(requests_per_second.max(1)),
            began: Instant::now(),
            next_ns: Mutex::new(0),
            at_a_time: Semaphore::new(at_a_time.max(1) as usize),
        }
    }

    /// Waits for this request's turn.
    async fn turn(&self) {
        let now_ns = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let begins_ns = {
            let mut next = self.next_ns.lock().unwrap_or_else(PoisonError::into_inner);
            let (begins_ns, following) = slot(*next, now_ns, self.every_ns);
            *next = following;
            begins_ns
        };
        if begins_ns > now_ns {
            tokio::time::sleep(Duration::from_nanos(begins_ns - now_ns)).await;
        }
    }
}

/// When a request that comes `now` begins, and when the one after it may: those of a tenth of a second that were not
/// asked for may be made up for, no more.
fn slot(next_ns: u64, now_ns: u64, every_ns: u64) -> (u64, u64) {
    const BURST_NS: u64 = 100_000_000;
    let begins_ns = next_ns.max(now_ns.saturating_sub(BURST_NS));
    (begins_ns, begins_ns + every_ns)
}

/// Connects through the limits.
#[derive(Debug)]
pub(super) struct Connector {
    pub(super) limits: Arc<Limits>,
    pub(super) counts: Counts,
    /// Whether an upload in parts that is completed must not replace anything. The crate has this for small objects
    /// only; the header needs no signature.
    pub(super) create: bool,
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Limited {
            inner: ReqwestConnector::default().connect(options)?,
            limits: Arc::clone(&self.limits),
            counts: self.counts.clone(),
            create: self.create,
        }))
    }
}

#[derive(Debug)]
struct Limited {
    inner: HttpClient,
    limits: Arc<Limits>,
    counts: Counts,
    create: bool,
}

type Answer<'a> = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'a>>;

impl HttpService for Limited {
    fn call<'life, 'answer>(&'life self, mut request: HttpRequest) -> Answer<'answer>
    where
        'life: 'answer,
        Self: 'answer,
    {
        Box::pin(async move {
            if self.create && completes(&request) {
                let anything = "*".parse().expect("a header's value");
                request.headers_mut().insert("if-none-match", anything);
            }
            let permit = self.limits.at_a_time.acquire().await;
            self.limits.turn().await;
            let (method, carried) = (request.method().clone(), request.body().content_length());
            let answer = self.inner.execute(request).await;
            drop(permit);
            self.counts.request(method.as_str(), carried, &answer);
            answer.map_err(trust::for_good)
        })
    }
}

/// Whether a request makes an object of the parts that were uploaded.
fn completes(request: &HttpRequest) -> bool {
    let query = request.uri().query().unwrap_or_default();
    request.method().as_str() == "POST" && query.split('&').any(|p| p.starts_with("uploadId="))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::slot;

    proptest! {
        /// Whenever requests come: in any second no more begin than are allowed, and a tenth more after a rest.
        #[test]
        fn no_second_has_more_than_it_may(
            waits in proptest::collection::vec(0u64..50_000_000, 1..200),
            rate in 1u64..500,
        ) {
            let every = 1_000_000_000 / rate;
            let (mut now, mut next) = (0, 0);
            let mut begun = Vec::new();
            for wait in waits {
                now += wait;
                let (begins, following) = slot(next, now, every);
                next = following;
                begun.push(begins.max(now));
            }
            for (at, first) in begun.iter().enumerate() {
                let within = begun[at..].iter().filter(|b| **b < first + 1_000_000_000).count() as u64;
                prop_assert!(within <= rate + rate / 10 + 2, "{within} of {rate}");
            }
        }
    }
}
