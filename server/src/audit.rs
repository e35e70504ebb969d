//! What an entry of the audit log says to people: who, what, when, why.

use std::collections::VecDeque;
use std::path::Path;

use kumi_cluster::audit::{AuditError, Deed, Reader, Record, beginnings};
pub use kumi_cluster::audit::{Head, Record as AuditRecord};
use kumi_proto::v1;
use kumi_proto::v1::command::Kind;
use kumi_proto::v1::{AuditEvent, Command, Speculate, finished_task};
use prost::Message as _;

/// What schedulers and workers do by themselves.
const BY_ITSELF: [&str; 7] = [
    "grant",
    "settle",
    "register",
    "expire",
    "lead",
    "speculate",
    "pool",
];

/// The records up to `until` with the latest events, so many at most; of what schedulers and workers do by themselves
/// only when `all` are asked for. Reads whole files, the newest first, until it has them.
pub(crate) fn latest(
    folder: &Path,
    until: u64,
    (most, all): (usize, bool),
) -> Result<Vec<v1::AuditRecord>, AuditError> {
    let mut found = VecDeque::new();
    let mut events = 0;
    let mut end = until;
    for (first, _) in beginnings(folder, until)?.into_iter().rev() {
        if events >= most {
            break;
        }
        let mut here = VecDeque::new();
        let mut reader = Reader::open(folder, first, end)?;
        while let Some(record) = reader.read_next()? {
            if let Some(record) = asked_for(&record, all) {
                events += record.events.len();
                here.push_back(record);
            }
            while let Some(oldest) = here.front_mut().filter(|_| events > most) {
                oldest.events.remove(0);
                events -= 1;
                if oldest.events.is_empty() {
                    here.pop_front();
                }
            }
        }
        here.append(&mut found);
        found = here;
        end = first - 1;
    }
    Ok(found.into())
}

/// A record with those of its events that are asked for, if there are any.
fn asked_for(record: &Record, all: bool) -> Option<v1::AuditRecord> {
    let (term, mut events) = read(record)?;
    events.retain(|event| all || !BY_ITSELF.contains(&event.action.as_str()));
    (!events.is_empty()).then(|| v1::AuditRecord {
        index: record.index,
        term,
        head: record.head.0.to_vec(),
        entry: Vec::new(),
        events,
    })
}

/// The term of an entry and its events; `None` when its bytes are no entry.
#[must_use]
pub fn read(record: &Record) -> Option<(u64, Vec<AuditEvent>)> {
    let (term, deed) = record.read()?;
    let events = match deed {
        Deed::Commands(commands) => commands.iter().map(|bytes| command(bytes)).collect(),
        Deed::Members { what, actor } => vec![AuditEvent {
            actor,
            ..of_cluster("members", &what)
        }],
        // The leader of a new cluster does this by itself.
        Deed::Version { version, actor } if actor.starts_with("scheduler/") => vec![AuditEvent {
            actor,
            ..of_cluster("lead", &format!("with state machine version {version}"))
        }],
        Deed::Version { version, actor } => vec![AuditEvent {
            actor,
            ..of_cluster("upgrade", &format!("state machine version {version}"))
        }],
    };
    Some((term, events))
}

fn of_cluster(action: &str, object: &str) -> AuditEvent {
    AuditEvent {
        action: action.to_owned(),
        object: object.to_owned(),
        ..AuditEvent::default()
    }
}

fn command(bytes: &[u8]) -> AuditEvent {
    let Ok(command) = Command::decode(bytes) else {
        return of_cluster("unknown", "a command of another version");
    };
    let (action, object, reason) = match &command.kind {
        Some(kind) => said(kind),
        None => ("unknown", "a command of another version".to_owned(), ""),
    };
    AuditEvent {
        at_ms: command.at_ms,
        actor: command.actor.clone(),
        action: action.to_owned(),
        object,
        reason: reason.to_owned(),
    }
}

/// Action, object and reason.
fn said(kind: &Kind) -> (&str, String, &str) {
    let cohort = |cohort: u64| format!("cohort {cohort}");
    let of = |samples: &[String], cohort: u64| match samples {
        [] => format!("cohort {cohort}"),
        samples => format!("{} of cohort {cohort}", samples.join(", ")),
    };
    match kind {
        Kind::Open(open) => {
            let header = open.header.clone().unwrap_or_default();
            let samples = open.samples.len();
            let object = format!("cohort {} of {samples} samples", header.name);
            ("submit", object, "")
        }
        Kind::Grant(grant) => {
            let object = format!("{} tasks to worker {}", grant.tasks.len(), grant.worker);
            ("grant", object, "")
        }
        Kind::Speculate(speculate) => {
            let Speculate { worker, attempt } = speculate;
            let object = format!("a second attempt beside {attempt} to worker {worker}");
            ("speculate", object, "")
        }
        Kind::Settle(settle) => {
            let results = settle.finished.iter();
            let mut failure = results.filter_map(|task| match &task.result {
                Some(finished_task::Result::Failure(failure)) => Some(failure.message.as_str()),
                _ => None,
            });
            let object = format!(
                "{} tasks of worker {}",
                settle.finished.len(),
                settle.worker
            );
            ("settle", object, failure.next_back().unwrap_or_default())
        }
        Kind::Expire(expire) => {
            let object = format!("worker {}", expire.worker);
            ("expire", object, &expire.reason)
        }
        Kind::Cancel(cancel) => ("cancel", cohort(cancel.cohort), &cancel.reason),
        Kind::Retry(retry) => ("retry", of(&retry.samples, retry.cohort), ""),
        Kind::Withdraw(withdraw) => {
            let action = if withdraw.undo { "readmit" } else { "withdraw" };
            (
                action,
                of(&withdraw.samples, withdraw.cohort),
                &withdraw.reason,
            )
        }
        Kind::Build(build) => ("build", cohort(build.cohort), ""),
        Kind::Purge(purge) => ("purge", of(&purge.samples, purge.cohort), ""),
        Kind::SetTarget(set) => {
            let target = set.target.clone().unwrap_or_default();
            let object = format!("{} {} of {}", target.count, target.unit, target.programme);
            ("set-target", object, "")
        }
        Kind::SetPolicy(_) => ("set-policy", "the queue".to_owned(), ""),
        Kind::Register(register) => {
            let hello = register.hello.clone().unwrap_or_default();
            ("register", format!("worker {}", hello.name), "")
        }
        Kind::Drain(drain) => {
            let action = if drain.resume { "resume" } else { "drain" };
            (action, format!("worker {}", drain.name), &drain.reason)
        }
        Kind::Pool(event) => ("pool", format!("pool {}", event.pool), ""),
        Kind::Note(note) => (&note.action, note.object.clone(), ""),
        Kind::NewTerm(term) => ("lead", format!("node {}", term.leader), ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_withdrawal_says_who_what_when_and_why() {
        let bytes = Command {
            at_ms: 17,
            actor: "submitter/tokyo/aya".to_owned(),
            kind: Some(Kind::Withdraw(v1::Withdraw {
                cohort: 4,
                samples: vec!["s1".to_owned(), "s2".to_owned()],
                reason: "consent".to_owned(),
                ..v1::Withdraw::default()
            })),
        }
        .encode_to_vec();
        let event = AuditEvent {
            at_ms: 17,
            actor: "submitter/tokyo/aya".to_owned(),
            action: "withdraw".to_owned(),
            object: "s1, s2 of cohort 4".to_owned(),
            reason: "consent".to_owned(),
        };
        assert_eq!(command(&bytes), event);
        assert_eq!(command(&[0xff]).action, "unknown");
    }
}
