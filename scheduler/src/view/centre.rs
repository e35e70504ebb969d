//! What exists for a centre: its own cohorts.

use kumi_proto::ids::CohortId;
use kumi_proto::v1;

use crate::cohort::Cohort;
use crate::state::State;

/// Whether a cohort exists for a centre; all of them do where none is meant.
pub(super) fn is_of(cohort: &Cohort, centre: Option<&str>) -> bool {
    centre.is_none_or(|centre| cohort.header.centre == centre)
}

/// Whether an account is shown to a centre: its own, and programmes as a whole, whose centre is empty.
pub(super) fn shows(centre: Option<&str>, account: &str) -> bool {
    account.is_empty() || centre.is_none_or(|centre| centre == account)
}

impl State {
    /// The policy that is in force, as far as a centre is shown it; none when none was ever set.
    #[must_use]
    pub fn policy_of(&self, centre: Option<&str>) -> Option<v1::Policy> {
        let mut policy = self.policy()?;
        policy
            .accounts
            .retain(|account| shows(centre, &account.centre));
        Some(policy)
    }

    /// The cohort of that number, or the latest of that name, among those of a centre.
    #[must_use]
    pub fn find_of(&self, centre: Option<&str>, cohort: &str) -> Option<CohortId> {
        let found = self.find(cohort)?;
        let number = cohort.parse().is_ok_and(|number: u64| number == found.0);
        if number || self.exists_for(centre, found) {
            return Some(found).filter(|found| self.exists_for(centre, *found));
        }
        // The latest of that name is somebody else's.
        let own = |other: &&Cohort| other.header.name == cohort && is_of(other, centre);
        let own = self.cohorts.values().rev().find(own);
        own.map(|own| CohortId(own.id))
    }

    /// Whether a cohort is one of a centre.
    #[must_use]
    pub fn exists_for(&self, centre: Option<&str>, id: CohortId) -> bool {
        let cohort = self.cohorts.get(&id.0);
        cohort.is_some_and(|cohort| is_of(cohort, centre))
    }

    /// The cohorts of a centre in short, newest first, those before `before`.
    #[must_use]
    pub fn summaries_of(
        &self,
        centre: Option<&str>,
        before: Option<CohortId>,
        limit: usize,
    ) -> Vec<v1::CohortSummary> {
        let before = before.map_or(u64::MAX, |id| id.0);
        let cohorts = self.cohorts.range(..before).rev();
        let own = cohorts.filter(|(_, cohort)| is_of(cohort, centre));
        own.take(limit)
            .filter_map(|(id, _)| self.summary(CohortId(*id)))
            .collect()
    }

    /// Releases of a centre's cohorts, newest first; with `of` those of that cohort's name.
    #[must_use]
    pub fn releases_of(&self, centre: Option<&str>, of: Option<CohortId>) -> Vec<v1::Release> {
        let mut releases = self.releases(of);
        releases.retain(|release| self.exists_for(centre, CohortId(release.cohort)));
        releases
    }

    /// A release as [`State::find_release`] finds it, among those of a centre.
    #[must_use]
    pub fn find_release_of(
        &self,
        centre: Option<&str>,
        name: &str,
    ) -> Option<(CohortId, v1::Release)> {
        let own = |found: &(CohortId, v1::Release)| self.exists_for(centre, found.0);
        self.find_release(name).filter(own).or_else(|| {
            let cohort = self.find_of(centre, name)?;
            let latest = self.releases_of(centre, Some(cohort)).into_iter().next();
            latest.map(|release| (CohortId(release.cohort), release))
        })
    }

    /// Whether cohorts of this name, programme and root are another centre's: they would share batches and
    /// withdrawals.
    #[must_use]
    pub fn is_taken(&self, header: &v1::CohortHeader) -> bool {
        self.cohorts.values().any(|cohort| {
            let other = &cohort.header;
            (&other.name, &other.programme, &other.root)
                == (&header.name, &header.programme, &header.root)
                && other.centre != header.centre
        })
    }
}
