//! One pool of the leader: its view of the site's queue, and the one call to the site that may be under way.

mod account;
mod answer;
mod cancel;
mod facts;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use kumi_proto::v1::pool_event::What;
use kumi_proto::v1::{PoolAccepted, PoolAsk, PoolOver, PoolRelease};
use kumi_scheduler::pool::{Pool as Known, Shape};

use crate::config::Pool;
use crate::control::Control;
use crate::limits;
use crate::pool::decide::{self, Bounds, Count, Listing, Member, Memory, Step, View};
pub(super) use crate::pool::keeper::answer::Answer;
use crate::pool::keeper::facts::facts;
use crate::pool::site::{Ask, Site};
use crate::pool::{call, command, tell};

pub(super) struct Keeper {
    name: String,
    pool: Pool,
    site: std::sync::Arc<dyn Site>,
    listing: Option<Listing>,
    memory: Memory,
    count: Count,
    /// A call is under way.
    busy: bool,
    /// Requests that the site has and that are not written down as such.
    accepted: Option<(u64, String)>,
    to_ask: Option<Ask>,
    to_cancel: Vec<String>,
    /// Jobs of which the site's accounting is to be asked.
    to_inquire: BTreeSet<String>,
    /// Until when it is not asked at all, Unix milliseconds; 0: it did not fail.
    closed_ms: u64,
    /// Lost workers of which it was written why.
    logged: BTreeSet<u64>,
    /// When the site was last told to end a job that its queue still has, Unix milliseconds.
    told_ms: BTreeMap<String, u64>,
    /// When the queue is to be looked at.
    look_ms: u64,
    /// Looks in a row that failed, and what the site said.
    deaf: u32,
    trouble: String,
    /// Until when the queue is looked at although nothing of ours should be there.
    watch_ms: u64,
    /// Workers of it that were there at the last turn.
    there: usize,
}

impl Keeper {
    pub(super) fn new(name: String, pool: Pool, site: Box<dyn Site>) -> Self {
        Self {
            name,
            pool,
            site: site.into(),
            listing: None,
            memory: Memory::default(),
            count: Count::default(),
            busy: false,
            accepted: None,
            to_ask: None,
            to_cancel: Vec::new(),
            to_inquire: BTreeSet::new(),
            closed_ms: 0,
            logged: BTreeSet::new(),
            told_ms: BTreeMap::new(),
            look_ms: 0,
            deaf: 0,
            trouble: String::new(),
            watch_ms: 0,
            there: 0,
        }
    }

    /// Compares the site's queue with the requests of the log.
    pub(super) async fn reconcile(&mut self, control: &Control) {
        if let Some((request, job)) = self.accepted.take() {
            let accepted = PoolAccepted {
                request,
                job: job.clone(),
            };
            if !tell(control, &self.name, What::Accepted(accepted)).await {
                self.accepted = Some((request, job));
                return;
            }
        }
        let now_ms = control.clock.unix_ms();
        let (known, members) = control.local(|state, _| facts(state, &self.name));
        self.know_account(now_ms, &known, &members);
        for step in decide::reconcile(&self.view(now_ms, &known, &members)) {
            self.follow(control, step).await;
        }
    }

    /// What a worker of the pool offers, and how many it may still have.
    pub(super) fn shape(&mut self, control: &Control, now_ms: u64) -> Shape {
        let (known, members) = control.local(|state, _| facts(state, &self.name));
        let count = decide::count(&self.view(now_ms, &known, &members));
        let room = decide::may_ask(&self.view(now_ms, &known, &members), &count, self.pool.max);
        let there = members.iter().filter(|member| !member.lost).count();
        if there < self.there {
            // One has gone: the site may say why.
            self.look_ms = self.look_ms.min(now_ms + limits::POOL_LOOK_MS);
        }
        self.there = there;
        self.memory.silent_since_ms = count
            .silent_ids
            .iter()
            .map(|id| {
                let since = self.memory.silent_since_ms.get(id).copied();
                (id.clone(), since.unwrap_or(now_ms))
            })
            .collect();
        let shape = Shape {
            pool: self.name.clone(),
            cores: self.pool.cores,
            memory_bytes: command::memory_bytes(&self.pool),
            labels: self.pool.labels.clone(),
            lasts_ms: self.pool.time.map_or(0, |time| time.ms()),
            coming: count.coming,
            room,
        };
        self.count = count;
        shape
    }

    /// Does what the pool needs; the site is called afterwards.
    pub(super) async fn serve(&mut self, control: &Control, (now_ms, target): (u64, u32)) {
        let surplus = decide::surplus(&self.count, target, self.pool.min);
        self.memory.surplus_since_ms = match surplus {
            0 => None,
            _ => self.memory.surplus_since_ms.or(Some(now_ms)),
        };
        let (known, members) = control.local(|state, _| facts(state, &self.name));
        if !self.trouble.is_empty() {
            self.count.reason.clone_from(&self.trouble);
        } else if !self.count.reason.is_empty() {
            self.count.reason = self.in_words(&self.count.reason);
        }
        let losses = decide::losses(&self.view(now_ms, &known, &members));
        self.tell_losses(&losses);
        let idle = known.requests.is_empty() && self.there == 0 && self.listing.is_some();
        if idle && now_ms >= self.watch_ms {
            // Nothing of ours is there to look at.
            self.look_ms = self.look_ms.max(now_ms + self.pool.poll.ms());
        }
        let mut steps = decide::decide(&self.view(now_ms, &known, &members), &self.count, target);
        let asks = steps.iter().any(|step| matches!(step, Step::Ask(_)));
        if asks && self.may_call() {
            // Somebody waits for workers: how the pool stands is written down at the next turn, which this one brings about.
            steps.retain(|step| !matches!(step, Step::Seen(_)));
        }
        for step in steps {
            self.follow(control, step).await;
        }
    }

    async fn follow(&mut self, control: &Control, step: Step) {
        let name = self.name.clone();
        match step {
            Step::Accept { request, job } => {
                tell(
                    control,
                    &name,
                    What::Accepted(PoolAccepted { request, job }),
                )
                .await;
            }
            Step::Over {
                request,
                problem,
                failed,
            } => {
                let problem = match problem.as_str() {
                    "" => problem,
                    said => self.in_words(said),
                };
                tracing::info!(
                    pool = name,
                    request,
                    problem,
                    "nothing is left of a request"
                );
                let over = PoolOver {
                    request,
                    problem,
                    failed,
                };
                if tell(control, &name, What::Over(over)).await {
                    // What was on its way to the site may still arrive.
                    self.watch_ms = control.clock.unix_ms() + limits::SITE_WATCHED_MS;
                    self.memory.cancelled.remove(&request);
                    let refused = self.memory.refused.as_ref();
                    if refused.is_some_and(|(other, ..)| *other == request) {
                        self.memory.refused = None;
                    }
                }
            }
            Step::Release(workers) => {
                tracing::info!(pool = name, ?workers, "idle workers are given back");
                tell(control, &name, What::Release(PoolRelease { workers })).await;
            }
            Step::Seen(seen) => {
                tell(control, &name, What::Seen(seen)).await;
            }
            Step::Cancel(ids) => self.cancel(control.clock.unix_ms(), ids),
            Step::Inquire(ids) => self.inquire(control.clock.unix_ms(), ids),
            Step::Ask(workers) => self.ask(control, workers).await,
        }
    }

    /// Writes a request down; the site is asked next.
    async fn ask(&mut self, control: &Control, workers: u32) {
        if !self.may_call() {
            return;
        }
        let last = control.local(|state, _| {
            let pool = state.pools().get(&self.name);
            pool.map_or(0, |pool| pool.last_request)
        });
        let request = last + 1;
        if tell(control, &self.name, What::Ask(PoolAsk { request, workers })).await {
            tracing::info!(
                pool = self.name,
                request,
                workers,
                "the site is asked for workers"
            );
            self.memory.asking = Some(request);
            self.to_ask = Some(Ask {
                request,
                workers,
                endpoints: self.endpoints(control),
            });
        }
    }

    /// Whether the site can be asked for workers at the end of this turn.
    fn may_call(&self) -> bool {
        !self.busy && self.to_ask.is_none()
    }

    /// The schedulers, this one first: it leads, and who asks another is sent on.
    fn endpoints(&self, control: &Control) -> Vec<String> {
        if !self.pool.endpoints.is_empty() {
            return self.pool.endpoints.clone();
        }
        let status = control.node.status();
        let status = status.borrow();
        let mut peers: Vec<_> = status.peers.iter().collect();
        peers.sort_by_key(|(id, _)| **id != status.id);
        peers.into_iter().map(|(_, peer)| peer.clone()).collect()
    }

    /// The next call to the site, if one is due and none is under way.
    pub(super) fn call(&mut self, now_ms: u64) -> Option<BoxFuture<'static, Answer>> {
        if self.busy {
            return None;
        }
        let site = std::sync::Arc::clone(&self.site);
        let answer = if let Some(ask) = self.to_ask.take() {
            async move {
                let output = call::run(site.ask(&ask)).await;
                Answer::Asked {
                    request: ask.request,
                    job: output.map(|output| site.job(&output)),
                }
            }
            .boxed()
        } else if !self.to_cancel.is_empty() {
            let ids = std::mem::take(&mut self.to_cancel);
            async move { Answer::Cancelled(call::run(site.cancel(&ids)).await) }.boxed()
        } else if now_ms >= self.look_ms {
            async move {
                Answer::Listed {
                    at_ms: now_ms,
                    output: call::run(site.list()).await,
                }
            }
            .boxed()
        } else {
            self.inquiry()?
        };
        self.busy = true;
        Some(answer)
    }

    /// What the site said, with whose words they are and what can be done.
    fn in_words(&self, said: &str) -> String {
        let label = self.site.label();
        match self.site.advice(said) {
            Some(advice) => format!("{label}: {said}; {advice}"),
            None => format!("{label}: {said}"),
        }
    }

    fn view<'a>(&'a self, now_ms: u64, pool: &'a Known, members: &'a [Member]) -> View<'a> {
        View {
            now_ms,
            bounds: Bounds {
                min: self.pool.min,
                max: self.pool.max,
                idle_ms: self.pool.idle.ms(),
            },
            pool,
            listing: self.listing.as_ref(),
            members,
            memory: &self.memory,
        }
    }
}
