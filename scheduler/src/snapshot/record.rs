//! The messages of a snapshot. Field numbers are never used again for something else.

use std::collections::BTreeMap;

use kumi_proto::v1;
use prost::Message;

use crate::plan::key::Address;

#[derive(Clone, PartialEq, Message)]
pub(super) struct StateRecord {
    #[prost(uint64, tag = "1")]
    pub(super) clock_ms: u64,
    #[prost(uint64, tag = "2")]
    pub(super) revision: u64,
    #[prost(uint64, tag = "3")]
    pub(super) last_cohort: u64,
    #[prost(uint64, tag = "4")]
    pub(super) last_worker: u64,
    #[prost(uint64, tag = "5")]
    pub(super) last_attempt: u64,
    #[prost(uint64, tag = "6")]
    pub(super) leader: u64,
    #[prost(uint64, tag = "7")]
    pub(super) term_began_ms: u64,
    #[prost(message, repeated, tag = "8")]
    pub(super) cohorts: Vec<CohortRecord>,
    #[prost(message, repeated, tag = "9")]
    pub(super) ledger: Vec<LedgerRecord>,
    #[prost(message, repeated, tag = "10")]
    pub(super) leases: Vec<LeaseRecord>,
    #[prost(message, repeated, tag = "11")]
    pub(super) workers: Vec<WorkerRecord>,
    #[prost(btree_map = "string, string", tag = "12")]
    pub(super) drained: BTreeMap<String, String>,
    #[prost(message, optional, tag = "13")]
    pub(super) books: Option<BooksRecord>,
    #[prost(message, repeated, tag = "14")]
    pub(super) requests: Vec<RequestRecord>,
    #[prost(message, optional, tag = "15")]
    pub(super) tallies: Option<TalliesRecord>,
    #[prost(message, repeated, tag = "16")]
    pub(super) profiles: Vec<ProfileRecord>,
    #[prost(message, repeated, tag = "17")]
    pub(super) stores: Vec<StoreRecord>,
    #[prost(message, repeated, tag = "18")]
    pub(super) withdrawals: Vec<WithdrawalRecord>,
    /// None was ever set, or the version is before 6.
    #[prost(message, optional, tag = "19")]
    pub(super) policy: Option<v1::Policy>,
    #[prost(message, optional, tag = "20")]
    pub(super) usage: Option<UsageRecord>,
    #[prost(message, repeated, tag = "21")]
    pub(super) pools: Vec<PoolRecord>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PoolRecord {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(uint64, tag = "2")]
    pub(super) last_request: u64,
    #[prost(message, repeated, tag = "3")]
    pub(super) requests: Vec<PoolRequestRecord>,
    #[prost(message, optional, tag = "4")]
    pub(super) seen: Option<v1::PoolSeen>,
    #[prost(string, tag = "5")]
    pub(super) problem: String,
    #[prost(uint32, tag = "6")]
    pub(super) failures: u32,
    #[prost(uint64, tag = "7")]
    pub(super) failed_ms: u64,
    #[prost(uint64, tag = "8")]
    pub(super) workers_asked: u64,
    #[prost(uint64, tag = "9")]
    pub(super) requests_failed: u64,
    #[prost(uint64, tag = "10")]
    pub(super) requests_made: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PoolRequestRecord {
    #[prost(uint64, tag = "1")]
    pub(super) number: u64,
    #[prost(uint32, tag = "2")]
    pub(super) workers: u32,
    #[prost(uint64, tag = "3")]
    pub(super) asked_ms: u64,
    #[prost(string, tag = "4")]
    pub(super) job: String,
    #[prost(bool, tag = "5")]
    pub(super) came: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct UsageRecord {
    #[prost(uint64, tag = "1")]
    pub(super) step: u64,
    #[prost(message, repeated, tag = "2")]
    pub(super) accounts: Vec<UsedRecord>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct UsedRecord {
    #[prost(string, tag = "1")]
    pub(super) programme: String,
    #[prost(string, tag = "2")]
    pub(super) centre: String,
    #[prost(uint64, tag = "3")]
    pub(super) core_milliseconds: u64,
    #[prost(uint64, tag = "4")]
    pub(super) day: u64,
    #[prost(uint32, tag = "5")]
    pub(super) genomes: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StoreRecord {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) key: Vec<u8>,
    /// The oldest first.
    #[prost(message, repeated, tag = "2")]
    pub(super) batches: Vec<BatchRecord>,
    /// In the order of their keys.
    #[prost(message, repeated, tag = "3")]
    pub(super) counted: Vec<BatchRecord>,
    /// The oldest first.
    #[prost(message, repeated, tag = "4")]
    pub(super) sums: Vec<SumRecord>,
}

/// What a census is the sum of.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SumRecord {
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub(super) base: Vec<u8>,
    #[prost(message, repeated, tag = "2")]
    pub(super) parts: Vec<SumPartRecord>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SumPartRecord {
    /// Its place among the batches that were counted.
    #[prost(uint32, tag = "1")]
    pub(super) batch: u32,
    #[prost(string, repeated, tag = "2")]
    pub(super) excluded: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct BatchRecord {
    #[prost(string, repeated, tag = "1")]
    pub(super) samples: Vec<String>,
    /// 32 bytes for each sample: the key of its gVCF.
    #[prost(bytes = "vec", tag = "2")]
    pub(super) gvcfs: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct WithdrawalRecord {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) place: Vec<u8>,
    #[prost(string, tag = "2")]
    pub(super) cohort: String,
    #[prost(string, tag = "3")]
    pub(super) sample: String,
    #[prost(uint64, tag = "4")]
    pub(super) at_ms: u64,
    #[prost(string, tag = "5")]
    pub(super) reason: String,
    #[prost(uint64, tag = "6")]
    pub(super) purged_ms: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ProfileRecord {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) key: Vec<u8>,
    /// By bin.
    #[prost(uint64, repeated, tag = "2")]
    pub(super) milliseconds: Vec<u64>,
    #[prost(uint64, repeated, tag = "3")]
    pub(super) bases: Vec<u64>,
    #[prost(message, repeated, tag = "4")]
    pub(super) cuts: Vec<CutRecord>,
    #[prost(uint64, tag = "5")]
    pub(super) used_ms: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct CutRecord {
    /// Shards that were asked for.
    #[prost(uint64, tag = "1")]
    pub(super) wanted: u64,
    #[prost(uint64, repeated, tag = "2")]
    pub(super) starts: Vec<u64>,
    #[prost(uint64, tag = "3")]
    pub(super) used_ms: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct AddressRecord {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) place: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) key: Vec<u8>,
}

impl AddressRecord {
    pub(super) fn new(address: &Address) -> Self {
        Self {
            place: address.place.to_vec(),
            key: address.key.to_vec(),
        }
    }

    pub(super) fn address(self) -> Option<Address> {
        Some(Address {
            place: self.place.try_into().ok()?,
            key: self.key.try_into().ok()?,
        })
    }
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct LedgerRecord {
    #[prost(message, optional, tag = "1")]
    pub(super) address: Option<AddressRecord>,
    /// A `kumi.v1.Manifest`.
    #[prost(bytes = "vec", tag = "2")]
    pub(super) manifest: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct CellRecord {
    #[prost(enumeration = "v1::Stage", tag = "1")]
    pub(super) stage: i32,
    #[prost(uint32, tag = "2")]
    pub(super) row: u32,
    #[prost(uint32, tag = "3")]
    pub(super) column: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct CohortRecord {
    #[prost(uint64, tag = "1")]
    pub(super) id: u64,
    #[prost(message, optional, tag = "2")]
    pub(super) header: Option<v1::CohortHeader>,
    #[prost(message, repeated, tag = "3")]
    pub(super) samples: Vec<v1::Sample>,
    #[prost(uint64, tag = "4")]
    pub(super) submitted_ms: u64,
    #[prost(uint64, tag = "5")]
    pub(super) finished_ms: u64,
    #[prost(enumeration = "v1::CohortState", tag = "6")]
    pub(super) state: i32,
    #[prost(string, tag = "7")]
    pub(super) reason: String,
    /// One for each stage.
    #[prost(message, repeated, tag = "8")]
    pub(super) grids: Vec<GridRecord>,
    #[prost(message, repeated, tag = "9")]
    pub(super) aside: Vec<AsideRecord>,
    #[prost(message, repeated, tag = "10")]
    pub(super) troubles: Vec<TroubleRecord>,
    /// Where call shards begin: bases of all regions before. Empty in versions before 4: shards of equal length.
    #[prost(uint64, repeated, tag = "11")]
    pub(super) shards: Vec<u64>,
    #[prost(message, repeated, tag = "12")]
    pub(super) parts: Vec<PartRecord>,
    /// Rows of the ingest grid.
    #[prost(message, repeated, tag = "13")]
    pub(super) batches: Vec<BatchRecord>,
    #[prost(message, optional, tag = "14")]
    pub(super) purge: Option<PurgeRecord>,
    /// Of who opened it; empty for those who have none, and in version 1 of the state machine.
    #[prost(string, tag = "15")]
    pub(super) centre: String,
    /// Of what opened it; empty in version 1 of the state machine.
    #[prost(bytes = "vec", tag = "16")]
    pub(super) digest: Vec<u8>,
}

/// What a cohort removes.
#[derive(Clone, PartialEq, Message)]
pub(super) struct PurgeRecord {
    #[prost(string, repeated, tag = "1")]
    pub(super) samples: Vec<String>,
    /// Keys of batches that others, by number, are written from.
    #[prost(btree_map = "uint32, bytes", tag = "2")]
    pub(super) sources: BTreeMap<u32, Vec<u8>>,
    #[prost(string, repeated, tag = "3")]
    pub(super) directories: Vec<String>,
    #[prost(string, repeated, tag = "4")]
    pub(super) kept: Vec<String>,
    #[prost(message, repeated, tag = "5")]
    pub(super) forget: Vec<AddressRecord>,
    /// Keys.
    #[prost(bytes = "vec", repeated, tag = "6")]
    pub(super) batches: Vec<Vec<u8>>,
}

/// The regions of a call task, as bases of all regions before its beginning and its end.
#[derive(Clone, PartialEq, Message)]
pub(super) struct PartRecord {
    #[prost(uint32, tag = "1")]
    pub(super) row: u32,
    #[prost(uint32, tag = "2")]
    pub(super) column: u32,
    #[prost(uint64, tag = "3")]
    pub(super) from: u64,
    #[prost(uint64, tag = "4")]
    pub(super) to: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct GridRecord {
    /// A byte for each task, row after row.
    #[prost(bytes = "vec", tag = "1")]
    pub(super) cells: Vec<u8>,
    #[prost(uint64, repeated, tag = "2")]
    pub(super) ready_ms: Vec<u64>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct AsideRecord {
    #[prost(uint32, tag = "1")]
    pub(super) row: u32,
    #[prost(string, tag = "2")]
    pub(super) reason: String,
    #[prost(string, tag = "3")]
    pub(super) message: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TroubleRecord {
    #[prost(message, optional, tag = "1")]
    pub(super) cell: Option<CellRecord>,
    #[prost(uint32, tag = "2")]
    pub(super) failures: u32,
    #[prost(uint32, tag = "3")]
    pub(super) losses: u32,
    #[prost(string, tag = "4")]
    pub(super) message: String,
    #[prost(string, tag = "5")]
    pub(super) worker: String,
    #[prost(uint64, tag = "6")]
    pub(super) since_ms: u64,
    #[prost(uint64, tag = "7")]
    pub(super) memory_bytes: u64,
    /// Of versions before 6 the last alone is known.
    #[prost(string, repeated, tag = "8")]
    pub(super) workers: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct LeaseRecord {
    #[prost(uint64, tag = "1")]
    pub(super) attempt: u64,
    #[prost(uint64, tag = "2")]
    pub(super) cohort: u64,
    #[prost(message, optional, tag = "3")]
    pub(super) cell: Option<CellRecord>,
    #[prost(uint64, tag = "4")]
    pub(super) worker: u64,
    #[prost(uint32, tag = "5")]
    pub(super) cores: u32,
    #[prost(uint64, tag = "6")]
    pub(super) memory_bytes: u64,
    #[prost(uint64, tag = "7")]
    pub(super) started_ms: u64,
    #[prost(message, optional, tag = "8")]
    pub(super) address: Option<AddressRecord>,
    /// The first attempt at the same task; 0: this is the first.
    #[prost(uint64, tag = "9")]
    pub(super) copy_of: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct WorkerRecord {
    #[prost(uint64, tag = "1")]
    pub(super) id: u64,
    #[prost(message, optional, tag = "2")]
    pub(super) hello: Option<v1::WorkerHello>,
    #[prost(bool, tag = "3")]
    pub(super) lost: bool,
    #[prost(bool, tag = "4")]
    pub(super) draining: bool,
    #[prost(uint64, tag = "5")]
    pub(super) since_ms: u64,
    #[prost(uint64, tag = "6")]
    pub(super) idle_ms: u64,
    /// Cohorts and rows of which it did something last, the latest first.
    #[prost(uint64, repeated, tag = "7")]
    pub(super) warm_cohorts: Vec<u64>,
    #[prost(uint32, repeated, tag = "8")]
    pub(super) warm_rows: Vec<u32>,
    #[prost(bool, tag = "9")]
    pub(super) leaving: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct RequestRecord {
    #[prost(uint64, tag = "1")]
    pub(super) number: u64,
    #[prost(string, tag = "2")]
    pub(super) id: String,
    /// 1 cancelled, 2 retried, 3 target set, 4 drained, 5 withdrawn, 6 policy set.
    #[prost(uint32, tag = "3")]
    pub(super) answer: u32,
    #[prost(uint64, tag = "4")]
    pub(super) tasks: u64,
    /// Of who asked; empty for those who have none, and in version 1 of the state machine.
    #[prost(string, tag = "5")]
    pub(super) centre: String,
    /// Of what was asked; empty in version 1 of the state machine.
    #[prost(bytes = "vec", tag = "6")]
    pub(super) digest: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct BooksRecord {
    #[prost(message, repeated, tag = "1")]
    pub(super) targets: Vec<v1::Target>,
    #[prost(message, repeated, tag = "2")]
    pub(super) accounts: Vec<AccountRecord>,
    /// Seventeen bytes for each unit: the first half of a digest, its marks.
    #[prost(bytes = "vec", tag = "3")]
    pub(super) marks: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct AccountRecord {
    #[prost(string, tag = "1")]
    pub(super) programme: String,
    #[prost(string, tag = "2")]
    pub(super) unit: String,
    #[prost(uint64, tag = "3")]
    pub(super) received: u64,
    #[prost(uint64, tag = "4")]
    pub(super) completed: u64,
    #[prost(uint64, tag = "5")]
    pub(super) failed: u64,
    #[prost(uint64, tag = "6")]
    pub(super) first_ms: u64,
    #[prost(uint64, tag = "7")]
    pub(super) last_ms: u64,
    #[prost(btree_map = "uint64, uint64", tag = "8")]
    pub(super) hours: BTreeMap<u64, u64>,
}

/// A counter; fields that its family does not use are empty.
#[derive(Clone, PartialEq, Message)]
pub(super) struct CounterRecord {
    #[prost(string, tag = "1")]
    pub(super) programme: String,
    #[prost(string, tag = "2")]
    pub(super) centre: String,
    #[prost(string, tag = "3")]
    pub(super) unit: String,
    #[prost(enumeration = "v1::Stage", tag = "4")]
    pub(super) stage: i32,
    #[prost(string, tag = "5")]
    pub(super) ending: String,
    #[prost(string, tag = "6")]
    pub(super) reason: String,
    #[prost(uint64, tag = "7")]
    pub(super) value: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct HistogramRecord {
    /// A stage or a priority.
    #[prost(int32, tag = "1")]
    pub(super) of: i32,
    #[prost(uint64, repeated, tag = "2")]
    pub(super) counts: Vec<u64>,
    #[prost(uint64, tag = "3")]
    pub(super) sum_ms: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct KernelRecord {
    #[prost(enumeration = "v1::Stage", tag = "1")]
    pub(super) stage: i32,
    #[prost(uint64, tag = "2")]
    pub(super) reads: u64,
    #[prost(uint64, tag = "3")]
    pub(super) bases: u64,
    #[prost(uint64, tag = "4")]
    pub(super) core_milliseconds: u64,
    #[prost(uint64, tag = "5")]
    pub(super) peak_rss_bytes: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TalliesRecord {
    #[prost(message, repeated, tag = "1")]
    pub(super) received: Vec<CounterRecord>,
    #[prost(message, repeated, tag = "2")]
    pub(super) completed: Vec<CounterRecord>,
    #[prost(message, repeated, tag = "3")]
    pub(super) failed: Vec<CounterRecord>,
    #[prost(message, repeated, tag = "4")]
    pub(super) finished: Vec<CounterRecord>,
    #[prost(message, repeated, tag = "5")]
    pub(super) retries: Vec<CounterRecord>,
    #[prost(message, repeated, tag = "6")]
    pub(super) stage_duration: Vec<HistogramRecord>,
    #[prost(message, repeated, tag = "7")]
    pub(super) queue_wait: Vec<HistogramRecord>,
    #[prost(message, repeated, tag = "8")]
    pub(super) turnaround: Vec<HistogramRecord>,
    #[prost(message, repeated, tag = "9")]
    pub(super) wasted_core_milliseconds: Vec<CounterRecord>,
    #[prost(uint64, tag = "10")]
    pub(super) workers_lost: u64,
    #[prost(message, repeated, tag = "11")]
    pub(super) kernels: Vec<KernelRecord>,
    #[prost(message, repeated, tag = "12")]
    pub(super) split: Vec<CounterRecord>,
    #[prost(uint64, tag = "13")]
    pub(super) copies_won: u64,
    #[prost(uint64, tag = "14")]
    pub(super) copies_lost: u64,
}
