//! Where results are published, below the cohort's root.

use kumi_proto::v1;
use kumi_proto::v1::Stage;
use sha2::{Digest as _, Sha256};

use crate::cohort::Cohort;
use crate::grid::Cell;
use crate::plan::key::{Hex, Key, hex};
use crate::plan::keys;
use crate::plan::layout::ReleaseKeys;

/// The folders of what is kept of a cohort for its next releases.
const STORE: &str = "store";
const CENSUS: &str = "census";

/// Where a task publishes, below the cohort's root.
pub(crate) fn directory(cohort: &Cohort, cell: Cell) -> String {
    directory_of(cohort, cell, &cohort.address(cell).key)
}

/// Where a task of this key publishes, below the cohort's root.
pub(crate) fn directory_of(cohort: &Cohort, cell: Cell, key: &Key) -> String {
    let header = &cohort.header;
    let programme = &header.programme;
    match cell.stage {
        Stage::Unspecified | Stage::Index => format!("reference/{}", hex(key, 16)),
        Stage::Align | Stage::Gvcf => sample_directory(cohort, cell.row, fans_out(header)),
        // What a shard is in the release lies there at once.
        Stage::Joint if keys::in_chunks(header) => {
            directory_in(cohort, &cohort.release_keys(), cell)
        }
        Stage::Cut | Stage::Chunk | Stage::Mark | Stage::Merge | Stage::Call | Stage::Joint => {
            [programme, "/work/", Hex::of(key, 16).as_str()].concat()
        }
        Stage::Ingest => kept_directory(header, STORE, key, fans_out(header)),
        Stage::Census => kept_directory(header, CENSUS, key, fans_out(header)),
        Stage::Release => directory_in(cohort, &cohort.release_keys(), cell),
        Stage::Purge => of_cohort(header, "purges", &hex(key, 12)),
    }
}

/// What a cohort was opened to do: in folders that would come to hold tens of thousands of directories, two hexadecimal
/// digits come before each.
fn fans_out(header: &v1::CohortHeader) -> bool {
    let params = header.params.as_ref();
    params.is_some_and(|params| params.fan_out)
}

/// Where a row of a cohort may have been published: its results may be those of a cohort that was opened before results
/// were fanned out, or after.
pub(crate) fn sample_directories(cohort: &Cohort, row: u32) -> [String; 2] {
    [false, true].map(|fanned| sample_directory(cohort, row, fanned))
}

/// A programme has a hundred thousand samples. The digits are of the SHA-256 of the sample's name.
fn sample_directory(cohort: &Cohort, row: u32, fanned: bool) -> String {
    let programme = &cohort.header.programme;
    let sample = &cohort.samples[row as usize].name;
    let run = Hex::of(&cohort.layout.gvcf[row as usize], 12);
    let run = run.as_str();
    if fanned {
        let fan = Sha256::digest(sample)[0];
        format!("{programme}/samples/{fan:02x}/{sample}/{run}")
    } else {
        format!("{programme}/samples/{sample}/{run}")
    }
}

/// Where a shard of a release, or the release, is published by the keys of that, below the cohort's root.
pub(crate) fn directory_in(cohort: &Cohort, keys: &ReleaseKeys, cell: Cell) -> String {
    let header = &cohort.header;
    match cell.stage {
        Stage::Release => of_cohort(header, "releases", &hex(&keys.release, 12)),
        Stage::Joint if keys::in_chunks(header) => {
            of_cohort(header, "releases", &hex(&keys.release, 12))
        }
        _ => directory_of(cohort, cell, &cohort.address_in(keys, cell).key),
    }
}

/// Where what is ingested of a batch in a shard may have been published, by its key, below the cohort's root: as
/// [`sample_directories`].
pub(crate) fn store_directories(header: &v1::CohortHeader, key: &Key) -> [String; 2] {
    [false, true].map(|fanned| kept_directory(header, STORE, key, fanned))
}

/// Where a census may have been published, by its key: as [`sample_directories`].
pub(crate) fn census_directories(header: &v1::CohortHeader, key: &Key) -> [String; 2] {
    [false, true].map(|fanned| kept_directory(header, CENSUS, key, fanned))
}

/// What later releases read: of each batch, or each release, an entry for every joint shard, for years.
fn kept_directory(header: &v1::CohortHeader, what: &str, key: &Key, fanned: bool) -> String {
    let key = hex(key, 16);
    match fanned {
        true => of_cohort(header, what, &format!("{}/{key}", &key[..2])),
        false => of_cohort(header, what, &key),
    }
}

fn of_cohort(header: &v1::CohortHeader, what: &str, name: &str) -> String {
    let (programme, cohort) = (&header.programme, &header.name);
    format!("{programme}/cohorts/{cohort}/{what}/{name}")
}

/// Where the planned call shards of a row were published; parts of them lie beside: [`part_directory`].
pub(crate) fn whole_shards(cohort: &Cohort, row: u32) -> Vec<String> {
    let (header, layout) = (&cohort.header, &cohort.layout);
    let Some(align) = layout.align[row as usize] else {
        return Vec::new();
    };
    let sex = keys::sex(&cohort.samples[row as usize]);
    let shards = (0..).take(layout.call.len());
    let key = |column| layout.call_key(header, &align, (sex, layout.call_digest(column)));
    let programme = &header.programme;
    let directory = |column| format!("{programme}/work/{}", hex(&key(column), 16));
    shards.map(directory).collect()
}

/// Where a call task that ended with its first `bases` publishes, below the cohort's root: never where the whole shard is.
pub(crate) fn part_directory(cohort: &Cohort, cell: Cell, bases: u64) -> String {
    format!("{}-{bases}", directory(cohort, cell))
}
