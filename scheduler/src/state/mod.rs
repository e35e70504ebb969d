//! The state and its one way to change.

mod account;
mod actor;
mod check;
mod cohorts;
mod copies;
mod costs;
mod derived;
mod leases;
mod pools;
mod purge;
mod recover;
mod requests;
mod shares;
mod stores;
mod sums;
mod traces;
mod withdrawals;
mod workers;

use std::borrow::Cow;
use std::collections::BTreeMap;

use kumi_proto::ids::CohortId;
use kumi_proto::v1;
use kumi_proto::v1::command::Kind;

use crate::cohort::Cohort;
use crate::ledger::Ledger;
use crate::outcome::{Outcome, Rejection};
use crate::pool::Pool;
use crate::profile::Profiles;
use crate::rules::Rules;
use crate::tallies::Tallies;
use crate::usage::Usage;
use crate::version::{as_read_by, brought};

pub(crate) use account::{Account, Accounts, Target};
pub(crate) use derived::{Derived, Line, due_ms};
pub(crate) use leases::Lease;
pub(crate) use requests::{Answer, Digest, Kept, Key, Request, Requests};
pub(crate) use shares::{Standing, is_entry};
pub(crate) use stores::{Store, Stores, Withdrawal};
pub(crate) use sums::{Part, Sum};
pub(crate) use workers::Worker;

/// Everything the cluster knows. Empty by default.
#[derive(Debug, Default)]
pub struct State {
    /// The largest time seen, Unix milliseconds.
    pub(crate) clock_ms: u64,
    /// The raft index of the last command.
    pub(crate) revision: u64,
    /// Of the state machine, in force at the last command; not stored.
    pub(crate) version: u32,
    pub(crate) last_cohort: u64,
    pub(crate) last_worker: u64,
    pub(crate) last_attempt: u64,
    pub(crate) term: Term,
    pub(crate) cohorts: BTreeMap<u64, Cohort>,
    pub(crate) ledger: Ledger,
    pub(crate) profiles: Profiles,
    pub(crate) stores: Stores,
    pub(crate) leases: BTreeMap<u64, Lease>,
    /// Second attempts by the first one at the same task.
    pub(crate) copies: BTreeMap<u64, u64>,
    pub(crate) workers: BTreeMap<u64, Worker>,
    /// Names of workers that an operator drained, and why. They stay drained when they restart.
    pub(crate) drained: BTreeMap<String, String>,
    /// By name.
    pub(crate) pools: BTreeMap<String, Pool>,
    pub(crate) accounts: Accounts,
    /// How cores are shared; none: in the order of submission.
    pub(crate) rules: Option<Rules>,
    pub(crate) usage: Usage,
    pub(crate) requests: Requests,
    pub(crate) tallies: Tallies,
    pub(crate) derived: Derived,
}

/// Who leads, as of the last `NewTerm`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) leader: u64,
    pub(crate) began_ms: u64,
}

impl State {
    /// Applies one command of the log. `index` is its raft index, the revision.
    ///
    /// It does what `version` of the state machine does, one of [`crate::version`], and refuses what only a newer one
    /// knows. The clock is the largest `at_ms` seen: a leader whose clock is behind cannot turn it back.
    pub fn apply(&mut self, index: u64, version: u32, command: &v1::Command) -> Outcome {
        let kind = command.kind.as_ref().map(Cow::Borrowed);
        self.follow((index, version), command.at_ms, (kind, &command.actor))
    }

    /// As [`State::apply`], of a command that nobody needs any more: what it submits becomes the cohort's without being
    /// copied.
    pub fn take(&mut self, index: u64, version: u32, command: v1::Command) -> Outcome {
        let kind = command.kind.map(Cow::Owned);
        self.follow((index, version), command.at_ms, (kind, &command.actor))
    }

    fn follow(
        &mut self,
        (index, version): (u64, u32),
        at_ms: u64,
        (kind, actor): (Option<Cow<'_, Kind>>, &str),
    ) -> Outcome {
        self.version = version;
        self.clock_ms = self.clock_ms.max(at_ms);
        self.revision = self.revision.max(index);
        self.usage.decay(self.clock_ms, self.half_life_ms());
        let outcome = match kind {
            None => Err(Rejection::UnknownCommand),
            Some(kind) if brought(&kind) > version => Err(Rejection::NotInForce {
                needs: brought(&kind),
                version,
            }),
            Some(kind) => self.once(as_read_by(version, kind), actor),
        };
        outcome.unwrap_or_else(Outcome::Refused)
    }

    fn act(&mut self, kind: Cow<'_, Kind>, actor: &str) -> Result<Outcome, Rejection> {
        let kind = match kind {
            Cow::Owned(Kind::Open(open)) => return self.submit(open, actor),
            kind => kind,
        };
        match &*kind {
            Kind::Open(open) => self.submit(open.clone(), actor),
            Kind::Grant(grant) => self.grant(grant),
            Kind::Speculate(speculate) => self.speculate(speculate),
            Kind::Settle(settle) => Ok(self.settle(settle)),
            Kind::Expire(expire) => Ok(self.expire(expire)),
            Kind::Cancel(cancel) => self.cancel(cancel),
            Kind::Retry(retry) => self.retry(retry),
            Kind::Withdraw(withdraw) => self.withdraw(withdraw),
            Kind::Build(build) => self.build(build),
            Kind::Purge(purge) => self.purge(purge),
            Kind::SetTarget(set) => self.set_target(set),
            Kind::SetPolicy(set) => self.set_policy(set),
            Kind::Register(register) => self.register(register),
            Kind::Drain(drain) => self.drain(drain),
            Kind::Pool(event) => self.pool_event(event),
            Kind::Note(_) => Ok(Outcome::Noted),
            Kind::NewTerm(term) => {
                self.term = Term {
                    leader: term.leader,
                    began_ms: self.clock_ms,
                };
                Ok(Outcome::TermBegun)
            }
        }
    }

    /// The cohort of that number, or the latest of that name.
    #[must_use]
    pub fn find(&self, cohort: &str) -> Option<CohortId> {
        let number = cohort.parse().ok();
        let number = number.filter(|number| self.cohorts.contains_key(number));
        let found = number.or_else(|| self.derived.names.get(cohort).copied());
        found.map(CohortId)
    }

    /// The counters behind the business metrics.
    #[must_use]
    pub fn tallies(&self) -> &Tallies {
        &self.tallies
    }
}
