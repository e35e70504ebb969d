//! How jobs ended that had or should have had a worker, as the site's accounting tells.

use std::collections::{BTreeMap, BTreeSet};

use crate::limits;
use crate::pool::decide::{Member, View};
use crate::pool::site::{Element, Phase};

/// What the site's accounting was asked, and what it told.
#[derive(Clone, Debug, Default)]
pub(in crate::pool) struct Account {
    /// The site keeps one, as far as is known.
    pub(in crate::pool) kept: bool,
    /// When it was first and last asked of a job, or of an element of one, Unix milliseconds.
    asked_ms: BTreeMap<String, (u64, u64)>,
    /// Runs that it told of, by element.
    runs: BTreeMap<String, Vec<Element>>,
}

/// What is known of an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pool) enum Heard<'a> {
    /// The site should be asked, or asked again.
    Awaited,
    /// A bad end.
    Said(&'a Element),
    /// It was a good one, or nobody knows.
    Nothing,
}

/// A worker that was lost, and how its job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::pool) struct Loss {
    /// The registration.
    pub(in crate::pool) member: u64,
    /// The job.
    pub(in crate::pool) id: String,
    /// In the site's words.
    pub(in crate::pool) said: String,
}

impl Account {
    /// Whether a job may be asked of now; if so it is taken to be.
    pub(in crate::pool) fn ask(&mut self, now_ms: u64, id: &str) -> bool {
        let (first_ms, last_ms) = self.asked_ms.get(id).copied().unwrap_or((now_ms, 0));
        let due = now_ms >= last_ms + limits::SITE_ACCOUNT_PAUSE_MS;
        if due {
            self.asked_ms.insert(id.to_owned(), (first_ms, now_ms));
        }
        due
    }

    /// Takes in runs, each job's in order.
    pub(in crate::pool) fn take(&mut self, runs: Vec<Element>) {
        let ids: BTreeSet<String> = runs.iter().map(|run| run.id.clone()).collect();
        self.runs.retain(|id, _| !ids.contains(id));
        for run in runs {
            self.runs.entry(run.id.clone()).or_default().push(run);
        }
    }

    /// Keeps what is told of jobs that matter still.
    pub(in crate::pool) fn keep(&mut self, matters: impl Fn(&str) -> bool) {
        self.asked_ms.retain(|id, _| matters(id));
        self.runs.retain(|id, _| matters(id));
    }

    /// How a job ended of which no worker came: any of its elements, or the one of that id.
    pub(in crate::pool) fn of_job(&self, now_ms: u64, id: &str) -> Heard<'_> {
        let elements = self.runs.values().filter_map(|runs| runs.last());
        let own: Vec<&Element> = elements.filter(|e| e.id == id || e.job == id).collect();
        if own.is_empty() || own.iter().any(|element| element.phase.is_alive()) {
            return self.unheard(now_ms, id);
        }
        let failed = own.into_iter().find(|e| e.phase == Phase::Failed);
        failed.map_or(Heard::Nothing, Heard::Said)
    }

    /// How a run of an element ended.
    fn of_run(&self, now_ms: u64, id: &str, run: usize) -> Heard<'_> {
        match self.runs.get(id).and_then(|runs| runs.get(run)) {
            Some(element) if element.phase == Phase::Failed => Heard::Said(element),
            Some(element) if element.phase == Phase::Done => Heard::Nothing,
            _ => self.unheard(now_ms, id),
        }
    }

    fn unheard(&self, now_ms: u64, id: &str) -> Heard<'_> {
        let asked = self.asked_ms.get(id);
        let late = |(first_ms, _): &(u64, u64)| now_ms >= first_ms + limits::SITE_ACCOUNT_TELLS_MS;
        if !self.kept || asked.is_some_and(late) {
            return Heard::Nothing;
        }
        Heard::Awaited
    }
}

/// Workers lost lately of which the site's accounting should be asked.
pub(super) fn unexplained(view: &View<'_>) -> BTreeSet<String> {
    let account = &view.memory.account;
    let awaited = |member: &&Member| {
        account.of_run(view.now_ms, &member.job, member.run) == Heard::Awaited
            && has_ended(view, member)
    };
    let lost = lost_lately(view).filter(awaited);
    lost.map(|member| member.job.clone()).collect()
}

/// Workers lost lately whose jobs came to a bad end.
pub(in crate::pool) fn losses(view: &View<'_>) -> Vec<Loss> {
    let account = &view.memory.account;
    let loss = |member: &Member| {
        let said = match account.of_run(view.now_ms, &member.job, member.run) {
            Heard::Said(run) => run.reason.clone(),
            Heard::Awaited => return None,
            // The queue has it for a while.
            Heard::Nothing => listed(view, member)
                .filter(|element| element.phase == Phase::Failed)
                .map(|element| element.reason.clone())?,
        };
        Some(Loss {
            member: member.id,
            id: member.job.clone(),
            said,
        })
    };
    lost_lately(view).filter_map(loss).collect()
}

/// Losses in one line, those of which there are most first; nothing when there are none.
pub(in crate::pool) fn told(losses: &[Loss]) -> String {
    let mut kinds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for loss in losses {
        kinds.entry(&loss.said).or_default().push(&loss.id);
    }
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, ids)| std::cmp::Reverse(ids.len()));
    let kinds = kinds.into_iter().map(|(said, ids)| match ids.len() {
        1 => format!("job {} {said}", ids[0]),
        more => format!("job {} {said}, and {} more", ids[0], more - 1),
    });
    kinds.collect::<Vec<_>>().join("; ")
}

/// Those that were not told to leave.
fn lost_lately<'a>(view: &View<'a>) -> impl Iterator<Item = &'a Member> {
    let now_ms = view.now_ms;
    let lately = move |member: &&Member| {
        let lost = member.lost && !member.leaving && !member.job.is_empty();
        lost && now_ms < member.since_ms + limits::SITE_LOSS_TOLD_MS
    };
    view.members.iter().filter(lately)
}

/// Whether the site takes the run of a worker for over. Of one whose node died it does not know so for minutes.
fn has_ended(view: &View<'_>, member: &Member) -> bool {
    let looked = view.listing.is_some_and(|l| l.at_ms > member.since_ms);
    let runs = listed(view, member).is_some_and(|element| element.phase == Phase::Running);
    let again = |other: &Member| other.job == member.job && other.run > member.run;
    looked && (!runs || view.members.iter().any(again))
}

fn listed<'a>(view: &View<'a>, member: &Member) -> Option<&'a Element> {
    let listing = view.listing?;
    listing.elements.iter().find(|e| e.id == member.job)
}
