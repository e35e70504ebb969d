//! How many workers a pool has, at the site and here.

use std::collections::BTreeMap;

use crate::pool::decide::reconcile::have_left;
use crate::pool::decide::{Member, View};
use crate::pool::site::{Element, Phase};

/// Workers of a pool, by where they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::pool) struct Count {
    /// All that take or wait for a place at the site.
    pub(in crate::pool) existing: u32,
    /// Of these, those that are not about to leave.
    pub(in crate::pool) staying: u32,
    /// Of these, those that have not registered.
    pub(in crate::pool) coming: u32,
    /// As the site says.
    pub(in crate::pool) pending: u32,
    /// As the site says.
    pub(in crate::pool) running: u32,
    /// Jobs that wait, in the site's order.
    pub(in crate::pool) pending_ids: Vec<String>,
    /// Jobs that run and have no worker here.
    pub(in crate::pool) silent_ids: Vec<String>,
    /// Why most of those that wait do.
    pub(in crate::pool) reason: String,
}

/// Counts the workers of all open requests. What no listing shows yet is there: it was asked for.
pub(in crate::pool) fn count(view: &View<'_>) -> Count {
    let mut all = Count::default();
    let mut reasons: BTreeMap<&str, (u32, &str)> = BTreeMap::new();
    for (number, request) in &view.pool.requests {
        let elements = view.listing.iter().flat_map(|listing| &listing.elements);
        let own =
            |e: &&Element| e.request == *number && (request.job.is_empty() || e.job == request.job);
        let elements: Vec<&Element> = elements.filter(own).collect();
        let members = view.members.iter().filter(|m| m.request == *number);
        let (gone, present): (Vec<&Member>, Vec<&Member>) = members.partition(|m| m.lost);
        let is_here = |element: &Element| present.iter().any(|m| m.job == element.id);
        // Who has left since the queue was looked at takes no place any more.
        let listed_ms = view.listing.map_or(0, |listing| listing.at_ms);
        let left = |element: &Element| {
            let since = |m: &&&Member| m.job == element.id && m.since_ms >= listed_ms;
            gone.iter().any(|m| since(&m)) && !is_here(element)
        };
        let alive: Vec<&Element> = elements
            .iter()
            .copied()
            .filter(|element| element.phase.is_alive() && !left(element))
            .collect();
        let unseen = elements.is_empty() && !have_left(view, *number);
        let existing = if unseen {
            request.workers
        } else {
            size(alive.len())
        };
        let leaving = size(present.iter().filter(|member| member.leaving).count());
        all.existing += existing;
        all.staying += existing.saturating_sub(leaving);
        all.coming += existing.saturating_sub(size(present.len()));
        if unseen {
            all.pending += existing.saturating_sub(size(present.len()));
        }
        for element in alive {
            match element.phase {
                Phase::Pending => {
                    all.pending += 1;
                    all.pending_ids.push(element.id.clone());
                    if !element.reason.is_empty() {
                        let reason = reasons.entry(&element.reason).or_insert((0, &element.id));
                        reason.0 += 1;
                    }
                }
                _ => {
                    all.running += 1;
                    if !is_here(element) {
                        all.silent_ids.push(element.id.clone());
                    }
                }
            }
        }
    }
    let most = reasons.iter().max_by_key(|(_, (jobs, _))| *jobs);
    if let Some((reason, (_, id))) = most {
        all.reason = format!("job {id} {reason}");
    }
    all
}

fn size(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
