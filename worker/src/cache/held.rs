//! Files of the cache in use.

use std::fs::File;
use std::path::PathBuf;

use crate::cache::folder;
use crate::cache::item::Item;

/// Files that stay as long as this value.
#[derive(Debug)]
pub struct Held {
    folder: PathBuf,
    item: Item,
    _pin: File,
}

impl Held {
    /// `pin` is a lock that keeps the folder.
    pub(super) fn new(folder: PathBuf, item: Item, pin: File) -> Self {
        Self {
            folder,
            item,
            _pin: pin,
        }
    }

    /// Where the first of the objects lies.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        let name = self.item.0.first().map_or("", |first| &first.name);
        self.folder.join(name)
    }

    /// What is held.
    #[must_use]
    pub fn item(&self) -> &Item {
        &self.item
    }

    /// The files, and where they are from.
    pub(crate) fn files(&self) -> impl Iterator<Item = (PathBuf, String)> + '_ {
        let files = self.item.0.iter();
        files.map(|wanted| (self.folder.join(&wanted.name), wanted.at.to_string()))
    }

    pub(super) fn is_sound(&self, every_byte: bool) -> bool {
        folder::is_sound(&self.folder, every_byte)
    }
}
