//! How pools stand.

use std::collections::BTreeMap;

use kumi_proto::v1;

use crate::pool::Pool;
use crate::state::State;

impl State {
    /// The pools, by name.
    #[must_use]
    pub fn pools(&self) -> &BTreeMap<String, Pool> {
        &self.pools
    }

    /// How each pool stands.
    #[must_use]
    pub fn pool_statuses(&self) -> Vec<v1::PoolStatus> {
        let status = |(name, pool): (&String, &Pool)| v1::PoolStatus {
            pool: name.clone(),
            wanted: pool.seen.wanted,
            pending: pool.seen.pending,
            running: pool.seen.running,
            up: self.up(name),
            reason: pool.reason().to_owned(),
            requests: pool.requests_made,
            workers_asked: pool.workers_asked,
            requests_failed: pool.requests_failed,
            retry_ms: pool.retry_ms(),
            ..v1::PoolStatus::default()
        };
        self.pools.iter().map(status).collect()
    }

    fn up(&self, pool: &str) -> u32 {
        let workers = self.workers.values();
        let up = workers.filter(|worker| worker.hello.pool == pool && !worker.lost);
        u32::try_from(up.count()).unwrap_or(u32::MAX)
    }

    /// What pools do about tasks that no worker has room for, if there are any. A `centre` is not told what the site says:
    /// it may name accounts and others' jobs.
    pub(super) fn told_by_pools(&self, centre: Option<&str>) -> Option<String> {
        let told = |(name, pool): (&String, &Pool)| {
            let open: u32 = pool.requests.values().map(|request| request.workers).sum();
            let waits = open.saturating_sub(self.up(name)).max(pool.seen.pending);
            match (centre, pool.reason()) {
                (None, reason) if !reason.is_empty() => Some(format!("pool {name}: {reason}")),
                _ if waits > 0 => Some(format!(
                    "pool {name} waits for {waits} workers from the site"
                )),
                (Some(_), reason) if !reason.is_empty() => Some(format!(
                    "pool {name} gets no workers from the site; its operator knows why"
                )),
                _ => None,
            }
        };
        let told: Vec<String> = self.pools.iter().filter_map(told).collect();
        (!told.is_empty()).then(|| told.join("; "))
    }
}
