//! What follows from the rest of the state, kept for look-ups; never stored.

use std::collections::{BTreeMap, BTreeSet};

use crate::cohort::{Cohort, Extent};
use crate::plan::key::Address;
use crate::state::Lease;

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Derived {
    /// The latest cohort of each name.
    pub(crate) names: BTreeMap<String, u64>,
    /// Cohorts by the request id that opened them.
    pub(crate) opened: BTreeMap<String, u64>,
    /// Running cohorts in the order in which they are served.
    pub(crate) queue: BTreeSet<(i32, u64)>,
    /// Rows of running cohorts by the results they share with others.
    pub(crate) wanted: BTreeMap<Address, BTreeSet<(u64, Extent)>>,
    /// Results that are being made.
    pub(crate) in_flight: BTreeMap<Address, u64>,
    /// Leases by worker.
    pub(crate) held: BTreeMap<u64, BTreeSet<u64>>,
}

impl Derived {
    /// Enters a cohort, again too when it runs again.
    pub(crate) fn add_cohort(&mut self, cohort: &Cohort) {
        let id = cohort.id;
        let latest = self.names.entry(cohort.header.name.clone()).or_insert(id);
        *latest = id.max(*latest);
        if !cohort.header.request_id.is_empty() {
            let request_id = cohort.header.request_id.clone();
            self.opened.insert(request_id, id);
        }
        if cohort.is_running() && self.queue.insert(place(cohort)) {
            for (address, extent) in cohort.shared_addresses() {
                let sharing = self.wanted.entry(address).or_default();
                sharing.insert((id, extent));
            }
        }
    }

    /// A cohort has ended: it is not served and wants nothing any more.
    pub(crate) fn retire_cohort(&mut self, cohort: &Cohort) {
        if !self.queue.remove(&place(cohort)) {
            return;
        }
        for (address, extent) in cohort.shared_addresses() {
            if let Some(sharing) = self.wanted.get_mut(&address) {
                sharing.remove(&(cohort.id, extent));
                if sharing.is_empty() {
                    self.wanted.remove(&address);
                }
            }
        }
    }

    pub(crate) fn add_lease(&mut self, attempt: u64, lease: &Lease) {
        self.in_flight.insert(lease.address, attempt);
        self.held.entry(lease.worker).or_default().insert(attempt);
    }

    /// Takes a lease out; true when its worker holds no other.
    pub(crate) fn remove_lease(&mut self, attempt: u64, lease: &Lease) -> bool {
        self.in_flight.remove(&lease.address);
        let Some(held) = self.held.get_mut(&lease.worker) else {
            return true;
        };
        held.remove(&attempt);
        let idle = held.is_empty();
        if idle {
            self.held.remove(&lease.worker);
        }
        idle
    }
}

fn place(cohort: &Cohort) -> (i32, u64) {
    (cohort.priority() as i32, cohort.id)
}
