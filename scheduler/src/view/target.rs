//! How targets stand: done, the rate that is needed, the rate that is, and where it leads.

use kumi_proto::v1;

use crate::state::{Account, State, Target};
use crate::unit::Unit;

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: f64 = 86_400_000.0;
const WINDOW_HOURS: u64 = 7 * 24;

impl State {
    /// Targets and how they stand, all or those of one programme.
    #[must_use]
    pub fn targets(&self, programme: Option<&str>, now_ms: u64) -> Vec<v1::TargetProgress> {
        let books = &self.accounts;
        let wanted = books.targets.iter().filter(|((owner, _), _)| {
            programme.is_none_or(|programme| programme.is_empty() || programme == owner)
        });
        let empty = Account::default();
        wanted
            .map(|(key, target)| {
                let account = books.accounts.get(key).unwrap_or(&empty);
                progress(&key.0, key.1, target, account, now_ms)
            })
            .collect()
    }
}

fn progress(
    programme: &str,
    unit: Unit,
    target: &Target,
    account: &Account,
    now_ms: u64,
) -> v1::TargetProgress {
    let completed = unit.of_parts(account.completed);
    let remaining = (target.count as f64 - completed).max(0.0);
    // A deadline that has passed leaves an hour: a rate, not infinity.
    let left_ms = target.deadline_ms.saturating_sub(now_ms).max(HOUR_MS);
    let actual = actual_per_day(unit, account, now_ms);
    v1::TargetProgress {
        target: Some(v1::Target {
            programme: programme.to_owned(),
            unit: unit.label().to_owned(),
            count: target.count,
            deadline_ms: target.deadline_ms,
            set_ms: target.set_ms,
        }),
        received: unit.of_parts(account.received),
        completed,
        failed: unit.of_parts(account.failed),
        required_per_day: remaining / (left_ms as f64 / DAY_MS),
        actual_per_day: actual,
        projected_ms: projected_ms(remaining, actual, account, now_ms),
    }
}

/// Over the last seven days, or since the first completion if that is later, but at least an hour.
fn actual_per_day(unit: Unit, account: &Account, now_ms: u64) -> f64 {
    if account.first_ms == 0 {
        return 0.0;
    }
    let oldest = (now_ms / HOUR_MS).saturating_sub(WINDOW_HOURS);
    let parts: u64 = account.hours.range(oldest..).map(|(_, parts)| parts).sum();
    let begin_ms = account.first_ms.max(oldest * HOUR_MS);
    let span_ms = now_ms.saturating_sub(begin_ms).max(HOUR_MS);
    unit.of_parts(parts) / (span_ms as f64 / DAY_MS)
}

fn projected_ms(remaining: f64, per_day: f64, account: &Account, now_ms: u64) -> u64 {
    if remaining == 0.0 {
        account.last_ms
    } else if per_day > 0.0 {
        // A float to integer cast saturates; far futures need no precision.
        now_ms.saturating_add((remaining / per_day * DAY_MS) as u64)
    } else {
        0
    }
}
