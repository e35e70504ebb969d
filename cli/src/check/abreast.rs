//! Rows of a sheet, many at a time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Rows whose files lie in an object store and that are looked at at a time: one after another, almost all of the time
/// would be spent on waiting for answers.
const AT_A_TIME: usize = 64;

/// What is made of each, in their order whoever was done first.
pub(super) fn each<T: Sync, R: Send>(
    items: &[T],
    many: bool,
    make: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    if !many {
        return items.iter().map(make).collect();
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut made = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else {
                return made;
            };
            made.push((at, make(item)));
        }
    };
    let mut made: Vec<(usize, R)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_A_TIME.min(items.len()))
            .map(|_| scope.spawn(work))
            .collect();
        let made = threads.into_iter().map(|thread| {
            let made = thread.join();
            made.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        made.flatten().collect()
    });
    made.sort_by_key(|(at, _)| *at);
    made.into_iter().map(|(_, made)| made).collect()
}

#[cfg(test)]
mod tests {
    use super::each;

    #[test]
    fn the_order_is_that_of_the_rows() {
        let rows: Vec<u32> = (0..1_000).collect();
        let doubled = |row: &u32| {
            if row.is_multiple_of(7) {
                std::thread::yield_now();
            }
            row * 2
        };
        assert_eq!(each(&rows, true, doubled), each(&rows, false, doubled));
        assert!(each(&[], true, doubled).is_empty());
    }
}
