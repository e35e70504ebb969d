//! The pools, from replicated state.

use kumi_proto::v1::PoolStatus;

use crate::metrics::family::Family;

pub(super) fn families(pools: &[PoolStatus]) -> Vec<Family> {
    let mut workers = Family::gauge(
        "kumi_pool_workers",
        "Workers of a pool by state: wanted, pending and running at the site, up here.",
    );
    let mut asked = Family::counter(
        "kumi_pool_workers_asked_total",
        "Workers that a site was asked for.",
    );
    let mut requests = Family::counter("kumi_pool_requests_total", "Requests to a site.");
    let mut failed = Family::counter(
        "kumi_pool_requests_failed_total",
        "Requests to a site of which no worker came.",
    );
    for status in pools {
        let pool = ("pool", status.pool.as_str());
        for (state, count) in [
            ("wanted", status.wanted),
            ("pending", status.pending),
            ("running", status.running),
            ("up", status.up),
        ] {
            workers.add(&[pool, ("state", state)], f64::from(count));
        }
        asked.add(&[pool], status.workers_asked as f64);
        requests.add(&[pool], status.requests as f64);
        failed.add(&[pool], status.requests_failed as f64);
    }
    vec![workers, asked, requests, failed]
}
