//! The records of the durable log as bytes: fixed little-endian fields behind a checksum.
//!
//! Layout in `docs/formats/raft-log.md`. Depends on no library's encoding, so that a change of
//! raft's own message format never makes a log unreadable.

use raft::eraftpb::{ConfState, Entry, EntryType, HardState};

/// Checksum of a record, in front of its bytes.
const CHECKSUM_BYTES: usize = 4;

/// An entry without its index, which is its key.
pub fn encode_entry(entry: &Entry) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64 + entry.context.len() + entry.data.len());
    bytes.extend_from_slice(&[0; CHECKSUM_BYTES]);
    bytes.extend_from_slice(&entry.index.to_le_bytes());
    bytes.extend_from_slice(&entry.term.to_le_bytes());
    bytes.push(match entry.get_entry_type() {
        EntryType::EntryNormal => 0,
        EntryType::EntryConfChange => 1,
        EntryType::EntryConfChangeV2 => 2,
    });
    put_bytes(&mut bytes, &entry.context);
    put_bytes(&mut bytes, &entry.data);
    seal(bytes)
}

/// The entry at `index`; `None` when the bytes are not what [`encode_entry`] gave for it.
pub fn decode_entry(index: u64, bytes: &[u8]) -> Option<Entry> {
    let mut fields = Fields(unseal(bytes)?);
    if fields.u64()? != index {
        return None;
    }
    let mut entry = Entry {
        index,
        ..Entry::default()
    };
    entry.term = fields.u64()?;
    entry.set_entry_type(match fields.u8()? {
        0 => EntryType::EntryNormal,
        1 => EntryType::EntryConfChange,
        2 => EntryType::EntryConfChangeV2,
        _ => return None,
    });
    entry.context = fields.bytes()?.to_vec().into();
    entry.data = fields.bytes()?.to_vec().into();
    fields.end()?;
    Some(entry)
}

/// A change as one record: term, vote and commit index, if they are to be kept, then entries as [`encode_entry`] gives
/// them.
pub fn encode_change(hard_state: Option<&HardState>, entries: &[Vec<u8>]) -> Vec<u8> {
    let lengths = entries.iter().map(|entry| 8 + entry.len());
    let mut bytes = Vec::with_capacity(1 + 3 * 8 + lengths.sum::<usize>());
    bytes.push(u8::from(hard_state.is_some()));
    if let Some(state) = hard_state {
        for number in [state.term, state.vote, state.commit] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
    }
    for entry in entries {
        put_bytes(&mut bytes, entry);
    }
    bytes
}

/// What [`encode_change`] wrote: the hard state, then the index of the first entry and the entries, encoded; `None` for
/// any other bytes.
pub fn decode_change(bytes: &[u8]) -> Option<(Option<HardState>, u64, Vec<Vec<u8>>)> {
    let mut fields = Fields(bytes);
    let hard_state = match fields.u8()? {
        0 => None,
        1 => Some(HardState {
            term: fields.u64()?,
            vote: fields.u64()?,
            commit: fields.u64()?,
            ..HardState::default()
        }),
        _ => return None,
    };
    let (mut first, mut entries) = (0, Vec::new());
    while fields.end().is_none() {
        let entry = fields.bytes()?;
        let index = u64::from_le_bytes(*entry.get(CHECKSUM_BYTES..)?.first_chunk::<8>()?);
        if entries.is_empty() {
            first = index;
        }
        decode_entry(first.checked_add(entries.len() as u64)?, entry)?;
        entries.push(entry.to_vec());
    }
    Some((hard_state, first, entries))
}

/// Term, vote, commit index.
pub fn encode_hard_state(state: &HardState) -> Vec<u8> {
    encode_numbers(&[state.term, state.vote, state.commit])
}

/// What [`encode_hard_state`] wrote.
pub fn decode_hard_state(bytes: &[u8]) -> Option<HardState> {
    let numbers = decode_numbers(bytes)?;
    let &[term, vote, commit] = numbers.as_slice() else {
        return None;
    };
    Some(HardState {
        term,
        vote,
        commit,
        ..HardState::default()
    })
}

/// The five parts of a configuration, each with its length.
pub fn encode_conf_state(state: &ConfState) -> Vec<u8> {
    let mut numbers = Vec::new();
    for ids in [
        &state.voters,
        &state.learners,
        &state.voters_outgoing,
        &state.learners_next,
    ] {
        numbers.push(ids.len() as u64);
        numbers.extend_from_slice(ids);
    }
    numbers.push(u64::from(state.auto_leave));
    encode_numbers(&numbers)
}

/// What [`encode_conf_state`] wrote.
pub fn decode_conf_state(bytes: &[u8]) -> Option<ConfState> {
    let numbers = decode_numbers(bytes)?;
    let mut rest = numbers.as_slice();
    let mut ids = || -> Option<Vec<u64>> {
        let (count, after) = rest.split_first()?;
        let (ids, after) = after.split_at_checked(usize::try_from(*count).ok()?)?;
        rest = after;
        Some(ids.to_vec())
    };
    let mut state = ConfState {
        voters: ids()?,
        learners: ids()?,
        voters_outgoing: ids()?,
        learners_next: ids()?,
        ..ConfState::default()
    };
    state.auto_leave = match rest {
        [0] => false,
        [1] => true,
        _ => return None,
    };
    Some(state)
}

/// Numbers behind a checksum.
pub fn encode_numbers(numbers: &[u64]) -> Vec<u8> {
    let mut bytes = vec![0; CHECKSUM_BYTES];
    for number in numbers {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    seal(bytes)
}

/// What [`encode_numbers`] wrote.
pub fn decode_numbers(bytes: &[u8]) -> Option<Vec<u64>> {
    let body = unseal(bytes)?;
    let (numbers, rest) = body.as_chunks::<8>();
    rest.is_empty()
        .then(|| numbers.iter().map(|n| u64::from_le_bytes(*n)).collect())
}

/// Any bytes behind a checksum.
pub fn encode_bytes(data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; CHECKSUM_BYTES];
    bytes.extend_from_slice(data);
    seal(bytes)
}

/// What [`encode_bytes`] wrote.
pub fn decode_bytes(bytes: &[u8]) -> Option<&[u8]> {
    unseal(bytes)
}

fn seal(mut bytes: Vec<u8>) -> Vec<u8> {
    let checksum = crc32fast::hash(&bytes[CHECKSUM_BYTES..]);
    bytes[..CHECKSUM_BYTES].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

fn unseal(bytes: &[u8]) -> Option<&[u8]> {
    let (checksum, body) = bytes.split_first_chunk::<CHECKSUM_BYTES>()?;
    (u32::from_le_bytes(*checksum) == crc32fast::hash(body)).then_some(body)
}

fn put_bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    to.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    to.extend_from_slice(bytes);
}

struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn u8(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn u64(&mut self) -> Option<u64> {
        let (head, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*head))
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.u64()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}
