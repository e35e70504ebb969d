//! Sheets that name very many objects.

use crate::objects::{Site, fails};
use crate::support::kumi;
use crate::support::proxy::{Fault, Proxy};

const ROWS: usize = 120;

/// What is said of a cohort file, with places as in files.
fn said(site: &Site, name: &str, base: &str, port: u16) -> String {
    let row = |at| {
        let missing = if at % 40 == 7 { "-gone" } else { "" };
        format!("S{at},{base}S{at}{missing}_1.fq\n")
    };
    let rows: String = (0..ROWS).map(row).collect();
    let sheet = format!("sample,fastq_1\n{rows}");
    let cohort = site.cohort_of(name, base, (&sheet, ""));
    let mut command = kumi();
    command.args(["cohort", "check"]).arg(cohort);
    fails(&mut site.with_store(command, port), 65)
}

/// Every fortieth file is missing and every thirtieth is no FASTQ.
#[test]
fn many_objects_are_looked_at_at_a_time_and_told_of_in_the_order_of_the_sheet() {
    let Some(site) = Site::new() else { return };
    for at in 0..ROWS {
        let bytes = if at % 30 == 3 {
            "no read\n"
        } else {
            "@r\nACGT\n+\nFFFF\n"
        };
        site.s3
            .put(&format!("given/run-1/S{at}_1.fq"), bytes.as_bytes());
    }
    let late = |asked: &str| (!asked.contains("r.fa")).then_some(Fault::Late);
    let proxy = Proxy::start(site.s3.port, late);
    let first = said(&site, "remote", "s3://given/run-1/", proxy.port);
    let lines: Vec<&str> = first
        .lines()
        .filter(|line| line.contains(": sample "))
        .collect();
    let samples = lines
        .iter()
        .filter_map(|line| line.split(": sample ").nth(1));
    let samples: Vec<&str> = samples.filter_map(|rest| rest.split(':').next()).collect();
    assert_eq!(
        samples,
        ["S3", "S7", "S33", "S47", "S63", "S87", "S93"],
        "{first}"
    );
    assert_eq!(
        said(&site, "remote", "s3://given/run-1/", proxy.port),
        first
    );
    let at_a_time = proxy.at_a_time();
    // Connections that close are counted for a moment longer.
    assert!((17..=80).contains(&at_a_time), "{at_a_time}");
}
