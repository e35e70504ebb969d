//! The write-ahead log: an area of fixed size in front of the database, in the same file. A change is one write and one
//! sync of blocks that the file has already; redb takes many of them over in one transaction.
//!
//! A record names its generation, which changes whenever redb has taken the records over, and its number in it. What an
//! earlier generation left behind the newest record is thereby none. Layout: `docs/formats/raft-log.md`.

use std::io;
use std::sync::Arc;

use redb::StorageBackend;

use crate::limits::{WAL_BYTES, WAL_RECORD_BYTES_MAX, WAL_RECORDS_AT};

/// Checksum of what follows it, length of the body, generation, number.
const HEADER_BYTES: usize = 4 + 4 + 8 + 8;
/// Where records may begin.
const ALIGNMENT: usize = 64;

/// See the module.
#[derive(Debug)]
pub(crate) struct WriteAhead {
    backend: Arc<dyn StorageBackend>,
    generation: u64,
    /// How many records there are.
    records: u64,
    /// Where the next one begins.
    end: usize,
    /// What the next generation follows from.
    chain: u64,
}

/// What lies in the area.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The bodies of all records of the generation. What a crash cut short at the end is none.
    Records(Vec<Vec<u8>>),
    /// This record is damaged, although a later one is whole.
    Damaged(u64),
}

impl WriteAhead {
    /// The area of a generation of which there is no record.
    pub(crate) fn new(backend: Arc<dyn StorageBackend>, generation: u64) -> Self {
        Self {
            backend,
            generation,
            records: 0,
            end: WAL_RECORDS_AT,
            chain: generation,
        }
    }

    /// Reads the records of a generation.
    pub(crate) fn find(backend: &dyn StorageBackend, generation: u64) -> io::Result<Found> {
        let mut area = vec![0; WAL_BYTES];
        backend.read(0, &mut area)?;
        let mut bodies = Vec::new();
        let mut at = WAL_RECORDS_AT;
        while let Some((number, body)) = record(&area[at..], generation)
            && number == bodies.len() as u64
        {
            bodies.push(body.to_vec());
            at += framed(body.len());
        }
        let number = bodies.len() as u64;
        let mut places = (at..area.len()).step_by(ALIGNMENT);
        let later = places.any(|at| {
            let found = record(&area[at..], generation);
            found.is_some_and(|(found, _)| found >= number)
        });
        Ok(if later {
            Found::Damaged(number)
        } else {
            Found::Records(bodies)
        })
    }

    /// Whether there is room for a record.
    pub(crate) fn takes(&self, body: &[u8]) -> bool {
        body.len() <= WAL_RECORD_BYTES_MAX && self.end + framed(body.len()) <= WAL_BYTES
    }

    /// Appends a record for which there is room; it is on disk when this returns.
    pub(crate) fn append(&mut self, body: &[u8]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(framed(body.len()));
        bytes.extend_from_slice(&[0; 4]);
        let length = u32::try_from(body.len()).expect("there is room for it");
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&self.generation.to_le_bytes());
        bytes.extend_from_slice(&self.records.to_le_bytes());
        bytes.extend_from_slice(body);
        let checksum = crc32fast::hash(&bytes[4..]);
        bytes[..4].copy_from_slice(&checksum.to_le_bytes());
        bytes.resize(framed(body.len()), 0);
        self.backend.write(self.end as u64, &bytes)?;
        self.backend.sync_data()?;
        self.chain = mix(self.chain, checksum.into());
        self.records += 1;
        self.end += bytes.len();
        Ok(())
    }

    /// The generation that begins when redb has taken over all records.
    pub(crate) fn next(&self) -> u64 {
        mix(self.chain, 1 << 32)
    }

    /// Redb has taken over all records, and knows the next generation.
    pub(crate) fn begin_next(&mut self) {
        *self = Self::new(Arc::clone(&self.backend), self.next());
    }
}

/// The bytes that a record takes up.
fn framed(body: usize) -> usize {
    (HEADER_BYTES + body).next_multiple_of(ALIGNMENT)
}

/// The number and body of the record at the beginning of these bytes, if there is one of this generation.
fn record(bytes: &[u8], generation: u64) -> Option<(u64, &[u8])> {
    let (checksum, rest) = bytes.split_first_chunk::<4>()?;
    let (length, fields) = rest.split_first_chunk::<4>()?;
    let (found, fields) = fields.split_first_chunk::<8>()?;
    let (number, fields) = fields.split_first_chunk::<8>()?;
    if u64::from_le_bytes(*found) != generation {
        return None;
    }
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let body = fields.get(..length)?;
    let sound =
        crc32fast::hash(&rest[..HEADER_BYTES - 4 + length]) == u32::from_le_bytes(*checksum);
    sound.then_some((u64::from_le_bytes(*number), body))
}

/// A number that follows from two and does not come again: SplitMix64 (Steele, Lea and Flood 2014).
fn mix(state: u64, value: u64) -> u64 {
    let mut mixed = (state ^ value).wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use redb::StorageBackend;
    use redb::backends::InMemoryBackend;

    use super::{Found, WriteAhead};
    use crate::limits::{WAL_BYTES, WAL_RECORDS_AT};

    fn area() -> Arc<InMemoryBackend> {
        let backend = InMemoryBackend::new();
        backend.set_len(WAL_BYTES as u64).unwrap();
        Arc::new(backend)
    }

    fn flip(backend: &InMemoryBackend, at: u64) {
        let mut byte = [0];
        backend.read(at, &mut byte).unwrap();
        backend.write(at, &[byte[0] ^ 1]).unwrap();
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// What was appended last is found, whatever earlier generations left in the area.
        #[test]
        fn the_records_of_the_generation_are_found(
            generations in prop::collection::vec(prop::collection::vec(0usize..2_000, 0..8), 1..5),
        ) {
            let backend = area();
            let mut log = WriteAhead::new(backend.clone(), 7);
            let mut bodies: Vec<Vec<u8>> = Vec::new();
            for (turn, sizes) in generations.iter().enumerate() {
                if turn > 0 {
                    log.begin_next();
                }
                bodies = sizes.iter().map(|size| vec![turn as u8; *size]).collect();
                for body in &bodies {
                    log.append(body).unwrap();
                }
            }
            let found = WriteAhead::find(&*backend, log.generation).unwrap();
            prop_assert_eq!(found, Found::Records(bodies));
            let none = WriteAhead::find(&*backend, log.next()).unwrap();
            prop_assert_eq!(none, Found::Records(Vec::new()));
        }

        /// A bit that turned over in any record but the last is damage; in the last it is a write cut short.
        #[test]
        fn damage_before_the_last_record_is_told(number in 0u64..6, within in 0u64..300) {
            let backend = area();
            let mut log = WriteAhead::new(backend.clone(), 7);
            for body in 0..6u8 {
                log.append(&[body; 300]).unwrap();
            }
            flip(&backend, WAL_RECORDS_AT as u64 + number * 384 + within);
            let found = WriteAhead::find(&*backend, 7).unwrap();
            if number < 5 {
                prop_assert_eq!(found, Found::Damaged(number));
            } else {
                let whole = (0..5u8).map(|body| vec![body; 300]).collect();
                prop_assert_eq!(found, Found::Records(whole));
            }
        }
    }

    #[test]
    fn it_takes_records_until_it_is_full() {
        let backend = area();
        let mut log = WriteAhead::new(backend, 7);
        let body = vec![0; 10_000];
        let mut records = 0;
        while log.takes(&body) {
            log.append(&body).unwrap();
            records += 1;
        }
        assert_eq!(records, (WAL_BYTES - WAL_RECORDS_AT) / 10_048);
        assert!(log.takes(&[]));
        log.begin_next();
        assert!(log.takes(&body));
        assert!(!log.takes(&vec![0; WAL_BYTES]));
    }
}
