//! Pools as a table and as JSON.

use kumi_proto::v1;
use serde_json::{Value, json};

use crate::table::{Table, timestamp};

pub(super) fn value(pool: &v1::PoolStatus) -> Value {
    let mut value = json!({
        "pool": pool.pool, "wanted": pool.wanted, "pending": pool.pending, "running": pool.running, "up": pool.up,
        "reason": pool.reason, "requests": pool.requests, "workers_asked": pool.workers_asked,
        "requests_failed": pool.requests_failed, "retry": retry(pool),
    });
    if is_configured(pool) {
        value["kind"] = json!(pool.kind);
        value["max"] = json!(pool.max);
    }
    value
}

/// A scheduler says what it has configured only when it is asked for the cluster's status.
fn is_configured(pool: &v1::PoolStatus) -> bool {
    !pool.kind.is_empty()
}

fn retry(pool: &v1::PoolStatus) -> Option<String> {
    (pool.retry_ms > 0).then(|| timestamp(pool.retry_ms))
}

/// The pools, where there are any.
pub(super) fn table(pools: &[v1::PoolStatus]) -> String {
    if pools.is_empty() {
        return String::new();
    }
    let configured = pools.iter().any(is_configured);
    let mut header = vec!["pool", "wanted", "pending", "running", "up"];
    header.extend(configured.then_some(["max", "kind"]).into_iter().flatten());
    header.push("why");
    let mut table = Table::new(&header);
    for pool in pools {
        let counts = [pool.wanted, pool.pending, pool.running, pool.up];
        let mut row = vec![pool.pool.clone()];
        row.extend(counts.map(|count| count.to_string()));
        if configured {
            row.extend(match is_configured(pool) {
                true => [pool.max.to_string(), pool.kind.clone()],
                // It was taken out of the configuration, and something of it is left.
                false => ["-", "-"].map(str::to_owned),
            });
        }
        let retry = retry(pool).map_or_else(String::new, |at| format!(" (asked again after {at})"));
        row.push(match pool.reason.as_str() {
            "" => "-".to_owned(),
            reason => format!("{reason}{retry}"),
        });
        table.row(row);
    }
    format!("\n{}", table.render())
}
