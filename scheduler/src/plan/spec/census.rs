//! How a census is added up: from an earlier one where that can be.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use kumi_proto::v1;

use crate::cohort::Counted;
use crate::plan::key::Key;
use crate::plan::spec::Writer;
use crate::state::Sum;

impl Writer<'_> {
    /// The census of a shard. What it comes to is the same whatever it begins from.
    pub(super) fn census(&self, column: u32) -> v1::CensusSpec {
        let added = self.begun(column).unwrap_or_else(|| v1::CensusSpec {
            batches: self.ingested(column),
            ..v1::CensusSpec::default()
        });
        v1::CensusSpec {
            reference: Some(self.reference()),
            cohort: self.cohort.header.name.clone(),
            regions: self.cohort.layout.joint[column as usize].clone(),
            ..added
        }
    }

    /// From the census of the most batches that can be; of several the latest.
    fn begun(&self, column: u32) -> Option<v1::CensusSpec> {
        let counted = self.cohort.counted();
        let by_key: BTreeMap<Key, &Counted> =
            counted.iter().map(|batch| (batch.key, batch)).collect();
        if by_key.len() < counted.len() {
            return None;
        }
        let mut sums: Vec<&Sum> = self.sums.iter().rev().collect();
        sums.sort_by_key(|sum| Reverse(sum.parts.len()));
        let mut sums = sums.into_iter();
        sums.find_map(|sum| self.added_to(sum, (&counted, &by_key), column))
    }

    /// How the census follows from another one that is there and counts nobody who is not in the cohort's batches, nor
    /// leaves anybody out who is in the release.
    fn added_to(
        &self,
        sum: &Sum,
        (counted, by_key): (&[Counted], &BTreeMap<Key, &Counted>),
        column: u32,
    ) -> Option<v1::CensusSpec> {
        let layout = &self.cohort.layout;
        let address = layout.address(layout.census_key(&sum.base, column));
        let base = self.without_counts(&address)?;
        let mut withdrawn = Vec::new();
        for (key, part) in &sum.parts {
            let gone = part.withdrawn(&by_key.get(key)?.excluded)?;
            if !gone.is_empty() {
                withdrawn.push(self.batch(key, column, gone)?);
            }
        }
        let fresh = counted.iter();
        let fresh = fresh.filter(|batch| !sum.parts.contains_key(&batch.key) && !batch.is_nobody());
        let batches = fresh.map(|batch| self.batch(&batch.key, column, batch.excluded.clone()));
        Some(v1::CensusSpec {
            base: Some(base),
            batches: batches.collect::<Option<_>>()?,
            withdrawn,
            ..v1::CensusSpec::default()
        })
    }
}
