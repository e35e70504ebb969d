//! Content addresses. A key is the SHA-256 of everything a result depends on: the version of the
//! kernels, their parameters, the fingerprints of inputs and the keys of earlier results.
//!
//! Shards and cores are no part of the key of a gVCF or of a release: they change no byte of it.

use std::cmp::Ordering;

use sha2::{Digest as _, Sha256};

/// A content address, or another digest that goes into one.
pub(crate) type Key = [u8; 32];

/// Where a result is known: a key within a root directory and, but for indexes, a programme.
/// Directories of manifests are relative to the root, and programmes do not read each other's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) place: [u8; 16],
    pub(crate) key: Key,
}

/// In the order of the bytes; as numbers, since every step of a look-up in the ledger compares two.
impl Ord for Address {
    fn cmp(&self, other: &Self) -> Ordering {
        let numbers = |address: &Self| {
            let (high, low) = address.key.split_at(16);
            let number = |bytes: &[u8]| u128::from_be_bytes(bytes.try_into().expect("16 bytes"));
            [number(&address.place), number(high), number(low)]
        };
        numbers(self).cmp(&numbers(other))
    }
}

impl PartialOrd for Address {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Where a cohort lies, whatever its number: half of a digest of root and programme, and its name.
pub(crate) type CohortPlace = ([u8; 16], String);

/// A digest over fields that cannot run into each other: each is preceded by its length.
#[derive(Clone, Debug)]
pub(crate) struct Chain(Sha256);

impl Chain {
    /// Begins with the name of what is digested.
    pub(crate) fn new(domain: &str) -> Self {
        Self(Sha256::new()).text("kumi 1").text(domain)
    }

    pub(crate) fn text(mut self, text: &str) -> Self {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text.as_bytes());
        self
    }

    pub(crate) fn number(mut self, number: u64) -> Self {
        self.0.update(number.to_le_bytes());
        self
    }

    pub(crate) fn key(mut self, key: &Key) -> Self {
        self.0.update(key);
        self
    }

    pub(crate) fn finish(self) -> Key {
        self.0.finalize().into()
    }

    /// The first half of the digest, where an accident is the only enemy.
    pub(crate) fn finish_short(self) -> [u8; 16] {
        let mut short = [0; 16];
        short.copy_from_slice(&self.finish()[..16]);
        short
    }
}

/// The first `digits` hexadecimal digits of a key.
pub(crate) fn hex(key: &[u8], digits: usize) -> String {
    Hex::of(key, digits).as_str().to_owned()
}

/// The same where they become a part of another text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hex {
    text: [u8; 2 * size_of::<Key>()],
    digits: usize,
}

impl Hex {
    pub(crate) fn of(key: &[u8], digits: usize) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 2 * size_of::<Key>()];
        let bytes = &key[..digits.div_ceil(2).min(key.len())];
        for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
            pair.copy_from_slice(&[byte >> 4, byte & 15].map(|half| DIGITS[usize::from(half)]));
        }
        Self {
            text,
            digits: digits.min(2 * bytes.len()),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text[..self.digits]).expect("digits are ASCII")
    }
}
