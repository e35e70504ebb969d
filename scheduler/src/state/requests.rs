//! The same request id twice is one request.

use std::collections::{BTreeMap, BTreeSet};

use crate::limits::REQUESTS_KEPT_MAX;
use crate::outcome::{Outcome, Rejection};

/// What a request other than a submission was told.
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

    fn is_like(self, other: Self) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }
}

/// The latest answers by request id. The oldest are forgotten; submissions are not kept here, since
/// their cohorts remember them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Requests {
    answers: BTreeMap<String, (u64, Answer)>,
    order: BTreeSet<(u64, String)>,
    last: u64,
}

impl Requests {
    /// The answer given before to this id, if any. `like` tells what kind is asked for now.
    pub(crate) fn repeated(&self, id: &str, like: Answer) -> Result<Option<Outcome>, Rejection> {
        match self.answers.get(id) {
            None => Ok(None),
            Some((_, answer)) if answer.is_like(like) => Ok(Some(answer.outcome())),
            Some(_) => Err(Rejection::RequestReused {
                request_id: id.to_owned(),
            }),
        }
    }

    pub(crate) fn knows(&self, id: &str) -> bool {
        self.answers.contains_key(id)
    }

    /// Remembers an answer, unless the request has no id.
    pub(crate) fn remember(&mut self, id: &str, answer: Answer) -> Outcome {
        if !id.is_empty() {
            self.last += 1;
            self.restore(self.last, id.to_owned(), answer);
            while self.order.len() > REQUESTS_KEPT_MAX {
                if let Some((_, oldest)) = self.order.pop_first() {
                    self.answers.remove(&oldest);
                }
            }
        }
        answer.outcome()
    }

    /// The answers in the order in which they were given, with their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &str, Answer)> {
        let answer = |id: &String| self.answers[id].1;
        let order = self.order.iter();
        order.map(move |(number, id)| (*number, id.as_str(), answer(id)))
    }

    /// Puts a stored answer back.
    pub(crate) fn restore(&mut self, number: u64, id: String, answer: Answer) {
        self.last = self.last.max(number);
        self.order.insert((number, id.clone()));
        self.answers.insert(id, (number, answer));
    }
}
