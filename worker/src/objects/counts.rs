//! What is counted of requests to stores. No label names a bucket or an object.

use object_store::client::{HttpError, HttpResponse};
use prometheus::core::Collector;
use prometheus::{IntCounter, IntCounterVec, Opts};

/// Counters of a process.
#[derive(Clone, Debug)]
pub(crate) struct Counts {
    requests: IntCounterVec,
    again: IntCounter,
    bytes: IntCounterVec,
}

impl Default for Counts {
    fn default() -> Self {
        let counters = |name, help, labels: &[&str]| {
            IntCounterVec::new(Opts::new(name, help), labels).expect("a plain name")
        };
        let again = IntCounter::new(
            "kumi_object_store_retries_total",
            "Requests that were busy or lost, and bodies that broke off: they are asked for again.",
        );
        let counts = Self {
            requests: counters(
                "kumi_object_store_requests_total",
                "Requests to object stores, by what came of them.",
                &["method", "result"],
            ),
            again: again.expect("a plain name"),
            bytes: counters(
                "kumi_object_store_bytes_total",
                "Bytes of objects that came from object stores and went there.",
                &["direction"],
            ),
        };
        for direction in ["received", "sent"] {
            counts.bytes.with_label_values(&[direction]);
        }
        counts
    }
}

impl Counts {
    /// What is to be registered.
    pub(crate) fn collectors(&self) -> Vec<Box<dyn Collector>> {
        vec![
            Box::new(self.requests.clone()),
            Box::new(self.again.clone()),
            Box::new(self.bytes.clone()),
        ]
    }

    /// A request ended that carried so many bytes.
    pub(super) fn request(
        &self,
        method: &str,
        carried: usize,
        answer: &Result<HttpResponse, HttpError>,
    ) {
        let result = answer
            .as_ref()
            .map_or("lost", |answer| outcome(answer.status().as_u16()));
        let counter = [method_label(method), result];
        self.requests.with_label_values(&counter).inc();
        match result {
            "busy" | "lost" => self.again.inc(),
            "ok" => self.moved("sent", carried as u64),
            _ => {}
        }
    }

    /// A part of an object came, whole.
    pub(super) fn received(&self, bytes: u64) {
        self.moved("received", bytes);
    }

    /// The body of an answer broke off.
    pub(super) fn broke_off(&self) {
        self.again.inc();
    }

    fn moved(&self, direction: &str, bytes: u64) {
        self.bytes.with_label_values(&[direction]).inc_by(bytes);
    }
}

fn method_label(method: &str) -> &'static str {
    match method {
        "GET" => "get",
        "HEAD" => "head",
        "PUT" => "put",
        "POST" => "post",
        "DELETE" => "delete",
        _ => "other",
    }
}

/// What a status says: `absent` and `exists` are answers that are asked for.
fn outcome(status: u16) -> &'static str {
    match status {
        404 => "absent",
        409 | 412 => "exists",
        401 | 403 => "denied",
        408 | 429 | 500.. => "busy",
        400.. => "refused",
        _ => "ok",
    }
}

#[cfg(test)]
mod tests {
    use super::outcome;

    #[test]
    fn every_status_has_one_outcome() {
        let told = [200, 206, 304, 400, 403, 404, 412, 416, 429, 503].map(outcome);
        let expected = [
            "ok", "ok", "ok", "refused", "denied", "absent", "exists", "refused", "busy", "busy",
        ];
        assert_eq!(told, expected);
    }
}
