//! A read on both strands.

use kumi_formats::reads::Segment;
use kumi_seq::base;

/// A read as codes (0 to 3, 4 for N), on both strands.
#[derive(Debug, Default)]
pub(crate) struct Read {
    strands: [Vec<u8>; 2],
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
                .map(|&code| base::complement_code(code)),
        );
    }

    /// The codes on a strand.
    pub(crate) fn codes(&self, reverse: bool) -> &[u8] {
        &self.strands[usize::from(reverse)]
    }

    /// Number of bases.
    pub(crate) fn len(&self) -> usize {
        self.strands[0].len()
    }
}
