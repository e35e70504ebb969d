//! Pools and their requests.

use std::collections::BTreeMap;

use crate::pool::{Pool, Request};
use crate::snapshot::record::{PoolRecord, PoolRequestRecord};

pub(super) fn records(pools: &BTreeMap<String, Pool>) -> Vec<PoolRecord> {
    let record = |(name, pool): (&String, &Pool)| PoolRecord {
        name: name.clone(),
        last_request: pool.last_request,
        requests: pool.requests.iter().map(request_record).collect(),
        seen: Some(pool.seen.clone()),
        problem: pool.problem.clone(),
        failures: pool.failures,
        failed_ms: pool.failed_ms,
        workers_asked: pool.workers_asked,
        requests_failed: pool.requests_failed,
        requests_made: pool.requests_made,
    };
    pools.iter().map(record).collect()
}

pub(super) fn of_records(records: Vec<PoolRecord>) -> BTreeMap<String, Pool> {
    let pool = |record: PoolRecord| {
        let pool = Pool {
            last_request: record.last_request,
            requests: record.requests.into_iter().map(of_request).collect(),
            seen: record.seen.unwrap_or_default(),
            problem: record.problem,
            failures: record.failures,
            failed_ms: record.failed_ms,
            workers_asked: record.workers_asked,
            requests_failed: record.requests_failed,
            requests_made: record.requests_made,
        };
        (record.name, pool)
    };
    records.into_iter().map(pool).collect()
}

fn request_record((number, request): (&u64, &Request)) -> PoolRequestRecord {
    PoolRequestRecord {
        number: *number,
        workers: request.workers,
        asked_ms: request.asked_ms,
        job: request.job.clone(),
        came: request.came,
    }
}

fn of_request(record: PoolRequestRecord) -> (u64, Request) {
    let request = Request {
        workers: record.workers,
        asked_ms: record.asked_ms,
        job: record.job,
        came: record.came,
    };
    (record.number, request)
}
