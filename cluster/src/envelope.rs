//! The envelope of a snapshot, on disk and on the wire alike: magic, version, length, checksum, and
//! beside the state the membership and the head of the audit log.
//!
//! It is checked before the state machine sees a byte, also on the receiving node, so that a
//! damaged snapshot is refused wherever the damage happened. Layout in `docs/formats/raft-log.md`.

use crate::audit::Head;
use crate::membership::Membership;

const MAGIC: &[u8; 8] = b"KUMISNAP";
const VERSION: u32 = 2;
/// Before the membership could change: the state only.
const VERSION_WITHOUT_MEMBERSHIP: u32 = 1;
const HEADER_BYTES: usize = 8 + 4 + 8 + 4;

/// What is in an envelope.
#[derive(Debug, PartialEq, Eq)]
pub struct Contents<'a> {
    /// Absent in an envelope of version 1.
    pub membership: Option<Membership>,
    /// Of the audit log up to the snapshot.
    pub head: Head,
    /// As the state machine wrote it.
    pub state: &'a [u8],
}

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
    #[error("what is beside the state in the snapshot cannot be read")]
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
pub fn seal(membership: &Membership, head: Head, state: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    seal_onto(&mut bytes, membership, head, state);
    bytes
}

/// Writes what [`seal`] gives behind what is there, without a copy of it in between.
pub(crate) fn seal_onto(bytes: &mut Vec<u8>, membership: &Membership, head: Head, state: &[u8]) {
    let membership = membership.encode();
    let length = u32::try_from(membership.len()).expect("a membership is small");
    let body_bytes = size_of_val(&length) + membership.len() + head.0.len() + state.len();
    bytes.reserve_exact(HEADER_BYTES + body_bytes);
    let body = bytes.len() + HEADER_BYTES;
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&(body_bytes as u64).to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&membership);
    bytes.extend_from_slice(&head.0);
    bytes.extend_from_slice(state);
    let checksum = crc32fast::hash(&bytes[body..]);
    bytes[body - 4..body].copy_from_slice(&checksum.to_le_bytes());
}

/// What is inside an envelope.
///
/// # Errors
/// When anything about it is not as [`seal`] wrote it.
pub fn open(bytes: &[u8]) -> Result<Contents<'_>, EnvelopeError> {
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
        return Ok(Contents {
            membership: None,
            head: Head::default(),
            state: body,
        });
    }
    split(body).ok_or(EnvelopeError::Membership)
}

fn split(body: &[u8]) -> Option<Contents<'_>> {
    let (length, rest) = body.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (membership, rest) = rest.split_at_checked(length)?;
    let (head, state) = rest.split_first_chunk::<32>()?;
    Some(Contents {
        membership: Some(Membership::decode(membership)?),
        head: Head(*head),
        state,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_byte_and_every_cut_is_noticed() {
        let membership = Membership::founded_by(&[1, 2, 3]);
        let head = Head([7; 32]);
        let sealed = seal(&membership, head, b"the whole state");
        let contents = Contents {
            membership: Some(membership),
            head,
            state: b"the whole state",
        };
        assert_eq!(open(&sealed).unwrap(), contents);
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
        let opened = open(&sealed).unwrap();
        assert_eq!((opened.membership, opened.state), (None, &b"state"[..]));
        sealed[8] = 3;
        assert_eq!(open(&sealed), Err(EnvelopeError::Version { found: 3 }));
    }
}
