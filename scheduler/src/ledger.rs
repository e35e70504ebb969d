//! What is known to be done: manifests by content address. An entry means that the files are there;
//! a client that finds them missing says so with `Retry`.

use std::cell::RefCell;
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

/// Reads manifests one after another. Tasks that a worker is told of together mostly read the same index and alignment, which
/// stay decoded.
pub(crate) struct Reader<'a> {
    ledger: &'a Ledger,
    /// What is shared; the one that was decoded last comes last.
    decoded: RefCell<Vec<(Address, Manifest)>>,
}

impl<'a> Reader<'a> {
    /// The index and an alignment.
    const DECODED: usize = 2;

    pub(crate) fn new(ledger: &'a Ledger) -> Self {
        let decoded = RefCell::default();
        Self { ledger, decoded }
    }

    /// As [`Ledger::get`].
    pub(crate) fn get(&self, address: &Address) -> Option<Manifest> {
        self.ledger.get(address)
    }

    /// What there is to say of a result that many tasks read.
    pub(crate) fn read_shared<T>(
        &self,
        address: &Address,
        read: impl FnOnce(&Manifest) -> T,
    ) -> Option<T> {
        let mut decoded = self.decoded.borrow_mut();
        if let Some((_, manifest)) = decoded.iter().find(|(of, _)| of == address) {
            return Some(read(manifest));
        }
        let manifest = self.ledger.get(address)?;
        let told = read(&manifest);
        if decoded.len() == Self::DECODED {
            decoded.remove(0);
        }
        decoded.push((*address, manifest));
        Some(told)
    }
}
