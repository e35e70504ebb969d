//! Units, targets, answers and counters as records and back.

use std::collections::BTreeMap;

use kumi_proto::v1;
use kumi_proto::v1::{Priority, Stage};

use crate::snapshot::RestoreError;
use crate::snapshot::cohort::reason;
use crate::snapshot::record::{
    AccountRecord, BooksRecord, CounterRecord, HistogramRecord, KernelRecord, RequestRecord,
    TalliesRecord,
};
use crate::state::{Account, Accounts, Answer, Digest, Kept, Key, Requests, Target};
use crate::tallies::{CopyTally, Ending, Histogram, KernelTally, Reason, Tallies, UnitLabels};
use crate::unit::Unit;

const INVALID: RestoreError = RestoreError::Invalid("books");
const MARK_BYTES: usize = 17;

pub(super) fn record(accounts: &Accounts) -> BooksRecord {
    let target = |((programme, unit), target): (&(String, Unit), &Target)| v1::Target {
        programme: programme.clone(),
        unit: unit.label().to_owned(),
        count: target.count,
        deadline_ms: target.deadline_ms,
        set_ms: target.set_ms,
    };
    let account = |((programme, unit), account): (&(String, Unit), &Account)| AccountRecord {
        programme: programme.clone(),
        unit: unit.label().to_owned(),
        received: account.received,
        completed: account.completed,
        failed: account.failed,
        first_ms: account.first_ms,
        last_ms: account.last_ms,
        hours: account.hours.clone(),
    };
    let marks = accounts.marks.iter();
    BooksRecord {
        targets: accounts.targets.iter().map(target).collect(),
        accounts: accounts.accounts.iter().map(account).collect(),
        marks: marks
            .flat_map(|(key, marks)| key.iter().copied().chain([*marks]))
            .collect(),
    }
}

pub(super) fn of_record(record: BooksRecord) -> Result<Accounts, RestoreError> {
    let mut accounts = Accounts::default();
    for target in record.targets {
        let unit = unit(&target.unit)?;
        let restored = Target {
            count: target.count,
            deadline_ms: target.deadline_ms,
            set_ms: target.set_ms,
        };
        accounts.targets.insert((target.programme, unit), restored);
    }
    for account in record.accounts {
        let unit = unit(&account.unit)?;
        let restored = Account {
            received: account.received,
            completed: account.completed,
            failed: account.failed,
            first_ms: account.first_ms,
            last_ms: account.last_ms,
            hours: account.hours,
        };
        let key = (account.programme, unit);
        accounts.accounts.insert(key, restored);
    }
    let marks = record.marks.chunks_exact(MARK_BYTES);
    if !marks.remainder().is_empty() {
        return Err(INVALID);
    }
    for mark in marks {
        let mut key = [0; MARK_BYTES - 1];
        key.copy_from_slice(&mark[..MARK_BYTES - 1]);
        accounts.marks.insert(key, mark[MARK_BYTES - 1]);
    }
    Ok(accounts)
}

pub(super) fn requests(requests: &Requests) -> Vec<RequestRecord> {
    let record = |((centre, id), kept): (&Key, &Kept)| {
        let (answer, tasks) = match kept.answer {
            Answer::Cancelled(tasks) => (1, tasks),
            Answer::Retried(tasks) => (2, tasks),
            Answer::TargetSet => (3, 0),
            Answer::Drained => (4, 0),
            Answer::Withdrawn(samples) => (5, samples),
            Answer::PolicySet => (6, 0),
        };
        RequestRecord {
            number: kept.number,
            id: id.clone(),
            answer,
            tasks,
            centre: centre.clone(),
            digest: digest_record(kept.digest),
        }
    };
    requests.iter().map(record).collect()
}

pub(super) fn of_requests(records: Vec<RequestRecord>) -> Result<Requests, RestoreError> {
    let mut requests = Requests::default();
    for record in records {
        let answer = match record.answer {
            1 => Answer::Cancelled(record.tasks),
            2 => Answer::Retried(record.tasks),
            3 => Answer::TargetSet,
            4 => Answer::Drained,
            5 => Answer::Withdrawn(record.tasks),
            6 => Answer::PolicySet,
            _ => return Err(RestoreError::Invalid("requests")),
        };
        let kept = Kept {
            number: record.number,
            answer,
            digest: of_digest(&record.digest)?,
        };
        requests.restore((record.centre, record.id), kept);
    }
    Ok(requests)
}

pub(super) fn digest_record(digest: Option<Digest>) -> Vec<u8> {
    digest.map_or_else(Vec::new, Vec::from)
}

pub(super) fn of_digest(bytes: &[u8]) -> Result<Option<Digest>, RestoreError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let digest = Digest::try_from(bytes);
    let digest = digest.map_err(|_| RestoreError::Invalid("requests"))?;
    Ok(Some(digest))
}

pub(super) fn tallies(tallies: &Tallies) -> TalliesRecord {
    let failed = tallies.failed.iter().map(|((labels, reason), value)| {
        let reason = reason.label().to_owned();
        CounterRecord {
            reason,
            ..of_unit(labels, *value)
        }
    });
    let finished = tallies.finished.iter();
    let finished = finished.map(|((stage, ending, reason), value)| CounterRecord {
        ending: ending.label().to_owned(),
        reason: reason.label().to_owned(),
        ..of_stage(*stage, *value)
    });
    let retries = tallies.retries.iter();
    let retries = retries.map(|((stage, reason), value)| CounterRecord {
        reason: reason.label().to_owned(),
        ..of_stage(*stage, *value)
    });
    let units = |family: &BTreeMap<UnitLabels, u64>| {
        let counters = family.iter();
        counters
            .map(|(labels, value)| of_unit(labels, *value))
            .collect()
    };
    let wasted = tallies.wasted_core_milliseconds.iter();
    TalliesRecord {
        received: units(&tallies.received),
        completed: units(&tallies.completed),
        failed: failed.collect(),
        finished: finished.collect(),
        retries: retries.collect(),
        stage_duration: histograms(&tallies.stage_duration),
        queue_wait: histograms(&tallies.queue_wait),
        turnaround: histograms(&tallies.turnaround),
        wasted_core_milliseconds: wasted.map(|(stage, ms)| of_stage(*stage, *ms)).collect(),
        workers_lost: tallies.workers_lost,
        copies_won: tallies.copies.won,
        copies_lost: tallies.copies.lost,
        kernels: tallies.kernels.iter().map(of_kernel).collect(),
        split: tallies
            .split
            .iter()
            .map(|(stage, count)| of_stage(*stage, *count))
            .collect(),
    }
}

fn of_unit(labels: &UnitLabels, value: u64) -> CounterRecord {
    CounterRecord {
        programme: labels.programme.clone(),
        centre: labels.centre.clone(),
        unit: labels.unit.label().to_owned(),
        value,
        ..CounterRecord::default()
    }
}

fn of_stage(stage: Stage, value: u64) -> CounterRecord {
    CounterRecord {
        stage: stage.into(),
        value,
        ..CounterRecord::default()
    }
}

fn of_kernel((stage, tally): (&Stage, &KernelTally)) -> KernelRecord {
    KernelRecord {
        stage: (*stage).into(),
        reads: tally.reads,
        bases: tally.bases,
        core_milliseconds: tally.core_milliseconds,
        peak_rss_bytes: tally.peak_rss_bytes,
    }
}

fn histograms<K: Copy + Into<i32>>(family: &BTreeMap<K, Histogram>) -> Vec<HistogramRecord> {
    let record = |(of, histogram): (&K, &Histogram)| HistogramRecord {
        of: (*of).into(),
        counts: histogram.counts.to_vec(),
        sum_ms: histogram.sum_ms,
    };
    family.iter().map(record).collect()
}

pub(super) fn of_tallies(record: TalliesRecord) -> Result<Tallies, RestoreError> {
    let mut tallies = Tallies {
        received: units(&record.received)?,
        completed: units(&record.completed)?,
        stage_duration: of_histograms(&record.stage_duration, stage)?,
        queue_wait: of_histograms(&record.queue_wait, stage)?,
        turnaround: of_histograms(&record.turnaround, |of| {
            Priority::try_from(of).map_err(|_| INVALID)
        })?,
        workers_lost: record.workers_lost,
        copies: CopyTally {
            won: record.copies_won,
            lost: record.copies_lost,
        },
        ..Tallies::default()
    };
    for counter in &record.failed {
        let key = (labels(counter)?, known_reason(counter)?);
        tallies.failed.insert(key, counter.value);
    }
    for counter in &record.finished {
        let key = (
            stage(counter.stage)?,
            ending(counter)?,
            known_reason(counter)?,
        );
        tallies.finished.insert(key, counter.value);
    }
    for counter in &record.retries {
        let key = (stage(counter.stage)?, known_reason(counter)?);
        tallies.retries.insert(key, counter.value);
    }
    for counter in &record.wasted_core_milliseconds {
        let wasted = &mut tallies.wasted_core_milliseconds;
        wasted.insert(stage(counter.stage)?, counter.value);
    }
    for counter in &record.split {
        let stage = stage(counter.stage)?;
        tallies.split.insert(stage, counter.value);
    }
    for kernel in &record.kernels {
        let tally = KernelTally {
            reads: kernel.reads,
            bases: kernel.bases,
            core_milliseconds: kernel.core_milliseconds,
            peak_rss_bytes: kernel.peak_rss_bytes,
        };
        tallies.kernels.insert(stage(kernel.stage)?, tally);
    }
    Ok(tallies)
}

fn units(records: &[CounterRecord]) -> Result<BTreeMap<UnitLabels, u64>, RestoreError> {
    let counter = |record: &CounterRecord| Ok((labels(record)?, record.value));
    records.iter().map(counter).collect()
}

fn labels(record: &CounterRecord) -> Result<UnitLabels, RestoreError> {
    Ok(UnitLabels {
        programme: record.programme.clone(),
        centre: record.centre.clone(),
        unit: unit(&record.unit)?,
    })
}

fn unit(label: &str) -> Result<Unit, RestoreError> {
    Unit::of_label(label).ok_or(INVALID)
}

fn stage(number: i32) -> Result<Stage, RestoreError> {
    Stage::try_from(number).map_err(|_| INVALID)
}

fn known_reason(record: &CounterRecord) -> Result<Reason, RestoreError> {
    reason(&record.reason).ok_or(INVALID)
}

fn ending(record: &CounterRecord) -> Result<Ending, RestoreError> {
    let endings = Ending::ALL.into_iter();
    let found = endings
        .into_iter()
        .find(|ending| ending.label() == record.ending);
    found.ok_or(INVALID)
}

fn of_histograms<K: Ord>(
    records: &[HistogramRecord],
    key: impl Fn(i32) -> Result<K, RestoreError>,
) -> Result<BTreeMap<K, Histogram>, RestoreError> {
    let histogram = |record: &HistogramRecord| {
        let counts = record.counts.clone().try_into().map_err(|_| INVALID)?;
        let sum_ms = record.sum_ms;
        Ok((key(record.of)?, Histogram { counts, sum_ms }))
    };
    records.iter().map(histogram).collect()
}
