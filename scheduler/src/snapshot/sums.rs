//! What censuses are the sums of, as records and back: every batch is written once, however many count it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::plan::batch::Batch;
use crate::plan::key::Key;
use crate::snapshot::RestoreError;
use crate::snapshot::record::{BatchRecord, SumPartRecord, SumRecord};
use crate::snapshot::stores::{batch_record, of_batch};
use crate::state::{Part, Sum};

/// The batches in the order of their keys, and the sums.
pub(super) fn records(sums: &[Sum]) -> (Vec<BatchRecord>, Vec<SumRecord>) {
    let parts = sums.iter().flat_map(|sum| &sum.parts);
    let batches: BTreeMap<&Key, &Arc<Batch>> =
        parts.map(|(key, part)| (key, &part.batch)).collect();
    let places: BTreeMap<&Key, u32> = batches.keys().copied().zip(0..).collect();
    let part = |(key, part): (&Key, &Part)| SumPartRecord {
        batch: places[key],
        excluded: part.excluded.clone(),
    };
    let sums = sums.iter().map(|sum| SumRecord {
        base: sum.base.to_vec(),
        parts: sum.parts.iter().map(part).collect(),
    });
    (
        batches.values().copied().map(batch_record).collect(),
        sums.collect(),
    )
}

pub(super) fn of_records(
    counted: Vec<BatchRecord>,
    sums: Vec<SumRecord>,
) -> Result<Vec<Sum>, RestoreError> {
    let invalid = RestoreError::Invalid("sums");
    let mut batches = Vec::new();
    for record in counted {
        let batch = of_batch(record)?;
        batches.push((batch.key(), batch));
    }
    let part = |record: SumPartRecord| {
        let (key, batch) = batches.get(record.batch as usize).ok_or(invalid)?;
        let part = Part {
            batch: Arc::clone(batch),
            excluded: record.excluded,
        };
        Ok((*key, part))
    };
    let sum = |record: SumRecord| {
        let parts = record.parts.into_iter().map(part);
        Ok(Sum {
            base: record.base.try_into().map_err(|_| invalid)?,
            parts: parts.collect::<Result<_, RestoreError>>()?,
        })
    };
    sums.into_iter().map(sum).collect()
}
