//! What a worker counts of its stores and of the cache.

use crate::daemon::{free_ports, http_get};
use crate::objects::cluster::Cluster;
use crate::objects::{SAMPLES, Site};
use crate::support::proxy::{Fault, Proxy};

/// The sum of the series of a metric whose labels hold all of these.
fn sum(metrics: &str, name: &str, labels: &[&str]) -> usize {
    let of_it = |line: &&str| {
        let rest = line.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with(['{', ' ']))
            && labels.iter().all(|l| line.contains(l))
    };
    let value = |line: &str| {
        line.rsplit(' ')
            .next()
            .and_then(|value| value.parse::<usize>().ok())
    };
    metrics.lines().filter(of_it).filter_map(value).sum()
}

/// Counts are those of whoever stands between.
#[test]
fn requests_bytes_and_what_the_cache_had_are_counted() {
    let Some(site) = Site::new() else { return };
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let proxy = Proxy::start(site.s3.port, move |_| {
        let number = asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        number.is_multiple_of(7).then_some(Fault::Throttled)
    });
    let cluster = Cluster::start(&site);
    let [port] = free_ports();
    let address = format!("127.0.0.1:{port}");
    let _worker = cluster.worker_with("w", proxy.port, &["--metrics-address", &address]);
    cluster.submit(
        &site.cohort("remote", "s3://given/run-1/"),
        "s3://made/root",
    );
    assert_eq!(cluster.ended("c"), "completed");
    let metrics = http_get(port, "/metrics").expect("metrics");
    let requests = |labels: &[&str]| sum(&metrics, "kumi_object_store_requests_total", labels);
    let throttled = proxy.met()[&Fault::Throttled];
    assert!(throttled > 5, "{throttled}");
    assert_eq!(requests(&[]), proxy.requests(&[""]).len(), "{metrics}");
    assert_eq!(requests(&["result=\"busy\""]), throttled, "{metrics}");
    let again = sum(&metrics, "kumi_object_store_retries_total", &[]);
    assert_eq!(again, throttled, "{metrics}");
    for (label, method) in [("get", "GET"), ("head", "HEAD"), ("put", "PUT")] {
        let label = format!("method=\"{label}\"");
        assert_eq!(
            requests(&[&label]),
            proxy.requests(&[method]).len(),
            "{metrics}"
        );
    }
    let bytes = |direction: &str| {
        let label = format!("direction=\"{direction}\"");
        sum(&metrics, "kumi_object_store_bytes_total", &[&label])
    };
    let given: usize = site
        .inputs()
        .iter()
        .map(|name| site.s3.get(&format!("given/run-1/{name}")).len())
        .sum();
    let made: usize = site
        .s3
        .keys("made")
        .iter()
        .map(|key| site.s3.get(&format!("made/{key}")).len())
        .sum();
    assert!(bytes("received") >= given, "{given}: {metrics}");
    assert!(bytes("sent") >= made, "{made}: {metrics}");
    let cache = |result: &str| {
        let label = format!("result=\"{result}\"");
        sum(&metrics, "kumi_cache_lookups_total", &[&label])
    };
    // Reads and the reference come from the store, each once; what was published is there already.
    assert_eq!(cache("miss"), 2 * SAMPLES.len() + 1, "{metrics}");
    assert!(cache("hit") >= SAMPLES.len(), "{metrics}");
    assert!(sum(&metrics, "kumi_cache_bytes", &[]) > given, "{metrics}");
}
