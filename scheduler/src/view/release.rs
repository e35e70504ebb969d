//! What was released, and from what.

use std::collections::BTreeSet;

use kumi_proto::ids::CohortId;
use kumi_proto::v1;
use kumi_proto::v1::{Stage, TaskState};

use crate::cohort::Cohort;
use crate::grid::Cell;
use crate::plan::key::hex;
use crate::plan::keys::genotypes;
use crate::plan::spec;
use crate::state::State;

/// The fewest digits that a release is found by.
const DIGITS_MIN: usize = 4;

impl State {
    /// The releases of a cohort's name, or all, the newest first. Cohorts that made the same are one release: that of
    /// the first.
    #[must_use]
    pub fn releases(&self, of: Option<CohortId>) -> Vec<v1::Release> {
        let place = of.and_then(|id| self.cohorts.get(&id.0)).map(place);
        let cohorts = self.cohorts.values();
        let cohorts =
            cohorts.filter(|cohort| place.is_none() || Some(self::place(cohort)) == place);
        let mut seen = BTreeSet::new();
        let releases = cohorts.filter_map(|cohort| {
            let address = cohort.address(RELEASE);
            let release = self.release(cohort)?;
            seen.insert(address).then_some(release)
        });
        let mut releases: Vec<v1::Release> = releases.collect();
        releases.reverse();
        releases
    }

    /// A release by its digits, by the first of them if they are no other's, or the latest one of a cohort by number or
    /// name.
    #[must_use]
    pub fn find_release(&self, name: &str) -> Option<(CohortId, v1::Release)> {
        let with = |release: v1::Release| (CohortId(release.cohort), release);
        if name.len() >= DIGITS_MIN {
            let mut found = self.releases(None).into_iter();
            let mut found = found
                .by_ref()
                .filter(|release| release.release.starts_with(name));
            if let (Some(only), None) = (found.next(), found.next()) {
                return Some(with(only));
            }
        }
        let id = self.find(name)?;
        let own = self
            .cohorts
            .get(&id.0)
            .and_then(|cohort| self.release(cohort));
        own.or_else(|| self.releases(Some(id)).into_iter().next())
            .map(with)
    }

    /// What the release of a cohort was genotyped from; none when there is none, or that is not known any more.
    #[must_use]
    pub fn release_source(&self, id: CohortId) -> Option<v1::ReleaseSource> {
        let cohort = self.cohorts.get(&id.0)?;
        if !cohort.has_release() {
            return None;
        }
        let (name, address) = (place(cohort), cohort.address(RELEASE));
        let cohorts = self.cohorts.values().rev();
        let named = cohorts.filter(|cohort| place(cohort) == name);
        let same = named.filter(|cohort| cohort.has(RELEASE) && cohort.address(RELEASE) == address);
        let same: Vec<&Cohort> = same.collect();
        spec::source(&same, &self.ledger)
    }

    fn release(&self, cohort: &Cohort) -> Option<v1::Release> {
        let done = cohort.has(RELEASE) && cohort.get(RELEASE) == TaskState::Done;
        let address = cohort.address(RELEASE);
        let manifest = done.then(|| self.ledger.get(&address)).flatten()?;
        let header = &cohort.header;
        let place = place(cohort);
        let samples = cohort.included();
        let samples = samples.map(|row| cohort.samples[row as usize].name.as_str());
        let samples: Vec<&str> = samples.collect();
        let withdrawn = samples.iter().copied();
        let withdrawn = withdrawn.filter(|name| self.stores.withdrawal(&place, name).is_some());
        Some(v1::Release {
            release: hex(&address.key, 12),
            cohort: cohort.id,
            name: header.name.clone(),
            programme: header.programme.clone(),
            withdrawn: withdrawn.map(str::to_owned).collect(),
            samples: samples.len() as u64,
            created_ms: cohort.finished_ms,
            manifest: Some(manifest),
            root: header.root.clone(),
            genotypes: genotypes(header).into(),
        })
    }
}

const RELEASE: Cell = Cell {
    stage: Stage::Release,
    row: 0,
    column: 0,
};

fn place(cohort: &Cohort) -> crate::plan::key::CohortPlace {
    cohort.layout.cohort_place(&cohort.header)
}
