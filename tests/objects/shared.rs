//! Worker processes of one node fetch an object once.

use crate::objects::cluster::Cluster;
use crate::objects::{SAMPLES, Site, rows};
use crate::support::proxy::{Fault, Proxy};

/// Chunks of a sample each need all of its reads, and everything needs the reference.
#[test]
fn two_workers_of_a_node_fetch_an_object_once() {
    let Some(site) = Site::new() else { return };
    let expected = site.made_from_files();
    // Answers take so long that the other worker comes to ask, too.
    let late = |asked: &str| asked.starts_with("GET /given/").then_some(Fault::Late);
    let proxy = Proxy::start(site.s3.port, late);
    let base = "s3://given/run-1/";
    let params = "call_shards = 2\nmode = \"latency\"\nalign_chunks = 4\nmerge_regions = 2";
    let cohort = site.cohort_of("remote", base, (&rows(base), params));
    let cluster = Cluster::start(&site);
    let workers = ["one", "two"].map(|name| cluster.worker(name, proxy.port));
    cluster.submit(&cohort, "s3://made/root");
    assert_eq!(cluster.ended("c"), "completed");
    assert_eq!(site.in_bucket("root"), expected);
    for worker in &workers {
        let said = worker.said();
        assert!(said.contains("stage=\"chunk\""), "both read reads: {said}");
    }
    for sample in SAMPLES {
        for mate in [1, 2] {
            let asked = format!("GET /given/run-1/{sample}_{mate}.fq.gz");
            assert_eq!(proxy.requests(&[&asked]).len(), 1, "{asked}");
        }
    }
    assert_eq!(proxy.requests(&["GET /given/run-1/r.fa"]).len(), 1);
}
