//! What the site's queue tells of the requests of the log.

use kumi_scheduler::pool::Request;

use crate::limits;
use crate::pool::decide::account::{Heard, unexplained};
use crate::pool::decide::{Listing, Step, View};
use crate::pool::site::{Element, Phase};

/// What the site's queue tells of requests: whose job is whose, what is over, and which jobs should not be there.
pub(in crate::pool) fn reconcile(view: &View<'_>) -> Vec<Step> {
    let Some(listing) = view.listing else {
        return Vec::new();
    };
    let mut steps = Vec::new();
    let mut strays = Vec::new();
    let of = |number: u64| {
        let elements = listing.elements.iter();
        elements.filter(move |element| element.request == number)
    };
    for (number, request) in &view.pool.requests {
        let job = if request.job.is_empty() {
            if of(*number).next().is_some() && listing.at_ms < request.asked_ms {
                // What was there before is of a cluster that had this one's name.
                continue;
            }
            // The first one that is alive: a later one is of a leader that did not know of it.
            let first = of(*number)
                .min_by_key(|e| (!e.phase.is_alive(), e.job.len(), e.job.as_str()))
                .map(|element| element.job.as_str());
            steps.extend(first.map(|job| Step::Accept {
                request: *number,
                job: job.to_owned(),
            }));
            first
        } else {
            Some(request.job.as_str())
        };
        let (own, other): (Vec<_>, Vec<_>) =
            of(*number).partition(|element| Some(element.job.as_str()) == job);
        strays.extend(other.into_iter().filter(|e| e.phase.is_alive()));
        if !own.iter().any(|element| element.phase.is_alive()) {
            steps.extend(over(view, listing, (*number, request), &own));
        }
    }
    let known = |e: &&Element| view.pool.requests.contains_key(&e.request);
    let past = |e: &&Element| e.request <= view.pool.last_request && e.phase.is_alive();
    strays.extend(listing.elements.iter().filter(past).filter(|e| !known(e)));
    if !strays.is_empty() {
        let ids = strays.iter().map(|element| element.id.clone());
        steps.push(Step::Cancel(ids.collect()));
    }
    let lost = unexplained(view);
    if !lost.is_empty() {
        steps.push(Step::Inquire(lost.into_iter().collect()));
    }
    steps
}

/// The end of a request of which nothing is alive, if it is certain.
fn over(
    view: &View<'_>,
    listing: &Listing,
    (number, request): (u64, &Request),
    ended: &[&Element],
) -> Option<Step> {
    let memory = view.memory;
    let step = |problem: String, failed| {
        // Of one of which workers came nothing is wrong.
        let failed = failed && !request.came;
        Some(Step::Over {
            request: number,
            problem: if failed { problem } else { String::new() },
            failed,
        })
    };
    if memory.asking == Some(number) {
        return None;
    }
    if let Some((refused, at_ms, said)) = &memory.refused
        && *refused == number
        && request.job.is_empty()
    {
        // A call that failed may have done its work all the same: a listing of later shows it.
        return (listing.at_ms > *at_ms && ended.is_empty())
            .then(|| said.clone())
            .and_then(|said| step(said, true));
    }
    if ended.is_empty() && have_left(view, number) {
        return step(String::new(), false);
    }
    if ended.is_empty() && view.members.iter().any(|m| m.request == number && !m.lost) {
        // Its workers say that they are there: a queue that shows nothing is not the whole queue.
        return None;
    }
    if ended.is_empty() {
        let appears_ms = request.asked_ms + limits::SITE_APPEARS_MS;
        if listing.at_ms < appears_ms {
            return None;
        }
        if request.job.is_empty() {
            return step(
                "the leader that asked is gone, and the site has nothing of it".to_owned(),
                false,
            );
        }
        if request.came || memory.cancelled.contains(&number) {
            return step(String::new(), false);
        }
        return match memory.account.of_job(view.now_ms, &request.job) {
            Heard::Awaited => Some(Step::Inquire(vec![request.job.clone()])),
            Heard::Said(run) => step(format!("job {} {}", run.id, run.reason), true),
            Heard::Nothing => {
                let problem = format!("job {} is gone, and no worker came of it", request.job);
                step(problem, true)
            }
        };
    }
    let failed = ended.iter().find(|element| element.phase == Phase::Failed);
    let ours = memory.cancelled.contains(&number);
    match failed {
        Some(element) if !ours && !request.came => {
            let reason = match memory.account.of_job(view.now_ms, &element.id) {
                Heard::Awaited => return Some(Step::Inquire(vec![element.id.clone()])),
                Heard::Said(run) => &run.reason,
                Heard::Nothing => &element.reason,
            };
            step(format!("job {} {reason}", element.id), true)
        }
        None if !ours && !request.came => {
            let job = &ended[0].job;
            match memory.account.of_job(view.now_ms, job) {
                Heard::Awaited => Some(Step::Inquire(vec![job.clone()])),
                Heard::Said(run) => step(format!("job {} {}", run.id, run.reason), true),
                Heard::Nothing => step(format!("job {job} ended before its worker came"), true),
            }
        }
        _ => step(String::new(), false),
    }
}

/// Whether workers of a request came, and had all left before the queue was looked at. Some engines then show nothing.
pub(super) fn have_left(view: &View<'_>, number: u64) -> bool {
    let listed_ms = view.listing.map_or(0, |listing| listing.at_ms);
    let mut members = view.members.iter().filter(|m| m.request == number);
    let mut came = members.clone();
    came.next().is_some() && members.all(|m| m.lost && m.since_ms < listed_ms)
}
