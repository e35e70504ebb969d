//! The payload of a log entry: the proposals that were packed into it, in order.
//!
//! Layout (`docs/formats/raft-log.md`), little-endian: version `u8`, count `u32`, then for each
//! proposal its length `u32` and its bytes. Nothing may follow. Never knows what a proposal means.

use crate::limits;

/// The only version there is.
pub const VERSION: u8 = 1;

const HEADER_BYTES: usize = 5;

/// Whether so many proposals of so many bytes together fill an entry.
pub(crate) fn is_filled_by(proposals: usize, bytes: usize) -> bool {
    bytes >= limits::ENTRY_PACK_BYTES || proposals >= limits::ENTRY_COMMANDS_MAX
}

/// Packs proposals into one payload.
#[derive(Debug)]
pub struct Packer {
    bytes: Vec<u8>,
    count: u32,
}

impl Default for Packer {
    fn default() -> Self {
        let mut bytes = vec![0; HEADER_BYTES];
        bytes[0] = VERSION;
        Self { bytes, count: 0 }
    }
}

impl Packer {
    /// Adds a proposal; its length must fit `u32` (the caller's limit is far below).
    pub fn push(&mut self, command: &[u8]) {
        let length = u32::try_from(command.len()).expect("a command is at most COMMAND_BYTES_MAX");
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(command);
        self.count += 1;
    }

    /// Proposals so far.
    pub fn count(&self) -> usize {
        self.count as usize
    }

    /// Bytes so far.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The payload.
    pub fn finish(mut self) -> Vec<u8> {
        self.bytes[1..HEADER_BYTES].copy_from_slice(&self.count.to_le_bytes());
        self.bytes
    }
}

/// Why an entry's payload cannot be applied.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnpackError {
    /// A newer node wrote it.
    #[error(
        "entry version {found} is not known here (this node knows {VERSION}); upgrade this node"
    )]
    Version {
        /// The version found.
        found: u8,
    },
    /// The lengths do not add up.
    #[error(
        "the entry's proposals do not fill it exactly; the log is damaged or was written by something else"
    )]
    Malformed,
}

/// The proposals of a payload, in order. The whole payload is checked before any is returned.
///
/// # Errors
/// An unknown version, or lengths that do not add up.
pub fn unpack(payload: &[u8]) -> Result<Vec<&[u8]>, UnpackError> {
    let Some((&version, rest)) = payload.split_first() else {
        return Err(UnpackError::Malformed);
    };
    if version != VERSION {
        return Err(UnpackError::Version { found: version });
    }
    let (count, mut rest) = take_u32(rest).ok_or(UnpackError::Malformed)?;
    let mut commands = Vec::with_capacity((count as usize).min(rest.len() / 4));
    for _ in 0..count {
        let (length, after) = take_u32(rest).ok_or(UnpackError::Malformed)?;
        let (command, after) = after
            .split_at_checked(length as usize)
            .ok_or(UnpackError::Malformed)?;
        commands.push(command);
        rest = after;
    }
    if rest.is_empty() {
        Ok(commands)
    } else {
        Err(UnpackError::Malformed)
    }
}

fn take_u32(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*head), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_newer_version_is_refused() {
        let mut payload = Packer::default().finish();
        assert_eq!(unpack(&payload), Ok(vec![]));
        payload[0] = VERSION + 1;
        assert_eq!(
            unpack(&payload),
            Err(UnpackError::Version { found: VERSION + 1 })
        );
    }

    proptest! {
        #[test]
        fn round_trip(commands in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..20)) {
            let mut packer = Packer::default();
            for command in &commands {
                packer.push(command);
            }
            let payload = packer.finish();
            prop_assert_eq!(unpack(&payload).unwrap(), commands);
            for cut in 0..payload.len() {
                prop_assert!(unpack(&payload[..cut]).is_err());
            }
            let longer = [&payload[..], &[0]].concat();
            prop_assert!(unpack(&longer).is_err());
        }

        #[test]
        fn any_bytes_are_safe(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = unpack(&bytes);
        }
    }
}
