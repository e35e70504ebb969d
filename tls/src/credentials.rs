//! Credentials that follow their files.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use kumi_proto::causes::chain;

use crate::certificate::Certificate;
use crate::files::{Files, LoadError, Stamp};
use crate::identity::Identity;
use crate::limits;
use crate::settings::{Loaded, load};

/// A certificate, its key and the CA, read again when their files change. Clones share them.
///
/// Files that cannot be used do not replace what is in use: the log says so, and [`Credentials::reload_failures`]
/// counts it.
#[derive(Clone)]
pub struct Credentials(Arc<Shared>);

struct Shared {
    files: Files,
    held: Mutex<Held>,
    failures: AtomicU64,
    pub(crate) refusal: Mutex<Option<String>>,
}

struct Held {
    loaded: Arc<Loaded>,
    /// Of the files that were read last, well or not.
    stamp: Stamp,
    looked: Instant,
    /// Why the files as they are now cannot be used.
    problem: Option<String>,
}

impl Credentials {
    /// Reads the files. They must fit each other and hold now.
    ///
    /// # Errors
    /// Which file is wrong, and how.
    pub fn load(files: Files) -> Result<Self, LoadError> {
        let stamp = files.stamp();
        let loaded = Arc::new(load(&files)?);
        let held = Held {
            loaded,
            stamp,
            looked: Instant::now(),
            problem: None,
        };
        Ok(Self(Arc::new(Shared {
            files,
            held: Mutex::new(held),
            failures: AtomicU64::new(0),
            refusal: Mutex::default(),
        })))
    }

    /// Who they are of.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.current().identity.clone()
    }

    /// What the certificate in use says.
    #[must_use]
    pub fn certificate(&self) -> Certificate {
        self.current().certificate.clone()
    }

    /// How often changed files could not be used.
    #[must_use]
    pub fn reload_failures(&self) -> u64 {
        self.0.failures.load(Ordering::Relaxed)
    }

    /// Why the other end of a connection that [`Credentials::dial`] opened hung up last, when it was for a
    /// certificate; and forgets it.
    #[must_use]
    pub fn take_refusal(&self) -> Option<String> {
        let mut refusal = self
            .0
            .refusal
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        refusal.take()
    }

    pub(crate) fn note_refusal(&self, why: String) {
        let mut refusal = self
            .0
            .refusal
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *refusal = Some(why);
    }

    /// What holds now. The files are looked at, though not more than once in [`limits::LOOK_MS`].
    pub(crate) fn current(&self) -> Arc<Loaded> {
        let mut held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.looked.elapsed() >= Duration::from_millis(limits::LOOK_MS) {
            held.looked = Instant::now();
            self.look(&mut held);
        }
        Arc::clone(&held.loaded)
    }

    /// Reads files that have changed; again and again those that cannot be used, since one of them may be newer
    /// than the others only for a moment.
    fn look(&self, held: &mut Held) {
        let stamp = self.0.files.stamp();
        if stamp == held.stamp && held.problem.is_none() {
            return;
        }
        held.stamp = stamp;
        let loaded = load(&self.0.files);
        match loaded.and_then(|loaded| self.of_the_same(held, loaded)) {
            Ok(loaded) => {
                let until = loaded.certificate.not_after;
                tracing::info!(identity = %loaded.identity, until, "the certificate was read again");
                held.loaded = Arc::new(loaded);
                held.problem = None;
            }
            Err(error) => {
                let problem = chain(&error);
                if held.problem.as_ref() != Some(&problem) {
                    tracing::error!(error = %problem, "changed certificate files cannot be used; the old ones stay in use");
                    self.0.failures.fetch_add(1, Ordering::Relaxed);
                }
                held.problem = Some(problem);
            }
        }
    }

    /// A process does not become somebody else while it runs.
    fn of_the_same(&self, held: &Held, loaded: Loaded) -> Result<Loaded, LoadError> {
        if loaded.identity == held.loaded.identity {
            return Ok(loaded);
        }
        Err(LoadError::Unusable {
            path: self.0.files.certificate.clone(),
            reason: format!(
                "it is of {}, this process is {}",
                loaded.identity, held.loaded.identity
            ),
        })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("files", &self.0.files)
            .finish_non_exhaustive()
    }
}
