//! What came of calls to the site.

use crate::limits;
use crate::pool::decide::Listing;
use crate::pool::keeper::Keeper;

/// What came of a call.
#[derive(Debug)]
pub(in crate::pool) enum Answer {
    Asked {
        request: u64,
        /// The job.
        job: Result<Option<String>, String>,
    },
    Listed {
        /// When it was asked, Unix milliseconds.
        at_ms: u64,
        output: Result<String, String>,
    },
    Cancelled(Result<String, String>),
    /// What accounting said.
    Accounted(Result<String, String>),
    /// It never ran.
    None,
}

impl Keeper {
    /// Takes in what came of a call.
    pub(in crate::pool) fn take(&mut self, now_ms: u64, answer: Answer) {
        self.busy = false;
        match answer {
            Answer::Asked { request, job } => {
                self.memory.asking = None;
                self.look_ms = self.look_ms.min(now_ms + limits::POOL_LOOK_MS);
                match job {
                    Ok(Some(job)) => {
                        tracing::info!(pool = self.name, request, job, "the site has a request");
                        self.accepted = Some((request, job));
                    }
                    Ok(None) => self.refused(now_ms, request, "its answer names no job".to_owned()),
                    Err(said) => self.refused(now_ms, request, said),
                }
            }
            Answer::Listed { at_ms, output } => match output {
                Ok(output) => {
                    let elements = self.site.elements(&output);
                    let listed = |id: &String| elements.iter().any(|element| element.id == *id);
                    self.told_ms.retain(|id, _| listed(id));
                    self.listing = Some(Listing { at_ms, elements });
                    self.deaf = 0;
                    self.trouble.clear();
                    self.look_ms = now_ms + self.pool.poll.ms();
                }
                Err(said) => {
                    tracing::warn!(pool = self.name, said, "the site's queue cannot be seen");
                    let pause_ms = self.pool.poll.ms() << self.deaf.min(8);
                    self.deaf += 1;
                    self.look_ms = now_ms + pause_ms.min(limits::POOL_BACKOFF_MS_MAX);
                    self.trouble = self.in_words(&said);
                }
            },
            Answer::Cancelled(result) => {
                if let Err(said) = result {
                    tracing::warn!(pool = self.name, said, "jobs are not cancelled yet");
                }
                self.look_ms = self.look_ms.min(now_ms + limits::POOL_LOOK_MS);
            }
            Answer::Accounted(output) => self.accounted(now_ms, output),
            Answer::None => self.memory.asking = None,
        }
    }

    fn refused(&mut self, now_ms: u64, request: u64, said: String) {
        tracing::warn!(
            pool = self.name,
            request,
            said,
            "the site did not take a request"
        );
        self.memory.refused = Some((request, now_ms, said));
        // It may have taken it all the same.
        self.look_ms = 0;
    }
}
