//! What monitoring sees of this node.
//!
//! Business metrics are derived from the applied state at scrape time: every replica shows the same
//! values and a restart resets none. Only raft's, RPC's and the process's own counters start at zero.

mod accounts;
mod backlog;
pub(crate) mod family;
pub(crate) mod http;
mod kernels;
mod pools;
mod raft;
pub(crate) mod rpc;
mod targets;
mod tasks;
pub(crate) mod tls;
mod units;
mod workers;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus::process_collector::ProcessCollector;
use prometheus::proto::MetricFamily;
use prometheus::{Registry, TextEncoder};

use crate::control::Control;
use crate::metrics::family::Family;
use crate::metrics::http::Monitor;

/// Gathers the families of something else in this process.
pub(crate) type Gather = Box<dyn Fn() -> Vec<MetricFamily> + Send + Sync>;

/// The families of one node.
pub(crate) struct Exposition {
    control: Arc<Control>,
    registry: Registry,
    others: Mutex<Vec<Gather>>,
}

impl Exposition {
    /// `registry` holds what is counted in place.
    pub(crate) fn new(
        control: Arc<Control>,
        registry: Registry,
    ) -> Result<Self, prometheus::Error> {
        registry.register(Box::new(ProcessCollector::for_self()))?;
        Ok(Self {
            control,
            registry,
            others: Mutex::default(),
        })
    }

    /// Shows the families of something else too.
    pub(crate) fn add(&self, other: Gather) {
        let others = self.others.lock();
        others.unwrap_or_else(PoisonError::into_inner).push(other);
    }

    /// Families of others by names that are not taken: a name may stand only once.
    fn add_others(&self, families: &mut Vec<MetricFamily>) {
        let mut names: BTreeSet<String> = families.iter().map(|f| f.name().to_owned()).collect();
        let others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        for family in others.iter().flat_map(|gather| gather()) {
            if names.insert(family.name().to_owned()) {
                families.push(family);
            }
        }
    }

    fn families(&self) -> Vec<Family> {
        let control = &self.control;
        let now_ms = control.clock.unix_ms();
        let mut families = vec![build_info()];
        families.extend(raft::families(
            &control.node.status().borrow(),
            &control.node.metrics(),
        ));
        let (tallies, backlog, targets, workers, accounts, pools) = control.local(|state, _| {
            let targets = state.targets(None, now_ms);
            (
                state.tallies().clone(),
                state.backlog(),
                targets,
                state.workers(),
                state.account_list(),
                state.pool_statuses(),
            )
        });
        families.extend(units::families(&tallies));
        families.extend(targets::families(&targets));
        families.extend(backlog::families(&backlog, now_ms));
        families.extend(accounts::families(&accounts));
        families.extend(pools::families(&pools));
        families.extend(tasks::families(&tallies));
        families.extend(kernels::families(&tallies));
        families.extend(workers::families(
            &workers,
            tallies.workers_lost,
            now_ms,
            &control.roster().soft,
        ));
        families
    }
}

fn build_info() -> Family {
    let help = "1; the labels tell which build runs.";
    Family::gauge("kumi_build_info", help).of(&[("version", env!("CARGO_PKG_VERSION"))], 1.0)
}

impl Monitor for Exposition {
    fn exposition(&self) -> String {
        let mut families: Vec<_> = self
            .families()
            .into_iter()
            .filter_map(Family::finish)
            .collect();
        families.extend(self.registry.gather());
        self.add_others(&mut families);
        families.sort_by(|left, right| left.name().cmp(right.name()));
        let text = TextEncoder::new().encode_to_string(&families);
        text.unwrap_or_else(|error| format!("# the metrics cannot be written: {error}\n"))
    }

    fn healthy(&self) -> Result<(), String> {
        Ok(())
    }

    fn ready(&self) -> Result<(), String> {
        self.control.ready()
    }
}
