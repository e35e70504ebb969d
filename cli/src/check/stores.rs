//! Whether object stores answer at all: found out once for each bucket, so that one that is gone is neither waited for nor
//! told of row by row.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use kumi_worker::objects::{Location, ObjectError, Objects, Settings};

/// Why a file was not seen.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unseen {
    /// What is wrong with it.
    Why(String),
    /// Its store shows nothing to this process, which is told of once: [`Stores::silent`].
    Store,
}

impl From<String> for Unseen {
    fn from(why: String) -> Self {
        Self::Why(why)
    }
}

/// What is known of the stores that a cohort names.
#[derive(Debug)]
pub(super) struct Stores {
    /// Asks with less patience than is had with a store that is there.
    probe: Objects,
    /// By bucket: filled once somebody has asked. Others wait for it.
    asked: Mutex<BTreeMap<String, Arc<OnceLock<()>>>>,
    /// By bucket, why it shows nothing.
    silent: Mutex<BTreeMap<String, String>>,
}

impl Default for Stores {
    fn default() -> Self {
        Self {
            probe: Objects::new(Settings::probing()),
            asked: Mutex::default(),
            silent: Mutex::default(),
        }
    }
}

impl Stores {
    /// Asks for an object of a store that answers.
    ///
    /// # Errors
    /// Why it does not show it.
    pub(super) fn ask<T>(
        &self,
        at: &Location,
        ask: impl FnOnce() -> Result<T, ObjectError>,
    ) -> Result<T, Unseen> {
        let asked = Arc::clone(
            locked(&self.asked)
                .entry(at.bucket().to_owned())
                .or_default(),
        );
        asked.get_or_init(|| {
            if let Err(error) = self.probe.head(at) {
                self.told(at, &error);
            }
        });
        if locked(&self.silent).contains_key(at.bucket()) {
            return Err(Unseen::Store);
        }
        ask().map_err(|error| self.told(at, &error))
    }

    fn told(&self, at: &Location, error: &ObjectError) -> Unseen {
        match error.of_store() {
            None => Unseen::Why(error.to_string()),
            Some(why) => {
                locked(&self.silent).insert(at.bucket().to_owned(), why);
                Unseen::Store
            }
        }
    }

    /// What is said of stores that show nothing: each once, however many buckets it has.
    pub(super) fn silent(&self) -> BTreeSet<String> {
        locked(&self.silent).values().cloned().collect()
    }
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use kumi_worker::objects::{Location, ObjectError, Place};

    use super::{Stores, Unseen};

    fn at(key: &str) -> Location {
        match Place::parse(&format!("s3://reads/{key}")) {
            Ok(Place::Object(at)) => at,
            other => panic!("{other:?}"),
        }
    }

    /// A store that went away while rows were looked at is asked no more.
    #[test]
    fn a_store_that_goes_away_is_asked_once_and_told_of_once() {
        let stores = Stores::default();
        stores
            .asked
            .lock()
            .expect("no panic")
            .insert("reads".to_owned(), {
                let asked = std::sync::OnceLock::from(());
                std::sync::Arc::new(asked)
            });
        let asked = Cell::new(0);
        let ask = |key: &str, error: fn(Location) -> ObjectError| {
            stores.ask(&at(key), || -> Result<(), ObjectError> {
                asked.set(asked.get() + 1);
                Err(error(at(key)))
            })
        };
        let missing = ask("a", ObjectError::NoSuchKey);
        assert!(matches!(&missing, Err(Unseen::Why(why)) if why.contains("s3://reads/a")));
        let gone = |at| ObjectError::Unreachable {
            at,
            endpoint: "http://s3".to_owned(),
            why: "refused".to_owned(),
        };
        for key in ["b", "c", "d"] {
            assert_eq!(ask(key, gone), Err(Unseen::Store));
        }
        assert_eq!(asked.get(), 2);
        let silent: Vec<String> = stores.silent().into_iter().collect();
        assert_eq!(silent.len(), 1);
        assert!(silent[0].starts_with("http://s3 cannot be reached: refused"));
    }
}
