//! A store that is not there.

use std::process::Command;

use crate::daemon::free_ports;
use crate::objects::{Site, fails};
use crate::support::kumi;
use crate::support::proxy::{Fault, Proxy};

const ROWS: usize = 120;
/// Requests until it is known that nobody answers, however many rows there are.
const ASKED_MAX: usize = 20;

/// What is said of many rows whose files lie in a store, and of a reference that does not.
fn check(site: &Site, endpoint: &str) -> String {
    let row = |at| format!("S{at},s3://given/run-1/S{at}_1.fq\n");
    let rows: String = (0..ROWS).map(row).collect();
    let sheet = format!("sample,fastq_1\n{rows}");
    let cohort = site.cohort_of("remote", "", (&sheet, ""));
    let mut command: Command = kumi();
    command.args(["cohort", "check"]).arg(cohort);
    let mut command = site.with_store(command, site.s3.port);
    fails(command.env("AWS_ENDPOINT_URL", endpoint), 66)
}

#[test]
fn a_store_that_is_gone_is_told_of_once_whatever_the_rows() {
    let Some(site) = Site::new() else { return };
    let [dead] = free_ports();
    let cut = Proxy::start(site.s3.port, |_| Some(Fault::Cut));
    let cases = [
        format!("http://127.0.0.1:{dead}"),
        format!("http://127.0.0.1:{}", cut.port),
        "http://no-such-host.invalid:9000".to_owned(),
    ];
    for endpoint in cases {
        let said = check(&site, &endpoint);
        assert!(said.contains("1 problem found"), "{said}");
        assert!(
            said.contains(&format!("{endpoint} cannot be reached")),
            "{said}"
        );
        assert!(!said.contains("sample S"), "{said}");
    }
    let asked = cut.requests(&[""]).len();
    assert!((1..=ASKED_MAX).contains(&asked), "{asked}");
}
