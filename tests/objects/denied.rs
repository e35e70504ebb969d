//! Credentials that are not enough.

use crate::objects::cluster::Cluster;
use crate::objects::{SAMPLES, Site, fails};
use crate::support::kumi;
use crate::support::proxy::{Fault, Proxy};

const BASE: &str = "s3://given/run-1/";
/// Requests that it takes at most until it is told: those of all attempts of a task.
const ASKED_MAX: usize = 40;

fn denied(site: &Site, methods: &'static [&str], key: &'static str) -> Proxy {
    Proxy::start(site.s3.port, move |asked| {
        let (method, path) = asked.split_once(' ').unwrap_or_default();
        (methods.contains(&method) && path.contains(key)).then_some(Fault::Denied)
    })
}

#[test]
fn a_check_names_what_may_not_be_read_and_asks_once() {
    let Some(site) = Site::new() else { return };
    let proxy = denied(&site, &["GET", "HEAD"], "BRAVO_1.fq.gz");
    let mut command = kumi();
    command
        .args(["cohort", "check"])
        .arg(site.cohort("remote", BASE));
    let said = fails(&mut site.with_store(command, proxy.port), 66);
    let told = "s3://given/run-1/BRAVO_1.fq.gz: access is denied (AccessDenied)";
    assert!(
        said.contains(told) && said.contains("allowed to read it"),
        "{said}"
    );
    assert!(!said.contains("ALPHA"), "{said}");
    assert!(proxy.met()[&Fault::Denied] <= 2, "{:?}", proxy.met());
}

/// Whoever submits may read and write, and the workers may not.
#[test]
fn a_cohort_whose_workers_may_not_read_or_write_fails_and_says_so() {
    let Some(site) = Site::new() else { return };
    let cluster = Cluster::start(&site);
    let read = denied(&site, &["GET", "HEAD"], "BRAVO_1.fq.gz");
    let write = denied(&site, &["PUT", "POST"], "/made/");
    let cases = [
        (
            read,
            "1",
            "s3://given/run-1/BRAVO_1.fq.gz: access is denied (AccessDenied)",
            "read it",
        ),
        (write, "2", "s3://made/root2/", "write it"),
    ];
    for (proxy, cohort, told, action) in cases {
        let worker = cluster.worker(&format!("w{cohort}"), proxy.port);
        let root = format!("s3://made/root{cohort}");
        cluster.submit(&site.cohort("remote", BASE), &root);
        assert_eq!(cluster.ended(cohort), "failed");
        let why = cluster.ask(&["cohort", "why", cohort]).to_string();
        assert!(why.contains(told) && why.contains(action), "{why}");
        assert!(why.contains("access is denied (AccessDenied)"), "{why}");
        let met = proxy.met()[&Fault::Denied];
        assert!(met < ASKED_MAX * SAMPLES.len(), "{met}");
        drop(worker);
    }
}
