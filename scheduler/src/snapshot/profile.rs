//! Cost profiles as records and back.

use crate::profile::{Bin, Cut, Profile, Profiles};
use crate::snapshot::RestoreError;
use crate::snapshot::record::{CutRecord, ProfileRecord};

pub(super) fn record(profiles: &Profiles) -> Vec<ProfileRecord> {
    let profiles = profiles.0.iter();
    let record = profiles.map(|(key, profile)| ProfileRecord {
        key: key.to_vec(),
        milliseconds: profile.bins.iter().map(|bin| bin.milliseconds).collect(),
        bases: profile.bins.iter().map(|bin| bin.bases).collect(),
        cuts: profile.cuts.iter().map(cut_record).collect(),
        used_ms: profile.used_ms,
    });
    record.collect()
}

fn cut_record((wanted, cut): (&u64, &Cut)) -> CutRecord {
    CutRecord {
        wanted: *wanted,
        starts: cut.starts.clone(),
        used_ms: cut.used_ms,
    }
}

pub(super) fn of_record(records: Vec<ProfileRecord>) -> Result<Profiles, RestoreError> {
    let invalid = RestoreError::Invalid("profiles");
    let mut profiles = Profiles::default();
    for record in records {
        let key = record.key.try_into().map_err(|_| invalid)?;
        if record.milliseconds.len() != record.bases.len() {
            return Err(invalid);
        }
        let bins = record.milliseconds.into_iter().zip(record.bases);
        let bins = bins.map(|(milliseconds, bases)| Bin {
            milliseconds,
            bases,
        });
        let cuts = record.cuts.into_iter().map(|cut| {
            let (starts, used_ms) = (cut.starts, cut.used_ms);
            (cut.wanted, Cut { starts, used_ms })
        });
        let profile = Profile {
            bins: bins.collect(),
            cuts: cuts.collect(),
            used_ms: record.used_ms,
        };
        profiles.0.insert(key, profile);
    }
    Ok(profiles)
}
