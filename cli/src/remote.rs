//! Files of commands that do not lie on this machine.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use kumi_worker::cache::{Asking, CacheError, Held, Item};
use kumi_worker::fault::chain;
use kumi_worker::objects::{Location, Objects, Place, Settings};
use kumi_worker::supply::Supply;

/// A file that is here as long as this value.
#[derive(Debug)]
pub struct Here {
    /// Where.
    pub path: PathBuf,
    /// What it is called.
    name: String,
    _held: Vec<Held>,
}

impl Here {
    /// What is said of the file, by its own name.
    #[must_use]
    pub fn told(&self, what: &str) -> String {
        what.replace(&*self.path.to_string_lossy(), &self.name)
    }
}

/// The stores as the environment says they are reached, with the patience of a person.
pub fn objects() -> &'static Objects {
    &supply().objects
}

fn supply() -> &'static Supply {
    static SUPPLY: OnceLock<Supply> = OnceLock::new();
    SUPPLY.get_or_init(|| Supply::new(Settings::interactive(), &std::env::temp_dir(), u64::MAX))
}

/// A path as it is; an object as a file of the cache that a worker on this machine has, too, unless it is told another
/// scratch.
///
/// # Errors
/// Why it cannot be had, and what to do.
pub fn file(path: &Path) -> Result<Here, String> {
    let name = path.display().to_string();
    let here = |path, held| Here {
        path,
        name,
        _held: held,
    };
    match Place::of(path).map_err(|error| error.to_string())? {
        Place::Path(path) => Ok(here(path, Vec::new())),
        Place::Object(at) => {
            let held = hold(&at)?;
            let path = held.first().map(Held::path).unwrap_or_default();
            Ok(here(path, held))
        }
    }
}

fn hold(at: &Location) -> Result<Vec<Held>, String> {
    let head = objects().head(at).map_err(|error| error.to_string())?;
    let asking = Asking {
        objects: objects(),
        stopped: &|| false,
        // A person is told that the disk is full.
        patient: false,
    };
    let held = supply().cache.hold(&[Item::one(at.clone(), head)], asking);
    held.map_err(|error| match error {
        CacheError::Later => format!(
            "{at}: there is no room for it in {}; free some, or set TMPDIR to a folder with more",
            std::env::temp_dir().display()
        ),
        error => chain(&error),
    })
}
