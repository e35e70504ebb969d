//! Cases, genomes and 30x equivalents: received, completed, failed.

use std::collections::BTreeMap;

use kumi_scheduler::Tallies;
use kumi_scheduler::tallies::{Reason, UnitLabels};

use crate::metrics::family::Family;

/// Why a unit fails for good.
const FAILING: [Reason; 5] = [
    Reason::Transient,
    Reason::OutOfMemory,
    Reason::BadInput,
    Reason::Internal,
    Reason::WorkerLost,
];

pub(super) fn families(tallies: &Tallies) -> Vec<Family> {
    let mut failed = Family::counter(
        "kumi_units_failed_total",
        "Units that failed or were set aside, by reason.",
    );
    // What was received may fail: 0 until then, so that `rate` sees the first failure.
    let received = tallies.received.keys();
    let possible = received.flat_map(|labels| FAILING.map(|reason| ((labels.clone(), reason), 0)));
    let mut by_reason: BTreeMap<_, u64> = possible.collect();
    by_reason.extend(tallies.failed.clone());
    for ((labels, reason), parts) in &by_reason {
        let mut pairs = pairs(labels).to_vec();
        pairs.push(("reason", reason.label()));
        failed.add(&pairs, labels.unit.of_parts(*parts));
    }
    vec![
        counted(
            "kumi_units_received_total",
            "Units submitted; each counts once, however often it is submitted.",
            &tallies.received,
        ),
        counted(
            "kumi_units_completed_total",
            "Units completed; each counts once.",
            &tallies.completed,
        ),
        failed,
    ]
}

fn counted(name: &str, help: &str, parts: &BTreeMap<UnitLabels, u64>) -> Family {
    let mut family = Family::counter(name, help);
    for (labels, parts) in parts {
        family.add(&pairs(labels), labels.unit.of_parts(*parts));
    }
    family
}

fn pairs(labels: &UnitLabels) -> [(&str, &str); 3] {
    [
        ("programme", &labels.programme),
        ("centre", &labels.centre),
        ("unit", labels.unit.label()),
    ]
}
