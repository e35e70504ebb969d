//! The envelope of a snapshot, on disk and on the wire alike: magic, version, length, checksum.
//!
//! It is checked before the state machine sees a byte, also on the receiving node, so that a
//! damaged snapshot is refused wherever the damage happened. Layout in `docs/formats/raft-log.md`.

const MAGIC: &[u8; 8] = b"KUMISNAP";
const VERSION: u32 = 1;
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
    #[error("the snapshot has {found} bytes of state, its header says {expected}")]
    Length {
        /// What the header says.
        expected: u64,
        /// What is there.
        found: u64,
    },
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
pub fn seal(state: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + state.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&(state.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&crc32fast::hash(state).to_le_bytes());
    bytes.extend_from_slice(state);
    bytes
}

/// The state inside an envelope.
///
/// # Errors
/// When anything about it is not as [`seal`] wrote it.
pub fn open(bytes: &[u8]) -> Result<&[u8], EnvelopeError> {
    let Some((header, state)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Err(EnvelopeError::NotASnapshot);
    };
    if !header.starts_with(MAGIC) {
        return Err(EnvelopeError::NotASnapshot);
    }
    let version = u32::from_le_bytes(header[8..12].try_into().expect("4 bytes"));
    if version != VERSION {
        return Err(EnvelopeError::Version { found: version });
    }
    let length = u64::from_le_bytes(header[12..20].try_into().expect("8 bytes"));
    if length != state.len() as u64 {
        return Err(EnvelopeError::Length {
            expected: length,
            found: state.len() as u64,
        });
    }
    let expected = u32::from_le_bytes(header[20..24].try_into().expect("4 bytes"));
    let found = crc32fast::hash(state);
    if expected == found {
        Ok(state)
    } else {
        Err(EnvelopeError::Checksum { expected, found })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_byte_and_every_cut_is_noticed() {
        let sealed = seal(b"the whole state");
        assert_eq!(open(&sealed).unwrap(), b"the whole state");
        for at in 0..sealed.len() {
            let mut broken = sealed.clone();
            broken[at] ^= 0x40;
            assert!(open(&broken).is_err(), "byte {at}");
            assert!(open(&sealed[..at]).is_err(), "cut at {at}");
        }
    }
}
