//! Asks the site's accounting how jobs ended, and tells of workers that were lost.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use kumi_scheduler::pool::Pool as Known;

use crate::limits;
use crate::pool::call;
use crate::pool::decide::{self, Loss, Member};
use crate::pool::keeper::{Answer, Keeper};

impl Keeper {
    /// Whether the site keeps account, and of what it is still of interest what it told.
    pub(super) fn know_account(&mut self, now_ms: u64, known: &Known, members: &[Member]) {
        let account = &mut self.memory.account;
        account.kept = now_ms >= self.closed_ms && self.site.account(&[]).is_some();
        account.keep(|id| {
            let job = id.split('_').next().unwrap_or(id);
            let mut requests = known.requests.values();
            requests.any(|request| request.job == job) || members.iter().any(|m| m.job == id)
        });
    }

    pub(super) fn inquire(&mut self, now_ms: u64, ids: Vec<String>) {
        let account = &mut self.memory.account;
        let due = ids.into_iter().filter(|id| account.ask(now_ms, id));
        self.to_inquire.extend(due);
    }

    /// One call of all jobs whose end is to be known.
    pub(super) fn inquiry(&mut self) -> Option<BoxFuture<'static, Answer>> {
        let ids = self.to_inquire.iter().take(limits::SITE_ACCOUNT_JOBS_MAX);
        let ids: Vec<String> = ids.cloned().collect();
        if ids.is_empty() {
            return None;
        }
        self.to_inquire.retain(|id| !ids.contains(id));
        let call = self.site.account(&ids)?;
        Some(async move { Answer::Accounted(call::run(call).await) }.boxed())
    }

    /// Takes in what accounting said. Where it is not there all goes on without.
    pub(super) fn accounted(&mut self, now_ms: u64, output: Result<String, String>) {
        match output {
            Ok(output) => {
                self.closed_ms = 0;
                self.memory.account.take(self.site.runs(&output));
            }
            Err(said) => {
                if self.closed_ms == 0 {
                    let pool = &self.name;
                    tracing::info!(pool, said, "the site does not tell how jobs ended");
                }
                self.closed_ms = now_ms + limits::SITE_ACCOUNT_RETRY_MS;
                self.to_inquire.clear();
            }
        }
    }

    /// Writes down why workers were lost.
    pub(super) fn tell_losses(&mut self, losses: &[Loss]) {
        self.logged
            .retain(|id| losses.iter().any(|loss| loss.member == *id));
        for loss in losses {
            if self.logged.insert(loss.member) {
                let (pool, job, said) = (&self.name, &loss.id, &loss.said);
                tracing::warn!(pool, job, said, "the site ended a worker");
            }
        }
        if losses.is_empty() {
            return;
        }
        let told = self.in_words(&decide::told(losses));
        let before = std::mem::take(&mut self.count.reason);
        self.count.reason = match before.as_str() {
            "" => told,
            before => format!("{before}; {told}"),
        };
    }
}
