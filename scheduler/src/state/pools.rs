//! What happens to pools. The numbers of their requests only grow: what an earlier leader asked for is known before
//! anybody asks again.

use kumi_proto::v1;
use kumi_proto::v1::pool_event::What;

use crate::limits::{MESSAGE_CHARS_MAX, NAME_CHARS_MAX, POOLS_MAX};
use crate::outcome::{Outcome, Rejection};
use crate::pool::{Pool, Request};
use crate::state::State;

impl State {
    pub(super) fn pool_event(&mut self, event: &v1::PoolEvent) -> Result<Outcome, Rejection> {
        let what = event.what.as_ref().ok_or(Rejection::UnknownCommand)?;
        let name = &event.pool;
        match what {
            What::Ask(ask) => self.ask(name, ask)?,
            What::Accepted(accepted) => {
                let request = self.request(name, accepted.request)?;
                if request.job.is_empty() {
                    request.job.clone_from(&accepted.job);
                }
            }
            What::Over(over) => self.over(name, over)?,
            What::Seen(seen) => {
                let pool = self.pool(name)?;
                pool.seen.clone_from(seen);
                pool.seen.reason = shortened(&seen.reason);
            }
            What::Release(release) => self.let_go(name, &release.workers),
            What::Forget(_) => {
                if self
                    .pools
                    .get(name)
                    .is_some_and(|pool| pool.requests.is_empty())
                {
                    self.pools.remove(name);
                }
            }
        }
        Ok(Outcome::Pooled)
    }

    fn ask(&mut self, name: &str, ask: &v1::PoolAsk) -> Result<(), Rejection> {
        let now_ms = self.clock_ms;
        let pool = self.pool(name)?;
        let wrong = |problem| Rejection::PoolRequest {
            pool: name.to_owned(),
            request: ask.request,
            problem,
        };
        if ask.request != pool.last_request + 1 {
            return Err(wrong("another number is the next"));
        }
        if pool.is_unanswered() {
            return Err(wrong("the request before has no answer"));
        }
        if ask.workers == 0 {
            return Err(wrong("it asks for no worker"));
        }
        pool.last_request = ask.request;
        pool.workers_asked += u64::from(ask.workers);
        pool.requests_made += 1;
        let request = Request {
            workers: ask.workers,
            asked_ms: now_ms,
            ..Request::default()
        };
        pool.requests.insert(ask.request, request);
        Ok(())
    }

    fn over(&mut self, name: &str, over: &v1::PoolOver) -> Result<(), Rejection> {
        let now_ms = self.clock_ms;
        let came = self.request(name, over.request)?.came;
        let pool = self.pool(name)?;
        pool.requests.remove(&over.request);
        if over.failed && !came {
            pool.failures = pool.failures.saturating_add(1);
            pool.failed_ms = now_ms;
            pool.requests_failed += 1;
            pool.problem = shortened(&over.problem);
        }
        Ok(())
    }

    /// A worker registers: whatever was wrong with its pool is mended.
    pub(super) fn note_arrival(&mut self, hello: &v1::WorkerHello) {
        let Some(pool) = self.pools.get_mut(&hello.pool) else {
            return;
        };
        if let Some(request) = pool.requests.get_mut(&hello.pool_request) {
            request.came = true;
            pool.failures = 0;
            pool.problem.clear();
        }
    }

    /// Has those drain and leave that are of the pool and have no leases.
    fn let_go(&mut self, name: &str, workers: &[u64]) {
        for id in workers {
            let idle = self.derived.held.get(id).is_none_or(|held| held.is_empty());
            if let Some(worker) = self.workers.get_mut(id)
                && worker.hello.pool == name
                && worker.takes_tasks()
                && idle
            {
                worker.draining = true;
                worker.leaving = true;
                worker.since_ms = self.clock_ms;
            }
        }
    }

    /// The pool of that name, made when it is not there.
    fn pool(&mut self, name: &str) -> Result<&mut Pool, Rejection> {
        let wrong = |problem| Rejection::PoolRequest {
            pool: name.to_owned(),
            request: 0,
            problem,
        };
        if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
            return Err(wrong("its name is empty or too long"));
        }
        if !self.pools.contains_key(name) && self.pools.len() >= POOLS_MAX {
            return Err(wrong("there are too many pools"));
        }
        Ok(self.pools.entry(name.to_owned()).or_default())
    }

    fn request(&mut self, name: &str, number: u64) -> Result<&mut Request, Rejection> {
        let pool = self.pools.get_mut(name);
        let request = pool.and_then(|pool| pool.requests.get_mut(&number));
        request.ok_or_else(|| Rejection::PoolRequest {
            pool: name.to_owned(),
            request: number,
            problem: "there is none of that number any more",
        })
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(MESSAGE_CHARS_MAX).collect()
}
