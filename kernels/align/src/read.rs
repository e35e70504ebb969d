//! A read on both strands.

use kumi_formats::reads::Segment;
use kumi_seq::base;

/// Longest read that is packed.
pub(crate) const PACKED_MAX: usize = 320;
/// Words of a packed read, with a spare one.
pub(crate) const WORDS: usize = PACKED_MAX / 32 + 1;

/// A read as codes (0 to 3, 4 for N), on both strands.
#[derive(Debug, Default)]
pub(crate) struct Read {
    strands: [Vec<u8>; 2],
    packed: [[u64; WORDS]; 2],
    is_packed: bool,
}

impl Read {
    /// Takes a segment; buffers are used again.
    pub(crate) fn set(&mut self, segment: &Segment) {
        let [forward, backward] = &mut self.strands;
        forward.clear();
        forward.extend(segment.bases.iter().map(|&ascii| base::code(ascii)));
        backward.clear();
        backward.extend(
            forward
                .iter()
                .rev()
                .map(|&code| if code < 4 { 3 - code } else { base::N }),
        );
        self.is_packed = forward.len() <= PACKED_MAX && forward.iter().all(|&code| code < base::N);
        if self.is_packed {
            for (packed, codes) in self.packed.iter_mut().zip(&self.strands) {
                pack(codes, packed);
            }
        }
    }

    /// The codes on a strand.
    pub(crate) fn codes(&self, reverse: bool) -> &[u8] {
        &self.strands[usize::from(reverse)]
    }

    /// The bases on a strand, 32 a word, the first in the lowest bits; `None` for a read that is long or has
    /// an N.
    pub(crate) fn packed(&self, reverse: bool) -> Option<&[u64; WORDS]> {
        self.is_packed.then(|| &self.packed[usize::from(reverse)])
    }

    /// Number of bases.
    pub(crate) fn len(&self) -> usize {
        self.strands[0].len()
    }
}

fn pack(codes: &[u8], into: &mut [u64; WORDS]) {
    *into = [0; WORDS];
    let (eights, rest) = codes.as_chunks::<8>();
    for (at, eight) in eights.iter().enumerate() {
        // Eight bytes of two bits each, brought together in three steps.
        let mut bits = u64::from_le_bytes(*eight);
        bits = (bits | bits >> 6) & 0x000f_000f_000f_000f;
        bits = (bits | bits >> 12) & 0x0000_00ff_0000_00ff;
        bits = (bits | bits >> 24) & 0xffff;
        into[at / 4] |= bits << (16 * (at % 4));
    }
    for (at, &code) in (8 * eights.len()..).zip(rest) {
        into[at / 32] |= u64::from(code) << (2 * (at % 32));
    }
}

#[cfg(test)]
mod tests {
    use kumi_formats::reads::Segment;

    use super::Read;

    #[test]
    fn packed_bases_are_the_codes() {
        let mut read = Read::default();
        for length in [0, 1, 7, 8, 33, 150, 319, 320] {
            let bases: Vec<u8> = (0..length).map(|at| b"ACGT"[at * at % 7 % 4]).collect();
            read.set(&Segment {
                bases,
                ..Default::default()
            });
            for reverse in [false, true] {
                let packed = read.packed(reverse).expect("packed");
                let found = (0..length).map(|at| (packed[at / 32] >> (2 * (at % 32))) as u8 & 3);
                assert!(found.eq(read.codes(reverse).iter().copied()));
            }
        }
        read.set(&Segment {
            bases: b"ACGNT".to_vec(),
            ..Default::default()
        });
        assert!(read.packed(false).is_none());
        read.set(&Segment {
            bases: vec![b'A'; 321],
            ..Default::default()
        });
        assert!(read.packed(true).is_none());
    }
}
