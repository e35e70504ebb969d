//! The policy and what accounts have used, as records and back.

use kumi_proto::v1;

use crate::rules::Rules;
use crate::snapshot::RestoreError;
use crate::snapshot::record::{UsageRecord, UsedRecord};
use crate::usage::{Usage, Used};

pub(super) fn record(usage: &Usage) -> UsageRecord {
    let centres = usage.accounts.iter().flat_map(|(programme, centres)| {
        let centres = centres.iter();
        centres.map(move |(centre, used)| UsedRecord {
            programme: programme.clone(),
            centre: centre.clone(),
            core_milliseconds: used.core_milliseconds,
            day: used.day,
            genomes: used.genomes,
        })
    });
    UsageRecord {
        step: usage.step,
        accounts: centres.collect(),
    }
}

pub(super) fn of_record(record: UsageRecord) -> Usage {
    let mut usage = Usage {
        step: record.step,
        ..Usage::default()
    };
    for used in record.accounts {
        let centres = usage.accounts.entry(used.programme).or_default();
        let restored = Used {
            core_milliseconds: used.core_milliseconds,
            day: used.day,
            genomes: used.genomes,
        };
        centres.insert(used.centre, restored);
    }
    usage
}

pub(super) fn of_policy(policy: Option<v1::Policy>) -> Result<Option<Rules>, RestoreError> {
    let rules = policy.as_ref().map(Rules::of).transpose();
    rules.map_err(|_| RestoreError::Invalid("policy"))
}
