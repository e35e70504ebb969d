//! Whether the calls on one register can have happened one after another, each between its question and its answer
//! (Wing and Gong, "Testing and verifying concurrent objects", 1993, with the states that were tried remembered).

use std::collections::BTreeSet;

use crate::history::{Call, CallKind};

/// Most calls that are looked at.
pub const CALLS_MAX: usize = 64;

/// Whether some order of the calls explains every answer. The register begins at 0.
///
/// # Panics
/// When there are more than [`CALLS_MAX`] calls.
#[must_use]
pub fn is_linearizable(calls: &[Call]) -> bool {
    assert!(calls.len() <= CALLS_MAX, "too many calls to look at");
    let mut tried = BTreeSet::new();
    let mut open = vec![(0u64, 0u64)];
    let answered = calls
        .iter()
        .enumerate()
        .filter(|(_, call)| call.to_ms.is_some());
    let must: u64 = answered.map(|(at, _)| 1 << at).sum();
    while let Some((done, value)) = open.pop() {
        if done & must == must {
            return true;
        }
        if !tried.insert((done, value)) {
            continue;
        }
        open.extend(next(calls, done, value));
    }
    false
}

/// What may happen next: a call that began before every open one was answered.
fn next(calls: &[Call], done: u64, value: u64) -> impl Iterator<Item = (u64, u64)> + '_ {
    let is_open = move |at: usize| done & (1 << at) == 0;
    let open = (0..calls.len()).filter(move |&at| is_open(at));
    let first_answer = open.clone().filter_map(|at| calls[at].to_ms).min();
    open.filter_map(move |at| {
        let call = &calls[at];
        if first_answer.is_some_and(|first| call.from_ms > first) {
            return None;
        }
        match call.kind {
            CallKind::Write(written) => Some((done | 1 << at, written)),
            CallKind::Read(read) => (read == value).then_some((done | 1 << at, value)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::is_linearizable;
    use crate::history::{Call, CallKind};

    fn call(kind: CallKind, from_ms: u64, to_ms: u64) -> Call {
        Call {
            kind,
            from_ms,
            to_ms: (to_ms > 0).then_some(to_ms),
        }
    }

    #[test]
    fn answers_must_fit_some_order() {
        use CallKind::{Read, Write};
        assert!(is_linearizable(&[]));
        let in_turn = [call(Write(1), 1, 2), call(Read(1), 3, 4)];
        assert!(is_linearizable(&in_turn));
        let stale = [call(Write(1), 1, 2), call(Read(0), 3, 4)];
        assert!(!is_linearizable(&stale));
        let beside = [call(Write(1), 1, 9), call(Read(0), 3, 4)];
        assert!(is_linearizable(&beside));
        let back = [
            call(Write(1), 1, 2),
            call(Write(2), 3, 9),
            call(Read(2), 4, 5),
            call(Read(1), 6, 7),
        ];
        assert!(!is_linearizable(&back));
        let unanswered = [
            call(Write(1), 1, 0),
            call(Read(0), 3, 4),
            call(Read(1), 5, 6),
        ];
        assert!(is_linearizable(&unanswered));
    }
}
