//! What to do about a pool. Pure: the log's view of it, what the site's queue held, and the time go in; steps come out.

mod account;
mod count;
mod reconcile;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use kumi_proto::v1::PoolSeen;
use kumi_scheduler::pool::Pool;

use crate::limits;
pub(super) use crate::pool::decide::account::{Account, Loss, losses, told};
pub(super) use crate::pool::decide::count::{Count, count};
pub(super) use crate::pool::decide::reconcile::reconcile;
use crate::pool::site::Element;

/// What a pool may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) min: u32,
    pub(super) max: u32,
    pub(super) idle_ms: u64,
}

/// The site's queue.
#[derive(Clone, Debug, Default)]
pub(super) struct Listing {
    /// When it was asked for, Unix milliseconds.
    pub(super) at_ms: u64,
    pub(super) elements: Vec<Element>,
}

/// A registration of a worker of the pool that is not lost, or was lost lately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) id: u64,
    pub(super) request: u64,
    /// As what the site has it.
    pub(super) job: String,
    /// How often the site had started the job again before.
    pub(super) run: usize,
    pub(super) lost: bool,
    pub(super) draining: bool,
    pub(super) leaving: bool,
    /// It runs something.
    pub(super) busy: bool,
    /// In this state, and without work, since then.
    pub(super) since_ms: u64,
}

/// What this leader remembers of a pool, and only this one.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    /// What the site said when it was asked and did not take the request, and when.
    pub(super) refused: Option<(u64, u64, String)>,
    /// A request that this leader is asking for at this moment.
    pub(super) asking: Option<u64>,
    /// Requests of which it cancelled workers.
    pub(super) cancelled: BTreeSet<u64>,
    /// Since when more are coming than are wanted.
    pub(super) surplus_since_ms: Option<u64>,
    /// Since when jobs run without a worker that is registered.
    pub(super) silent_since_ms: BTreeMap<String, u64>,
    /// What the site's accounting told.
    pub(super) account: Account,
}

/// All of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    pub(super) now_ms: u64,
    pub(super) bounds: Bounds,
    pub(super) pool: &'a Pool,
    pub(super) listing: Option<&'a Listing>,
    pub(super) members: &'a [Member],
    pub(super) memory: &'a Memory,
}

/// What is to be done, in order.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// Write down that the site has a request.
    Accept { request: u64, job: String },
    /// Write down that nothing of a request is left.
    Over {
        request: u64,
        problem: String,
        failed: bool,
    },
    /// Ask the site's accounting how jobs ended.
    Inquire(Vec<String>),
    /// Have idle workers leave.
    Release(Vec<u64>),
    /// Have the site end jobs.
    Cancel(Vec<String>),
    /// Write down how the pool stands.
    Seen(PoolSeen),
    /// Ask for workers.
    Ask(u32),
}

/// What the pool needs. `target` is how many workers the backlog is worth beside those that are there.
pub(super) fn decide(view: &View<'_>, count: &Count, target: u32) -> Vec<Step> {
    let Bounds { min, max, idle_ms } = view.bounds;
    let mut steps = Vec::new();
    let lacking = min.saturating_sub(count.staying);
    let more = target.saturating_sub(count.coming).max(lacking);
    let ask = more
        .min(may_ask(view, count, max))
        .min(limits::SITE_ASK_WORKERS_MAX);
    let released = if target > count.coming {
        Vec::new()
    } else {
        idle_for_long(view, count.staying.saturating_sub(min), idle_ms)
    };
    let mut cancelled = overdue(view);
    let surplus = surplus(count, target, min);
    let long = |since_ms: u64| view.now_ms.saturating_sub(since_ms) >= idle_ms;
    if surplus > 0 && view.memory.surplus_since_ms.is_some_and(long) {
        let pending = count.pending_ids.iter().rev().take(surplus as usize);
        cancelled.extend(pending.cloned());
    }
    let seen = seen(count, (target, more), max);
    if view.pool.seen != seen {
        steps.push(Step::Seen(seen));
    }
    if !released.is_empty() {
        steps.push(Step::Release(released));
    }
    if !cancelled.is_empty() {
        steps.push(Step::Cancel(cancelled));
    }
    if ask > 0 {
        steps.push(Step::Ask(ask));
    }
    steps
}

/// How many more workers are coming than are wanted.
pub(super) fn surplus(count: &Count, target: u32, min: u32) -> u32 {
    let beyond = count.staying.saturating_sub(min);
    count.coming.saturating_sub(target).min(beyond)
}

/// How many workers may be asked for at this moment.
pub(super) fn may_ask(view: &View<'_>, count: &Count, max: u32) -> u32 {
    let last = view.pool.requests.values().next_back();
    let pause = last.is_some_and(|last| view.now_ms < last.asked_ms + limits::POOL_ASK_MS);
    if pause
        || view.listing.is_none()
        || view.pool.is_unanswered()
        || view.now_ms < view.pool.retry_ms()
    {
        return 0;
    }
    max.saturating_sub(count.existing)
}

/// Those that have done nothing for the longest, so many at most.
fn idle_for_long(view: &View<'_>, most: u32, idle_ms: u64) -> Vec<u64> {
    let idle = |member: &&Member| {
        !member.busy
            && !member.lost
            && !member.draining
            && view.now_ms.saturating_sub(member.since_ms) >= idle_ms
    };
    let mut idle: Vec<&Member> = view.members.iter().filter(idle).collect();
    idle.sort_by_key(|member| (member.since_ms, member.id));
    let idle = idle.into_iter().take(most as usize);
    idle.map(|member| member.id).collect()
}

/// Jobs that should have ended, or of which no worker has come for long.
fn overdue(view: &View<'_>) -> Vec<String> {
    let stays = |member: &&Member| {
        member.leaving
            && !member.busy
            && view.now_ms.saturating_sub(member.since_ms) > limits::WORKER_LEAVES_MS
    };
    let members = view.members.iter().filter(stays);
    let alive: BTreeSet<&str> = view
        .listing
        .iter()
        .flat_map(|listing| &listing.elements)
        .filter(|element| element.phase.is_alive())
        .map(|element| element.id.as_str())
        .collect();
    let leaving = members.map(|member| member.job.as_str());
    let silent = view.memory.silent_since_ms.iter();
    let silent = silent
        .filter(|(_, since_ms)| view.now_ms.saturating_sub(**since_ms) > limits::WORKER_COMES_MS)
        .map(|(id, _)| id.as_str());
    let ids: BTreeSet<&str> = leaving
        .chain(silent)
        .filter(|id| alive.contains(id))
        .collect();
    ids.into_iter().map(str::to_owned).collect()
}

fn seen(count: &Count, (target, more): (u32, u32), max: u32) -> PoolSeen {
    let there = count.staying.saturating_sub(count.coming);
    let wanted = there + target.max(count.coming.min(target) + more);
    PoolSeen {
        wanted: wanted.min(max),
        pending: count.pending,
        running: count.running,
        // No longer than the log keeps it, or it would be written down again and again.
        reason: count
            .reason
            .chars()
            .take(limits::SITE_REASON_CHARS_MAX)
            .collect(),
    }
}
