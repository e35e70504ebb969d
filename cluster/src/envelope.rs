//! The envelope of a snapshot, on disk and on the wire alike: magic, version, length, checksum, and
//! the membership beside the state.
//!
//! It is checked before the state machine sees a byte, also on the receiving node, so that a
//! damaged snapshot is refused wherever the damage happened. Layout in `docs/formats/raft-log.md`.

use crate::membership::Membership;

const MAGIC: &[u8; 8] = b"KUMISNAP";
const VERSION: u32 = 2;
/// Before the membership could change: the state only.
const VERSION_WITHOUT_MEMBERSHIP: u32 = 1;
const HEADER_BYTES: usize = 8 + 4 + 8 + 4;

/// Why a snapshot cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// It does not start as a snapshot does.
    #[error("this is not a snapshot (wrong magic or too short)")]
    NotASnapshot,
    /// A newer node wrote it.
    #[error(
        "snapshot version {found} is not known here (this node knows {VERSION}); upgrade this node"
    )]
    Version {
        /// The version found.
        found: u32,
    },
    /// Truncated or followed by something.
    #[error("the snapshot has {found} bytes behind its header, which says {expected}")]
    Length {
        /// What the header says.
        expected: u64,
        /// What is there.
        found: u64,
    },
    /// The checksum holds, the membership does not.
    #[error("the snapshot's membership cannot be read")]
    Membership,
    /// Damaged.
    #[error("the snapshot's checksum is {found:08x}, its header says {expected:08x}")]
    Checksum {
        /// What the header says.
        expected: u32,
        /// What the bytes give.
        found: u32,
    },
}

/// Puts a state into its envelope.
///
/// # Panics
/// When the membership takes 4 GiB or more.
pub fn seal(membership: &Membership, state: &[u8]) -> Vec<u8> {
    let membership = membership.encode();
    let length = u32::try_from(membership.len()).expect("a membership is small");
    let body_bytes = size_of_val(&length) + membership.len() + state.len();
    let mut bytes = Vec::with_capacity(HEADER_BYTES + body_bytes);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&(body_bytes as u64).to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&membership);
    bytes.extend_from_slice(state);
    let checksum = crc32fast::hash(&bytes[HEADER_BYTES..]);
    bytes[HEADER_BYTES - 4..HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// The membership and the state inside an envelope; no membership in one of version 1.
///
/// # Errors
/// When anything about it is not as [`seal`] wrote it.
pub fn open(bytes: &[u8]) -> Result<(Option<Membership>, &[u8]), EnvelopeError> {
    let Some((header, body)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Err(EnvelopeError::NotASnapshot);
    };
    if !header.starts_with(MAGIC) {
        return Err(EnvelopeError::NotASnapshot);
    }
    let version = u32::from_le_bytes(header[8..12].try_into().expect("4 bytes"));
    if version != VERSION && version != VERSION_WITHOUT_MEMBERSHIP {
        return Err(EnvelopeError::Version { found: version });
    }
    let length = u64::from_le_bytes(header[12..20].try_into().expect("8 bytes"));
    if length != body.len() as u64 {
        return Err(EnvelopeError::Length {
            expected: length,
            found: body.len() as u64,
        });
    }
    let expected = u32::from_le_bytes(header[20..24].try_into().expect("4 bytes"));
    let found = crc32fast::hash(body);
    if expected != found {
        return Err(EnvelopeError::Checksum { expected, found });
    }
    if version == VERSION_WITHOUT_MEMBERSHIP {
        return Ok((None, body));
    }
    let (membership, state) = split(body).ok_or(EnvelopeError::Membership)?;
    Ok((Some(membership), state))
}

fn split(body: &[u8]) -> Option<(Membership, &[u8])> {
    let (length, rest) = body.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (membership, state) = rest.split_at_checked(length)?;
    Some((Membership::decode(membership)?, state))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_byte_and_every_cut_is_noticed() {
        let membership = Membership::founded_by(&[1, 2, 3]);
        let sealed = seal(&membership, b"the whole state");
        let opened = (Some(membership), &b"the whole state"[..]);
        assert_eq!(open(&sealed).unwrap(), opened);
        for at in 0..sealed.len() {
            let mut broken = sealed.clone();
            broken[at] ^= 0x40;
            assert!(open(&broken).is_err(), "byte {at}");
            assert!(open(&sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn an_envelope_from_before_memberships_is_opened() {
        let mut sealed = MAGIC.to_vec();
        sealed.extend_from_slice(&VERSION_WITHOUT_MEMBERSHIP.to_le_bytes());
        sealed.extend_from_slice(&5u64.to_le_bytes());
        sealed.extend_from_slice(&crc32fast::hash(b"state").to_le_bytes());
        sealed.extend_from_slice(b"state");
        assert_eq!(open(&sealed).unwrap(), (None, &b"state"[..]));
        sealed[8] = 3;
        assert_eq!(open(&sealed), Err(EnvelopeError::Version { found: 3 }));
    }
}
