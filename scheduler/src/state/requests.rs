//! The same request twice is one request.
//!
//! A request is known by the centre of who asks, by its id and by what it asks. Version 1 of the state machine
//! knew it by its id and its kind only; what it remembered is matched so for as long as it is kept.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use kumi_proto::ids::CohortId;
use kumi_proto::v1::command::Kind;
use sha2::{Digest as _, Sha256};

use crate::limits::REQUESTS_KEPT_MAX;
use crate::outcome::{Outcome, Rejection};
use crate::state::actor::centre_of;
use crate::state::{Derived, State};
use crate::version::REQUESTS_BY_CENTRE;

/// What is asked: SHA-256 of the command without its time and its actor.
pub(crate) type Digest = [u8; 32];

/// Centre of who asks, empty for those who have none, and the id.
pub(crate) type Key = (String, String);

/// A request that has an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) key: Key,
    /// None in version 1.
    pub(crate) digest: Option<Digest>,
}

impl Request {
    fn of(kind: &Kind, actor: &str, version: u32) -> Option<Self> {
        let id = id_of(kind).filter(|id| !id.is_empty())?.to_owned();
        if version < REQUESTS_BY_CENTRE {
            let key = (String::new(), id);
            return Some(Self { key, digest: None });
        }
        let mut asked = Vec::with_capacity(kind.encoded_len());
        kind.encode(&mut asked);
        Some(Self {
            key: (centre_of(actor).to_owned(), id),
            digest: Some(Sha256::digest(&asked).into()),
        })
    }

    fn reused(&self) -> Rejection {
        let request_id = self.key.1.clone();
        Rejection::RequestReused { request_id }
    }
}

fn id_of(kind: &Kind) -> Option<&str> {
    match kind {
        Kind::Open(open) => open
            .header
            .as_ref()
            .map(|header| header.request_id.as_str()),
        Kind::Cancel(cancel) => Some(&cancel.request_id),
        Kind::Retry(retry) => Some(&retry.request_id),
        Kind::SetTarget(set) => Some(&set.request_id),
        Kind::SetPolicy(set) => Some(&set.request_id),
        Kind::Drain(drain) => Some(&drain.request_id),
        Kind::Withdraw(withdraw) => Some(&withdraw.request_id),
        Kind::Build(build) => Some(&build.request_id),
        Kind::Purge(purge) => Some(&purge.request_id),
        Kind::Grant(_)
        | Kind::Speculate(_)
        | Kind::Settle(_)
        | Kind::Expire(_)
        | Kind::Register(_)
        | Kind::NewTerm(_)
        | Kind::Note(_)
        | Kind::Pool(_) => None,
    }
}

/// What a request other than one that opens a cohort was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Cancelled(u64),
    Retried(u64),
    TargetSet,
    Drained,
    Withdrawn(u64),
    PolicySet,
}

impl Answer {
    fn of(outcome: &Outcome) -> Option<Self> {
        match outcome {
            Outcome::Cancelled { tasks } => Some(Self::Cancelled(*tasks)),
            Outcome::Retried { tasks } => Some(Self::Retried(*tasks)),
            Outcome::TargetSet => Some(Self::TargetSet),
            Outcome::Drained => Some(Self::Drained),
            Outcome::Withdrawn { samples } => Some(Self::Withdrawn(*samples)),
            Outcome::PolicySet => Some(Self::PolicySet),
            _ => None,
        }
    }

    fn outcome(self) -> Outcome {
        match self {
            Self::Cancelled(tasks) => Outcome::Cancelled { tasks },
            Self::Retried(tasks) => Outcome::Retried { tasks },
            Self::TargetSet => Outcome::TargetSet,
            Self::Drained => Outcome::Drained,
            Self::Withdrawn(samples) => Outcome::Withdrawn { samples },
            Self::PolicySet => Outcome::PolicySet,
        }
    }

    fn answers(self, kind: &Kind) -> bool {
        matches!(
            (self, kind),
            (Self::Cancelled(_), Kind::Cancel(_))
                | (Self::Retried(_), Kind::Retry(_))
                | (Self::TargetSet, Kind::SetTarget(_))
                | (Self::Drained, Kind::Drain(_))
                | (Self::Withdrawn(_), Kind::Withdraw(_))
                | (Self::PolicySet, Kind::SetPolicy(_))
        )
    }
}

/// An answer as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// In the order in which they were given.
    pub(crate) number: u64,
    pub(crate) answer: Answer,
    /// Of what was asked; none in version 1.
    pub(crate) digest: Option<Digest>,
}

/// The latest answers. The oldest are forgotten; what opened a cohort is not kept here, since the cohort
/// remembers it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Requests {
    kept: BTreeMap<Key, Kept>,
    order: BTreeSet<(u64, Key)>,
    last: u64,
}

impl Requests {
    fn remember(&mut self, request: Request, answer: Answer) {
        let kept = Kept {
            number: self.last + 1,
            answer,
            digest: request.digest,
        };
        self.restore(request.key, kept);
        while self.order.len() > REQUESTS_KEPT_MAX {
            if let Some((_, oldest)) = self.order.pop_first() {
                self.kept.remove(&oldest);
            }
        }
    }

    /// The answers in the order in which they were given.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Key, &Kept)> {
        self.order.iter().map(|(_, key)| (key, &self.kept[key]))
    }

    /// Puts a stored answer back.
    pub(crate) fn restore(&mut self, key: Key, kept: Kept) {
        self.last = self.last.max(kept.number);
        self.order.insert((kept.number, key.clone()));
        self.kept.insert(key, kept);
    }
}

impl State {
    /// Does what is asked, unless that was done before: then it answers as it did.
    pub(super) fn once(&mut self, kind: Cow<'_, Kind>, actor: &str) -> Result<Outcome, Rejection> {
        let Some(request) = Request::of(&kind, actor, self.version) else {
            return self.act(kind, actor);
        };
        if let Some(before) = self.answered(&request, &kind)? {
            return Ok(before);
        }
        let outcome = self.act(kind, actor)?;
        if let Outcome::Opened { cohort, .. } = outcome {
            self.remember_opened(cohort, request);
        } else if let Some(answer) = Answer::of(&outcome) {
            self.requests.remember(request, answer);
        }
        Ok(outcome)
    }

    fn answered(&self, request: &Request, kind: &Kind) -> Result<Option<Outcome>, Rejection> {
        if let Some(id) = self.derived.opened.get(&request.key) {
            let cohort = &self.cohorts[id];
            let before = cohort.request.as_ref().and_then(|before| before.digest);
            let same = match (before, request.digest) {
                (Some(before), Some(now)) => before == now,
                _ => match kind {
                    Kind::Open(_) | Kind::Build(_) => true,
                    Kind::Purge(_) => cohort.purge.is_some(),
                    _ => false,
                },
            };
            if !same {
                return Err(request.reused());
            }
            if let Kind::Open(open) = kind {
                // Who is known by its content is submitted again to be released as it is now.
                let place = self.cohort_place(*id)?;
                self.refuse_withdrawn(&place, &open.samples)?;
            }
            return Ok(Some(self.opened(*id, true)));
        }
        let Some(before) = self.requests.kept.get(&request.key) else {
            return Ok(None);
        };
        let same = match (before.digest, request.digest) {
            (Some(before), Some(now)) => before == now,
            _ => before.answer.answers(kind),
        };
        if same {
            return Ok(Some(before.answer.outcome()));
        }
        Err(request.reused())
    }

    fn remember_opened(&mut self, id: CohortId, request: Request) {
        if let Some(cohort) = self.cohorts.get_mut(&id.0) {
            cohort.request = Some(request);
            self.derived.add_request(cohort);
        }
    }
}

impl Derived {
    /// Enters what opened a cohort. Of version 1 it is not known who asked: the cohort's own centre or somebody
    /// who has none.
    pub(crate) fn add_request(&mut self, cohort: &crate::cohort::Cohort) {
        let Some(request) = &cohort.request else {
            return;
        };
        self.opened.insert(request.key.clone(), cohort.id);
        if request.digest.is_none() {
            let key = (cohort.header.centre.clone(), request.key.1.clone());
            self.opened.insert(key, cohort.id);
        }
    }
}
