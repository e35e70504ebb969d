//! Files for tasks that do not lie on this machine.
//!
//! A task that waits for room on the scratch holds nothing there: where it needs more than it has and there is none, it
//! gives back what it has, waits until there is room for all, and begins again. So no two ever wait for each other.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use prometheus::core::Collector;

use crate::cache::{Asking, Cache, CacheError, Held, Item};
use crate::control::Control;
use crate::fault::{Fault, chain};
use crate::objects::{Objects, Settings};

/// What a worker's tasks get remote files from.
#[derive(Clone, Debug)]
pub struct Supply {
    /// The stores.
    pub objects: Arc<Objects>,
    /// What was fetched.
    pub cache: Arc<Cache>,
}

impl Supply {
    /// Stores and a cache on this scratch, of at most so many bytes with all that is spilled there.
    #[must_use]
    pub fn new(settings: Settings, scratch: &Path, limit_bytes: u64) -> Self {
        Self {
            objects: Arc::new(Objects::new(settings)),
            cache: Arc::new(Cache::new(scratch.to_owned(), limit_bytes)),
        }
    }

    /// What is to be registered of both.
    pub(crate) fn collectors(&self) -> Vec<Box<dyn Collector>> {
        let mut all = self.objects.counts().collectors();
        all.extend(self.cache.collectors());
        all
    }
}

impl Default for Supply {
    fn default() -> Self {
        Self::new(Settings::default(), &std::env::temp_dir(), u64::MAX)
    }
}

/// What one task has of it.
#[derive(Debug)]
pub(crate) struct Needs<'a> {
    supply: &'a Supply,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    held: Vec<Held>,
    /// All that it asked for since it began, which it will ask for again.
    asked: Vec<Item>,
    /// There was no room for the last of these.
    starved: bool,
    /// Damaged files were fetched again already.
    mended: bool,
}

impl<'a> Needs<'a> {
    pub(crate) fn new(supply: &'a Supply) -> Self {
        Self {
            supply,
            state: Mutex::default(),
        }
    }

    pub(crate) fn objects(&self) -> &Arc<Objects> {
        &self.supply.objects
    }

    pub(crate) fn cache(&self) -> &Arc<Cache> {
        &self.supply.cache
    }

    /// A file of this machine with the bytes of an object, until the task ends.
    pub(crate) fn file(&self, item: Item, control: &Control) -> Result<PathBuf, Fault> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = state.held.iter().find(|held| *held.item() == item) {
            return Ok(held.path());
        }
        let patient = state.held.is_empty();
        if !state.asked.contains(&item) {
            state.asked.push(item.clone());
        }
        match self.hold(std::slice::from_ref(&item), control, patient) {
            Ok(mut held) => {
                let path = held.first().map(Held::path).unwrap_or_default();
                state.held.append(&mut held);
                Ok(path)
            }
            Err(error) => {
                state.starved = matches!(error, CacheError::Later);
                Err(fault(&error))
            }
        }
    }

    /// Gives back a file that a task has looked at and will not look at again: who looks at many needs room for one.
    pub(crate) fn give_back(&self, path: &Path) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { held, asked, .. } = &mut *state;
        held.retain(|held| {
            let is_it = held.path() == path;
            if is_it {
                asked.retain(|item| item != held.item());
            }
            !is_it
        });
    }

    fn hold(
        &self,
        items: &[Item],
        control: &Control,
        patient: bool,
    ) -> Result<Vec<Held>, CacheError> {
        let asking = Asking {
            objects: &self.supply.objects,
            stopped: &|| control.check().is_err(),
            patient,
        };
        self.supply.cache.hold(items, asking)
    }

    /// After a task failed: whether it is to begin again, since there was no room and is now, or since a file was
    /// damaged after it had been fetched.
    pub(crate) fn begin_again(&self, control: &Control) -> Result<bool, Fault> {
        control.check()?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.starved {
            tracing::info!(
                "no room on the scratch: what this task has goes back until there is room for all of it"
            );
            state.held.clear();
            state.starved = false;
            state.held = self
                .hold(&state.asked, control, true)
                .map_err(|error| fault(&error))?;
            return Ok(true);
        }
        if state.mended || state.held.is_empty() {
            return Ok(false);
        }
        let damaged = self.supply.cache.drop_damaged(&state.held).unwrap_or(false);
        state.mended = damaged;
        if damaged {
            state.held.clear();
        }
        Ok(damaged)
    }

    /// What a failure says, with the objects by their own names.
    pub(crate) fn told(&self, mut fault: Fault) -> Fault {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for (path, from) in state.held.iter().flat_map(Held::files) {
            fault.message = fault.message.replace(&*path.to_string_lossy(), &from);
        }
        fault
    }
}

fn fault(error: &CacheError) -> Fault {
    match error {
        CacheError::Stopped => Fault::stopped(),
        error => Fault::new(error.class(), chain(error)),
    }
}
