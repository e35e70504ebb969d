//! For how long this leader has seen attempts run.
//!
//! By its own steady clock: the log's clock may be another leader's, and wrong by minutes.

use std::collections::BTreeMap;

/// When running attempts were first seen. Soft: a new leader sees them anew.
#[derive(Debug, Default)]
pub(crate) struct Ages {
    /// Steady milliseconds.
    since_ms: BTreeMap<u64, u64>,
    now_ms: u64,
}

impl Ages {
    /// These attempts run now.
    pub(crate) fn see(&mut self, steady_ms: u64, running: impl IntoIterator<Item = u64>) {
        let since_ms = |attempt| self.since_ms.get(&attempt).copied().unwrap_or(steady_ms);
        let running = running.into_iter();
        self.since_ms = running
            .map(|attempt| (attempt, since_ms(attempt)))
            .collect();
        self.now_ms = steady_ms;
    }

    /// Milliseconds from when an attempt was first seen until it was last looked at; 0: not seen then.
    #[must_use]
    pub(crate) fn of(&self, attempt: u64) -> u64 {
        let since_ms = self.since_ms.get(&attempt);
        since_ms.map_or(0, |since_ms| self.now_ms.saturating_sub(*since_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::Ages;

    #[test]
    fn an_attempt_ages_from_when_it_was_first_seen_while_it_is_seen() {
        let mut ages = Ages::default();
        assert_eq!(ages.of(7), 0);
        ages.see(50_000, [7]);
        assert_eq!(ages.of(7), 0, "however long it ran under another leader");
        ages.see(51_000, [7, 8]);
        assert_eq!([7, 8, 9].map(|attempt| ages.of(attempt)), [1_000, 0, 0]);
        ages.see(52_500, [8]);
        assert_eq!([7, 8].map(|attempt| ages.of(attempt)), [0, 1_500]);
    }
}
