//! What belongs to a cluster beside raft's own configuration: where members are reached, which ids have
//! been used up, which founding it goes back to, and which version of the state machine is in force.
//!
//! It changes only by entries of the log, so every replica has the same at the same index.

use std::collections::{BTreeMap, BTreeSet};

use raft::eraftpb::ConfState;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    /// Names the founding; nodes of different ones never belong together. 0: not known yet.
    pub founding: u64,
    /// Version of the state machine that is in force, from 1.
    pub version: u32,
    /// Node id to `host:port`, of members whose address came with the change that added them.
    pub addresses: BTreeMap<u64, String>,
    /// In an entry of the log, who asked for the change; empty elsewhere.
    pub actor: String,
    /// Ids of former members, which are never given again: a node that forgot what it promised
    /// must not come back under its id.
    pub retired: BTreeSet<u64>,
}

impl Membership {
    /// Of a cluster whose first configuration has these voters.
    #[must_use]
    pub fn founded_by(voters: &[u64]) -> Self {
        Self {
            founding: founding(voters, &[]),
            version: 1,
            ..Self::default()
        }
    }

    /// After a change of the configuration: `added` came, `now` holds.
    pub(crate) fn follow(&mut self, added: Self, before: &ConfState, now: &ConfState) {
        self.addresses.extend(added.addresses);
        let now = members(now);
        self.addresses.retain(|id, _| now.contains(id));
        let gone = members(before).into_iter().filter(|id| !now.contains(id));
        self.retired.extend(gone);
    }

    /// Little-endian: founding `u64`; version `u32`; count `u32` and for each member id `u64`, length `u32`,
    /// address in UTF-8; count `u32` and the retired ids, `u64` each; the actor in UTF-8 is the rest.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.founding.to_le_bytes().to_vec();
        bytes.extend_from_slice(&self.version.to_le_bytes());
        put_count(&mut bytes, self.addresses.len());
        for (id, address) in &self.addresses {
            bytes.extend_from_slice(&id.to_le_bytes());
            put_count(&mut bytes, address.len());
            bytes.extend_from_slice(address.as_bytes());
        }
        put_count(&mut bytes, self.retired.len());
        for id in &self.retired {
            bytes.extend_from_slice(&id.to_le_bytes());
        }
        bytes.extend_from_slice(self.actor.as_bytes());
        bytes
    }

    /// What [`Membership::encode`] wrote; `None` for anything else.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let mut membership = Self {
            founding: take_u64(&mut rest)?,
            version: take_u32(&mut rest)?,
            ..Self::default()
        };
        for _ in 0..take_count(&mut rest)? {
            let id = take_u64(&mut rest)?;
            let length = take_count(&mut rest)?;
            let (address, after) = rest.split_at_checked(length)?;
            rest = after;
            let address = std::str::from_utf8(address).ok()?.to_owned();
            membership.addresses.insert(id, address);
        }
        for _ in 0..take_count(&mut rest)? {
            membership.retired.insert(take_u64(&mut rest)?);
        }
        membership.actor = std::str::from_utf8(rest).ok()?.to_owned();
        Some(membership)
    }
}

/// Everybody in a configuration: voters of both halves, learners, and those that will be.
pub(crate) fn members(conf: &ConfState) -> BTreeSet<u64> {
    [
        &conf.voters,
        &conf.voters_outgoing,
        &conf.learners,
        &conf.learners_next,
    ]
    .into_iter()
    .flatten()
    .copied()
    .collect()
}

/// Those who vote in a configuration, in either half of it.
pub(crate) fn voters(conf: &ConfState) -> BTreeSet<u64> {
    let halves = conf.voters.iter().chain(&conf.voters_outgoing);
    halves.copied().collect()
}

/// A name for a founding: FNV-1a, 64 bits, of the first voters and of what they began with. Never 0
/// for a cluster with a voter.
pub(crate) fn founding(voters: &[u64], seed: &[u8]) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    if voters.is_empty() {
        return 0;
    }
    let ids = voters.iter().flat_map(|id| id.to_le_bytes());
    let hash = ids.chain(seed.iter().copied()).fold(OFFSET, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(PRIME)
    });
    hash.max(1)
}

fn put_count(bytes: &mut Vec<u8>, count: usize) {
    let count = u32::try_from(count).expect("a cluster has few members with short addresses");
    bytes.extend_from_slice(&count.to_le_bytes());
}

fn take_u64(rest: &mut &[u8]) -> Option<u64> {
    let (head, after) = rest.split_first_chunk::<8>()?;
    *rest = after;
    Some(u64::from_le_bytes(*head))
}

fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    let (head, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    Some(u32::from_le_bytes(*head))
}

fn take_count(rest: &mut &[u8]) -> Option<usize> {
    usize::try_from(take_u32(rest)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conf(voters: &[u64], learners: &[u64]) -> ConfState {
        ConfState {
            voters: voters.to_vec(),
            learners: learners.to_vec(),
            ..ConfState::default()
        }
    }

    #[test]
    fn a_membership_comes_back_whole_or_not_at_all() {
        let membership = Membership {
            founding: 7,
            version: 2,
            addresses: [(1, "a:1".to_owned()), (4, "node4:7070".to_owned())].into(),
            retired: [2, 3].into(),
            actor: String::new(),
        };
        let bytes = membership.encode();
        for cut in 0..bytes.len() {
            assert_eq!(Membership::decode(&bytes[..cut]), None, "cut at {cut}");
        }
        let asked = Membership {
            actor: "operator/-/yuki".to_owned(),
            ..membership.clone()
        };
        assert_eq!(Membership::decode(&bytes), Some(membership));
        assert_eq!(Membership::decode(&asked.encode()), Some(asked));
        assert_eq!(Membership::decode(&[bytes, vec![0xff]].concat()), None);
    }

    #[test]
    fn who_leaves_is_retired_and_has_no_address() {
        let mut membership = Membership::founded_by(&[1, 2, 3]);
        let four = Membership {
            addresses: [(4, "d:1".to_owned())].into(),
            ..Membership::default()
        };
        let (before, with_four) = (conf(&[1, 2, 3], &[]), conf(&[1, 2, 3], &[4]));
        membership.follow(four, &before, &with_four);
        assert_eq!(membership.addresses[&4], "d:1");
        let without_two = conf(&[1, 3, 4], &[]);
        membership.follow(Membership::default(), &with_four, &without_two);
        assert_eq!(membership.retired, [2].into());
        membership.follow(Membership::default(), &without_two, &conf(&[1, 3], &[]));
        assert_eq!(membership.retired, [2, 4].into());
        assert!(membership.addresses.is_empty());
    }

    #[test]
    fn foundings_differ_by_voters_and_by_what_they_began_with() {
        assert_eq!(founding(&[], b""), 0);
        assert_ne!(founding(&[1], b""), founding(&[1, 2, 3], b""));
        assert_ne!(founding(&[1, 2, 3], b""), founding(&[1, 2, 3], b"backup"));
    }
}
