//! The state as bytes: a header, then one protobuf message. See `docs/formats/scheduler-snapshot.md`.
//!
//! Everything is written in the order of its key, so equal states give equal bytes. What follows
//! from the rest (grid counts, keys, look-up tables) is not written.

mod books;
mod cohort;
mod pools;
mod profile;
mod record;
mod shares;
mod stores;
mod sums;

use std::collections::BTreeMap;

use prost::Message as _;
use sha2::{Digest as _, Sha256};

use crate::cohort::Cohort;
use crate::ledger::Ledger;
use crate::snapshot::record::{
    AddressRecord, LeaseRecord, LedgerRecord, StateRecord, WorkerRecord,
};
use crate::state::{Lease, State, Term, Worker};

const MAGIC: [u8; 8] = *b"KUMISCHD";
const VERSION: u32 = 14;
/// The oldest version that is read.
const VERSION_MIN: u32 = 1;
/// Magic, version, length, digest.
const HEADER_BYTES: usize = 8 + 4 + 8 + 32;

/// A snapshot that cannot be restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// Too short, or something else.
    #[error("these bytes are no scheduler snapshot")]
    NotASnapshot,
    /// Written by another version.
    #[error("the snapshot has format version {0}; this scheduler reads {VERSION_MIN} to {VERSION}")]
    Version(u32),
    /// Damaged.
    #[error("the snapshot is damaged: its length or its checksum is wrong")]
    Damaged,
    /// Intact and yet not a state.
    #[error("the snapshot holds no valid state: its {0} cannot be understood")]
    Invalid(&'static str),
}

impl State {
    /// The state as bytes: equal states give equal bytes.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let body = self.record().encode_to_vec();
        let mut bytes = Vec::with_capacity(HEADER_BYTES + body.len());
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend((body.len() as u64).to_le_bytes());
        bytes.extend(Sha256::digest(&body));
        bytes.extend(body);
        bytes
    }

    /// The state that [`State::snapshot`] wrote.
    ///
    /// # Errors
    /// When the bytes are not one, or damaged, or of another version.
    pub fn restore(bytes: &[u8]) -> Result<Self, RestoreError> {
        let body = body_of(bytes)?;
        let record = StateRecord::decode(body).map_err(|_| RestoreError::Invalid("message"))?;
        State::of_record(record)
    }

    fn record(&self) -> StateRecord {
        StateRecord {
            clock_ms: self.clock_ms,
            revision: self.revision,
            last_cohort: self.last_cohort,
            last_worker: self.last_worker,
            last_attempt: self.last_attempt,
            leader: self.term.leader,
            term_began_ms: self.term.began_ms,
            cohorts: self.cohorts.values().map(cohort::record).collect(),
            ledger: ledger_records(&self.ledger),
            leases: self.lease_records(),
            workers: self.workers.iter().map(worker_record).collect(),
            drained: self.drained.clone(),
            books: Some(books::record(&self.accounts)),
            requests: books::requests(&self.requests),
            tallies: Some(books::tallies(&self.tallies)),
            profiles: profile::record(&self.profiles),
            stores: stores::records(&self.stores),
            withdrawals: stores::withdrawals(&self.stores),
            policy: self.policy(),
            usage: Some(shares::record(&self.usage)),
            pools: pools::records(&self.pools),
        }
    }

    fn of_record(record: StateRecord) -> Result<Self, RestoreError> {
        let mut state = Self {
            clock_ms: record.clock_ms,
            revision: record.revision,
            last_cohort: record.last_cohort,
            last_worker: record.last_worker,
            last_attempt: record.last_attempt,
            term: Term {
                leader: record.leader,
                began_ms: record.term_began_ms,
            },
            drained: record.drained,
            accounts: books::of_record(record.books.unwrap_or_default())?,
            requests: books::of_requests(record.requests)?,
            tallies: books::of_tallies(record.tallies.unwrap_or_default())?,
            profiles: profile::of_record(record.profiles)?,
            stores: stores::of_records(record.stores, record.withdrawals)?,
            rules: shares::of_policy(record.policy)?,
            usage: shares::of_record(record.usage.unwrap_or_default()),
            pools: pools::of_records(record.pools),
            ..Self::default()
        };
        for entry in record.ledger {
            let address = of_address(entry.address)?;
            if !state.ledger.restore(address, entry.manifest) {
                return Err(RestoreError::Invalid("ledger"));
            }
        }
        for cohort in record.cohorts {
            let cohort = cohort::of_record(cohort)?;
            state.cohorts.insert(cohort.id, cohort);
        }
        for worker in record.workers {
            let id = worker.id;
            state.workers.insert(id, of_worker(worker)?);
        }
        for lease in record.leases {
            let (attempt, copy_of) = (lease.attempt, lease.copy_of);
            let lease = of_lease(lease, &state)?;
            state.enter_lease(attempt, copy_of, lease)?;
        }
        for cohort in state.cohorts.values() {
            state.derived.add_cohort(cohort);
        }
        Ok(state)
    }

    fn lease_records(&self) -> Vec<LeaseRecord> {
        let first_of = |(first, copy): (&u64, &u64)| (*copy, *first);
        let firsts: BTreeMap<u64, u64> = self.copies.iter().map(first_of).collect();
        let record = |(attempt, lease): (&u64, &Lease)| LeaseRecord {
            copy_of: firsts.get(attempt).copied().unwrap_or(0),
            ..lease_record((attempt, lease))
        };
        self.leases.iter().map(record).collect()
    }

    fn enter_lease(
        &mut self,
        attempt: u64,
        copy_of: u64,
        lease: Lease,
    ) -> Result<(), RestoreError> {
        let invalid = RestoreError::Invalid("leases");
        let cohort = self.cohorts.get_mut(&lease.cohort).ok_or(invalid)?;
        match copy_of {
            0 => {
                cohort.running.insert(lease.cell, attempt);
            }
            // Attempts are in their order: the first comes before its copy.
            first if cohort.running.get(&lease.cell) == Some(&first) => {
                self.copies.insert(first, attempt);
            }
            _ => return Err(invalid),
        }
        self.derived.add_lease(attempt, &lease, cohort.account());
        self.leases.insert(attempt, lease);
        Ok(())
    }
}

fn body_of(bytes: &[u8]) -> Result<&[u8], RestoreError> {
    let header = bytes.get(..HEADER_BYTES);
    let header = header.ok_or(RestoreError::NotASnapshot)?;
    if header[..8] != MAGIC {
        return Err(RestoreError::NotASnapshot);
    }
    let version = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
    if !(VERSION_MIN..=VERSION).contains(&version) {
        return Err(RestoreError::Version(version));
    }
    let mut length = [0; 8];
    length.copy_from_slice(&header[12..20]);
    let body = &bytes[HEADER_BYTES..];
    if u64::from_le_bytes(length) != body.len() as u64 || Sha256::digest(body)[..] != header[20..] {
        return Err(RestoreError::Damaged);
    }
    Ok(body)
}

fn ledger_records(ledger: &Ledger) -> Vec<LedgerRecord> {
    let record = |(address, manifest): (&_, &[u8])| LedgerRecord {
        address: Some(AddressRecord::new(address)),
        manifest: manifest.to_vec(),
    };
    ledger.entries().map(record).collect()
}

fn of_address(record: Option<AddressRecord>) -> Result<crate::plan::key::Address, RestoreError> {
    record
        .and_then(|record| record.address())
        .ok_or(RestoreError::Invalid("addresses"))
}

fn lease_record((attempt, lease): (&u64, &Lease)) -> LeaseRecord {
    LeaseRecord {
        attempt: *attempt,
        cohort: lease.cohort,
        cell: Some(cohort::cell_record(lease.cell)),
        worker: lease.worker,
        cores: lease.cores,
        memory_bytes: lease.memory_bytes,
        started_ms: lease.started_ms,
        address: Some(AddressRecord::new(&lease.address)),
        copy_of: 0,
    }
}

fn of_lease(record: LeaseRecord, state: &State) -> Result<Lease, RestoreError> {
    let cohort: Option<&Cohort> = state.cohorts.get(&record.cohort);
    let cohort = cohort.ok_or(RestoreError::Invalid("leases"))?;
    let cell = cohort::of_cell(cohort, record.cell)?;
    Ok(Lease {
        cohort: record.cohort,
        cell,
        worker: record.worker,
        cores: record.cores,
        memory_bytes: record.memory_bytes,
        scratch_bytes: cohort.need(cell).scratch_bytes,
        started_ms: record.started_ms,
        address: of_address(record.address)?,
    })
}

fn worker_record((id, worker): (&u64, &Worker)) -> WorkerRecord {
    WorkerRecord {
        id: *id,
        hello: Some(worker.hello.clone()),
        lost: worker.lost,
        draining: worker.draining,
        since_ms: worker.since_ms,
        idle_ms: worker.idle_ms,
        leaving: worker.leaving,
        warm_cohorts: worker.warm.iter().map(|(cohort, _)| *cohort).collect(),
        warm_rows: worker.warm.iter().map(|(_, row)| *row).collect(),
    }
}

fn of_worker(record: WorkerRecord) -> Result<Worker, RestoreError> {
    Ok(Worker {
        hello: record.hello.ok_or(RestoreError::Invalid("workers"))?,
        lost: record.lost,
        draining: record.draining,
        leaving: record.leaving,
        since_ms: record.since_ms,
        idle_ms: record.idle_ms,
        warm: record
            .warm_cohorts
            .into_iter()
            .zip(record.warm_rows)
            .collect(),
    })
}
