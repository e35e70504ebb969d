//! What the kernels have worked off, from the manifests of committed results.

use kumi_proto::v1::Stage;
use kumi_scheduler::{Tallies, Unit};

use crate::metrics::family::Family;

pub(super) fn families(tallies: &Tallies) -> Vec<Family> {
    let mut reads = Family::counter(
        "kumi_kernel_reads_processed_total",
        "Reads that the kernels of committed results worked off.",
    );
    let mut bases = Family::counter(
        "kumi_kernel_bases_processed_total",
        "Bases that the kernels of committed results worked off.",
    );
    let mut cores = Family::counter(
        "kumi_kernel_core_seconds_total",
        "Core time of committed results.",
    );
    let mut peak = Family::gauge(
        "kumi_kernel_peak_rss_bytes",
        "Largest resident set of a committed task so far.",
    );
    let mut cost = Family::gauge(
        "kumi_core_seconds_per_eq30x",
        "Core time of all committed results of a stage for each 30x equivalent aligned so far.",
    );
    let aligned = tallies
        .kernels
        .get(&Stage::Align)
        .map_or(0, |align| align.bases);
    let aligned = Unit::Eq30x.of_parts(aligned);
    for (stage, tally) in &tallies.kernels {
        let kernel = [("kernel", stage.label())];
        let core_seconds = tally.core_milliseconds as f64 / 1e3;
        reads.add(&kernel, tally.reads as f64);
        bases.add(&kernel, tally.bases as f64);
        cores.add(&kernel, core_seconds);
        peak.add(&kernel, tally.peak_rss_bytes as f64);
        if aligned > 0.0 {
            cost.add(&[("stage", stage.label())], core_seconds / aligned);
        }
    }
    vec![reads, bases, cores, peak, cost]
}
