//! What a release can be genotyped from again.

use kumi_proto::v1;
use kumi_proto::v1::Stage;

use crate::cohort::Cohort;
use crate::grid::Cell;
use crate::ledger::{Ledger, Reader};
use crate::plan::spec::Writer;

/// What a release was genotyped from, by the cohorts that made it or began to. Those with other batches may each have
/// ingested some of its shards. None when one is not known any more, or never was stored.
pub(crate) fn source(cohorts: &[&Cohort], ledger: &Ledger) -> Option<v1::ReleaseSource> {
    let whole = |cohort: &&Cohort| whole_source(cohort, cohorts, ledger);
    cohorts.iter().find_map(whole)
}

/// The same in the shards of one of them.
fn whole_source(one: &Cohort, cohorts: &[&Cohort], ledger: &Ledger) -> Option<v1::ReleaseSource> {
    let layout = &one.layout;
    let index = !layout.builds_index || ledger.has(&layout.index_address());
    let alike = cohorts.iter();
    let alike: Vec<&Cohort> = alike
        .filter(|cohort| cohort.layout.joint == layout.joint)
        .copied()
        .collect();
    let columns = 0..one.grid(Stage::Joint).columns();
    let shard = |column: u32| {
        let of = |cohort: &&Cohort| source_of_shard(cohort, column, ledger);
        alike.iter().find_map(of)
    };
    let shards: Option<Vec<v1::ReleaseShard>> = columns.map(shard).collect();
    Some(v1::ReleaseSource {
        shards: shards.filter(|_| index)?,
        reference: Some(Writer::reading(one, &Reader::new(ledger)).reference()),
    })
}

/// What a cohort ingested in a shard.
fn source_of_shard(cohort: &Cohort, column: u32, ledger: &Ledger) -> Option<v1::ReleaseShard> {
    let batches = Writer::reading(cohort, &Reader::new(ledger)).batches(column)?;
    let census = Cell {
        stage: Stage::Census,
        row: 0,
        column,
    };
    (!batches.is_empty()).then(|| v1::ReleaseShard {
        regions: cohort.layout.joint[column as usize].clone(),
        batches,
        census: ledger.get(&cohort.address(census)),
    })
}
