//! What follows from the rest of the state, kept for look-ups; never stored.

use std::collections::{BTreeMap, BTreeSet};

use crate::cohort::{Cohort, Extent};
use crate::plan::key::Address;
use crate::plan::need::Need;
use crate::state::{Key, Lease};

/// Cohorts of one account and priority: [`due_ms`] and number.
pub(crate) type Line = BTreeSet<(u64, u64)>;

/// The leases of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Running {
    leases: u64,
    pub(crate) cores: u64,
    /// When each began, milliseconds, times its cores, summed.
    began: u128,
}

impl Running {
    /// Core-milliseconds that they have used so far.
    pub(crate) fn used_ms(&self, now_ms: u64) -> u64 {
        let used = u128::from(self.cores) * u128::from(now_ms);
        u64::try_from(used.saturating_sub(self.began)).unwrap_or(u64::MAX)
    }

    fn add(&mut self, lease: &Lease) {
        self.leases += 1;
        self.cores += u64::from(lease.cores);
        self.began += began(lease);
    }

    fn and(self, other: &Self) -> Self {
        Self {
            leases: self.leases + other.leases,
            cores: self.cores + other.cores,
            began: self.began + other.began,
        }
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Derived {
    /// The latest cohort of each name.
    pub(crate) names: BTreeMap<String, u64>,
    /// Cohorts by the request that opened them.
    pub(crate) opened: BTreeMap<Key, u64>,
    /// Running cohorts in the order in which they are served when nothing is shared: priority, [`due_ms`], number.
    pub(crate) queue: BTreeSet<(i32, u64, u64)>,
    /// The same by priority, programme and centre.
    pub(crate) lines: BTreeMap<i32, BTreeMap<String, BTreeMap<String, Line>>>,
    /// What runs, by programme and centre.
    running: BTreeMap<String, BTreeMap<String, Running>>,
    /// Rows of running cohorts by the results they share with others.
    pub(crate) wanted: BTreeMap<Address, BTreeSet<(u64, Extent)>>,
    /// Results that are being made.
    pub(crate) in_flight: BTreeMap<Address, u64>,
    /// Leases by worker.
    pub(crate) held: BTreeMap<u64, BTreeSet<u64>>,
    /// What they hold of each worker together.
    used: BTreeMap<u64, Need>,
}

impl Derived {
    /// Enters a cohort, again too when it runs again.
    pub(crate) fn add_cohort(&mut self, cohort: &Cohort) {
        let id = cohort.id;
        let latest = self.names.entry(cohort.header.name.clone()).or_insert(id);
        *latest = id.max(*latest);
        self.add_request(cohort);
        if cohort.is_running() && self.queue.insert(place(cohort)) {
            let (class, due, id) = place(cohort);
            let (programme, centre) = cohort.account();
            let programmes = self.lines.entry(class).or_default();
            let centres = programmes.entry(programme.to_owned()).or_default();
            let line = centres.entry(centre.to_owned()).or_default();
            line.insert((due, id));
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
        self.leave_line(cohort);
        for (address, extent) in cohort.shared_addresses() {
            if let Some(sharing) = self.wanted.get_mut(&address) {
                sharing.remove(&(cohort.id, extent));
                if sharing.is_empty() {
                    self.wanted.remove(&address);
                }
            }
        }
    }

    fn leave_line(&mut self, cohort: &Cohort) {
        let (class, due, id) = place(cohort);
        let (programme, centre) = cohort.account();
        let Some(programmes) = self.lines.get_mut(&class) else {
            return;
        };
        if let Some(centres) = programmes.get_mut(programme) {
            if let Some(line) = centres.get_mut(centre) {
                line.remove(&(due, id));
            }
            centres.retain(|_, line| !line.is_empty());
        }
        programmes.retain(|_, centres| !centres.is_empty());
        if programmes.is_empty() {
            self.lines.remove(&class);
        }
    }

    /// What runs of a centre of a programme, or of all of them.
    pub(crate) fn running_of(&self, programme: &str, centre: Option<&str>) -> Running {
        let Some(centres) = self.running.get(programme) else {
            return Running::default();
        };
        match centre {
            Some(centre) => centres.get(centre).copied().unwrap_or_default(),
            None => centres.values().fold(Running::default(), Running::and),
        }
    }

    pub(crate) fn add_lease(
        &mut self,
        attempt: u64,
        lease: &Lease,
        (programme, centre): (&str, &str),
    ) {
        let centres = self.running.get_mut(programme);
        if let Some(running) = centres.and_then(|centres| centres.get_mut(centre)) {
            running.add(lease);
        } else {
            let centres = self.running.entry(programme.to_owned()).or_default();
            centres.entry(centre.to_owned()).or_default().add(lease);
        }
        // Of two attempts the first.
        self.in_flight.entry(lease.address).or_insert(attempt);
        self.held.entry(lease.worker).or_default().insert(attempt);
        let used = self.used.entry(lease.worker).or_default();
        *used = used.and(lease.claim());
    }

    /// Takes a lease out; true when its worker holds no other.
    pub(crate) fn remove_lease(
        &mut self,
        attempt: u64,
        lease: &Lease,
        (programme, centre): (&str, &str),
    ) -> bool {
        if let Some(centres) = self.running.get_mut(programme) {
            if let Some(running) = centres.get_mut(centre) {
                running.leases -= 1;
                running.cores -= u64::from(lease.cores);
                running.began -= began(lease);
                if running.leases == 0 {
                    centres.remove(centre);
                }
            }
            if centres.is_empty() {
                self.running.remove(programme);
            }
        }
        if self.in_flight.get(&lease.address) == Some(&attempt) {
            self.in_flight.remove(&lease.address);
        }
        let Some(held) = self.held.get_mut(&lease.worker) else {
            return true;
        };
        held.remove(&attempt);
        if let Some(used) = self.used.get_mut(&lease.worker) {
            *used = used.less(lease.claim());
        }
        let idle = held.is_empty();
        if idle {
            self.held.remove(&lease.worker);
            self.used.remove(&lease.worker);
        }
        idle
    }

    /// What the leases of a worker hold of it.
    pub(crate) fn used(&self, worker: u64) -> Need {
        self.used.get(&worker).copied().unwrap_or_default()
    }
}

fn began(lease: &Lease) -> u128 {
    u128::from(lease.cores) * u128::from(lease.started_ms)
}

/// When a cohort is due, Unix milliseconds: those with a deadline come before those without.
pub(crate) fn due_ms(cohort: &Cohort) -> u64 {
    match cohort.header.deadline_ms {
        0 => u64::MAX,
        given => given,
    }
}

fn place(cohort: &Cohort) -> (i32, u64, u64) {
    (cohort.priority() as i32, due_ms(cohort), cohort.id)
}
