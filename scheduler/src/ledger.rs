//! What is known to be done: manifests by content address. An entry means that the files are there;
//! a client that finds them missing says so with `Retry`.

use std::collections::BTreeMap;

use kumi_proto::v1::Manifest;
use prost::Message as _;

use crate::plan::key::Address;

/// Manifests of results, encoded.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    entries: BTreeMap<Address, Box<[u8]>>,
}

impl Ledger {
    pub(crate) fn has(&self, address: &Address) -> bool {
        self.entries.contains_key(address)
    }

    pub(crate) fn get(&self, address: &Address) -> Option<Manifest> {
        let bytes = self.entries.get(address)?;
        Some(Manifest::decode(&**bytes).expect("the ledger holds what it encoded"))
    }

    /// Enters a result, unless one is known there.
    pub(crate) fn insert_new(&mut self, address: Address, manifest: &Manifest) {
        let entry = self.entries.entry(address);
        entry.or_insert_with(|| manifest.encode_to_vec().into_boxed_slice());
    }

    pub(crate) fn remove(&mut self, address: &Address) -> bool {
        self.entries.remove(address).is_some()
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = (&Address, &[u8])> {
        self.entries
            .iter()
            .map(|(address, bytes)| (address, &**bytes))
    }

    /// Puts a stored entry back; false when its bytes are no manifest.
    pub(crate) fn restore(&mut self, address: Address, manifest: Vec<u8>) -> bool {
        let sound = Manifest::decode(&*manifest).is_ok();
        self.entries.insert(address, manifest.into_boxed_slice());
        sound
    }
}
