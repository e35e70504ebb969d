//! Credentials that are not enough.

use crate::objects::cluster::Cluster;
use crate::objects::{Site, fails};
use crate::support::kumi;
use crate::support::proxy::{Fault, Proxy};

const BASE: &str = "s3://given/run-1/";
/// Requests of one attempt that are refused: for what is known of an object, and for the code of the refusal.
const REFUSED_MAX: usize = 2;

fn denied(site: &Site, methods: &'static [&str], key: &'static str, fault: Fault) -> Proxy {
    Proxy::start(site.s3.port, move |asked| {
        let (method, path) = asked.split_once(' ').unwrap_or_default();
        (methods.contains(&method) && path.contains(key)).then_some(fault)
    })
}

/// How many requests met the fault.
fn met(proxy: &Proxy, fault: Fault) -> usize {
    proxy.met().get(&fault).copied().unwrap_or_default()
}

#[test]
fn a_check_names_what_may_not_be_read_and_what_to_mend_and_asks_once() {
    let Some(site) = Site::new() else { return };
    let cases = [
        ("AccessDenied", "policy"),
        ("InvalidAccessKeyId", "mend AWS_ACCESS_KEY_ID"),
        (
            "SignatureDoesNotMatch",
            "AWS_SECRET_ACCESS_KEY is not the secret",
        ),
    ];
    for (code, mend) in cases {
        let fault = Fault::Denied(code);
        let proxy = denied(&site, &["GET", "HEAD"], "BRAVO_1.fq.gz", fault);
        let mut command = kumi();
        command
            .args(["cohort", "check"])
            .arg(site.cohort("remote", BASE));
        let said = fails(&mut site.with_store(command, proxy.port), 66);
        let told = format!("s3://given/run-1/BRAVO_1.fq.gz: access is denied ({code})");
        for says in [&told, "allowed to read it", mend] {
            assert!(said.contains(says), "{said}");
        }
        assert!(!said.contains("ALPHA"), "{said}");
        assert!(met(&proxy, fault) <= REFUSED_MAX, "{:?}", proxy.met());
    }
}

/// Whoever submits may read and write, and the workers may not: a task that may not fails at its first attempt.
#[test]
fn a_cohort_whose_workers_may_not_read_or_write_fails_at_once_and_says_so() {
    let Some(site) = Site::new() else { return };
    let cluster = Cluster::start(&site);
    let reads: &[&str] = &["GET", "HEAD"];
    let writes: &[&str] = &["PUT", "POST"];
    let input = "BRAVO_1.fq.gz";
    let read = "s3://given/run-1/BRAVO_1.fq.gz: access is denied (";
    let cases = [
        (
            reads,
            input,
            Fault::Denied("AccessDenied"),
            read,
            "allow s3:GetObject",
        ),
        (
            writes,
            "/made/",
            Fault::Denied("AccessDenied"),
            "s3://made/root",
            "allow s3:PutObject",
        ),
        (
            reads,
            input,
            Fault::Denied("InvalidAccessKeyId"),
            read,
            "mend AWS_ACCESS_KEY_ID",
        ),
        (
            writes,
            "/made/",
            Fault::Denied("SignatureDoesNotMatch"),
            "s3://made/root",
            "AWS_SECRET_ACCESS_KEY",
        ),
        (
            writes,
            "/made/",
            Fault::NoBucket,
            "s3://made/root",
            "there is no bucket made",
        ),
    ];
    for (number, (methods, key, fault, told, mend)) in (1..).zip(cases) {
        let proxy = denied(&site, methods, key, fault);
        let worker = cluster.worker(&format!("w{number}"), proxy.port);
        let cohort = number.to_string();
        let root = format!("s3://made/root{cohort}");
        cluster.submit(&site.cohort("remote", BASE), &root);
        assert_eq!(cluster.ended(&cohort), "failed");
        let why = cluster.ask(&["cohort", "why", &cohort]).to_string();
        for says in [told, mend] {
            assert!(why.contains(says), "{why}");
        }
        let met = met(&proxy, fault);
        assert!((1..=REFUSED_MAX).contains(&met), "{fault:?}: {met}");
        drop(worker);
    }
}
