//! National targets and how they stand: the numbers of `kumi target show`.

use kumi_proto::v1::TargetProgress;

use crate::metrics::family::Family;

const SECONDS_A_DAY: f64 = 86_400.0;

pub(super) fn families(targets: &[TargetProgress]) -> Vec<Family> {
    let mut units = Family::gauge(
        "kumi_target_units",
        "Units to be completed by the deadline.",
    );
    let mut deadline = Family::gauge(
        "kumi_target_deadline_timestamp_seconds",
        "The deadline, Unix time.",
    );
    let mut required = Family::gauge(
        "kumi_target_required_rate_units_per_second",
        "Rate from now on that would meet the target at its deadline.",
    );
    let mut projected = Family::gauge(
        "kumi_target_projected_completion_timestamp_seconds",
        "When the target is met at the rate of the last 7 days, Unix time; absent without a rate.",
    );
    for progress in targets {
        let Some(target) = &progress.target else {
            continue;
        };
        let labels = [
            ("programme", target.programme.as_str()),
            ("unit", target.unit.as_str()),
        ];
        units.add(&labels, target.count as f64);
        deadline.add(&labels, seconds(target.deadline_ms));
        required.add(&labels, progress.required_per_day / SECONDS_A_DAY);
        if progress.projected_ms > 0 {
            projected.add(&labels, seconds(progress.projected_ms));
        }
    }
    vec![units, deadline, required, projected]
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1e3
}
