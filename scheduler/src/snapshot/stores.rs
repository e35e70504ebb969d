//! Stores and withdrawals as records and back.

use std::sync::Arc;

use crate::cohort::Purge;
use crate::plan::batch::{Batch, Member};
use crate::plan::key::Key;
use crate::snapshot::RestoreError;
use crate::snapshot::record::{
    AddressRecord, BatchRecord, PurgeRecord, StoreRecord, WithdrawalRecord,
};
use crate::snapshot::sums;
use crate::state::{Store, Stores, Withdrawal};

pub(super) fn batch_record(batch: &Arc<Batch>) -> BatchRecord {
    BatchRecord {
        samples: batch.0.iter().map(|member| member.name.clone()).collect(),
        gvcfs: batch.0.iter().flat_map(|member| member.gvcf).collect(),
    }
}

pub(super) fn of_batch(record: BatchRecord) -> Result<Arc<Batch>, RestoreError> {
    let (gvcfs, rest) = record.gvcfs.as_chunks::<32>();
    let sound = rest.is_empty() && !gvcfs.is_empty() && gvcfs.len() == record.samples.len();
    if !sound {
        return Err(RestoreError::Invalid("batches"));
    }
    let members = record.samples.into_iter().zip(gvcfs);
    let member = |(name, gvcf): (String, &[u8; 32])| Member { name, gvcf: *gvcf };
    Ok(Arc::new(Batch(members.map(member).collect())))
}

pub(super) fn purge_record(purge: &Purge) -> PurgeRecord {
    let sources = purge.sources.iter();
    PurgeRecord {
        samples: purge.samples.clone(),
        sources: sources.map(|(batch, key)| (*batch, key.to_vec())).collect(),
        directories: purge.directories.clone(),
        kept: purge.kept.clone(),
        forget: purge.forget.iter().map(AddressRecord::new).collect(),
        batches: purge.batches.iter().map(|key| key.to_vec()).collect(),
    }
}

pub(super) fn of_purge(record: PurgeRecord) -> Result<Purge, RestoreError> {
    let invalid = RestoreError::Invalid("purges");
    let key = |key: Vec<u8>| key.try_into().map_err(|_| invalid);
    let sources = record.sources.into_iter();
    let sources = sources.map(|(batch, bytes)| Ok((batch, key(bytes)?)));
    let forget = record.forget.into_iter();
    let forget = forget.map(|address| address.address().ok_or(invalid));
    Ok(Purge {
        samples: record.samples,
        sources: sources.collect::<Result<_, RestoreError>>()?,
        directories: record.directories,
        kept: record.kept,
        forget: forget.collect::<Result<_, _>>()?,
        batches: record
            .batches
            .into_iter()
            .map(key)
            .collect::<Result<_, _>>()?,
    })
}

pub(super) fn records(stores: &Stores) -> Vec<StoreRecord> {
    let record = |(key, store): (&Key, &Store)| {
        let (counted, sums) = sums::records(store.sums());
        StoreRecord {
            key: Vec::from(*key),
            batches: store.batches().map(batch_record).collect(),
            counted,
            sums,
        }
    };
    stores.stores.iter().map(record).collect()
}

pub(super) fn withdrawals(stores: &Stores) -> Vec<WithdrawalRecord> {
    let places = stores.withdrawn.iter();
    let samples = places.flat_map(|(place, samples)| samples.iter().map(move |one| (place, one)));
    samples
        .map(|((place, cohort), (sample, withdrawal))| WithdrawalRecord {
            place: place.to_vec(),
            cohort: cohort.clone(),
            sample: sample.clone(),
            at_ms: withdrawal.at_ms,
            reason: withdrawal.reason.clone(),
            purged_ms: withdrawal.purged_ms,
        })
        .collect()
}

pub(super) fn of_records(
    stores: Vec<StoreRecord>,
    withdrawals: Vec<WithdrawalRecord>,
) -> Result<Stores, RestoreError> {
    let invalid = RestoreError::Invalid("stores");
    let mut restored = Stores::default();
    for record in stores {
        let key = record.key.try_into().map_err(|_| invalid)?;
        let store = restored.stores.entry(key).or_default();
        for batch in record.batches {
            store.enter(&of_batch(batch)?);
        }
        for sum in sums::of_records(record.counted, record.sums)? {
            store.enter_sum(sum);
        }
    }
    for record in withdrawals {
        let place = record.place.try_into().map_err(|_| invalid)?;
        let withdrawal = Withdrawal {
            at_ms: record.at_ms,
            purged_ms: record.purged_ms,
            reason: record.reason,
        };
        let samples = restored.withdrawn.entry((place, record.cohort));
        samples.or_default().insert(record.sample, withdrawal);
    }
    Ok(restored)
}
