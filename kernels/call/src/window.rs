//! A stretch of reference bases.

/// Reference bases from `start` on; everything outside counts as `N`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Window {
    /// Position of the first base, 0-based.
    pub start: i64,
    /// Upper-case ASCII.
    pub bases: Vec<u8>,
}

impl Window {
    /// One past the last base.
    pub(crate) fn end(&self) -> i64 {
        self.start + self.bases.len() as i64
    }

    /// The base at a position.
    #[inline]
    pub(crate) fn at(&self, position: i64) -> u8 {
        usize::try_from(position - self.start)
            .ok()
            .and_then(|at| self.bases.get(at))
            .copied()
            .unwrap_or(b'N')
    }

    /// The bases of `start..end`, which must lie inside.
    pub(crate) fn slice(&self, start: i64, end: i64) -> &[u8] {
        &self.bases[(start - self.start) as usize..(end - self.start) as usize]
    }
}
