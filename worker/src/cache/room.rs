//! Which objects go from the cache so that others find room: a pure decision.

/// Something that lies in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The name of its folder.
    pub(super) name: String,
    /// Bytes that it takes.
    pub(super) bytes: u64,
    /// When it was last used: any clock that only grows.
    pub(super) used: u128,
    /// Whether somebody uses it.
    pub(super) pinned: bool,
}

/// Whether there is room.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// There is once these are gone, names in the order in which they go.
    After(Vec<String>),
    /// There will be, when others have ended.
    Later,
    /// There never will be.
    Never,
}

/// Finds room for `wanted` bytes beside the entries and `others` bytes that cannot go, of `limit` in all. What was not used
/// for the longest time goes first; of what was used at the same time, the first by name.
pub(super) fn find(entries: &[Entry], others: u64, wanted: u64, limit: u64) -> Room {
    if wanted > limit {
        return Room::Never;
    }
    let sum = |entries: &[Entry]| entries.iter().map(|entry| entry.bytes).sum::<u64>();
    let total = sum(entries).saturating_add(others).saturating_add(wanted);
    let mut over = total.saturating_sub(limit);
    let mut unused: Vec<&Entry> = entries.iter().filter(|entry| !entry.pinned).collect();
    unused.sort_by_key(|entry| (entry.used, &entry.name));
    let mut gone = Vec::new();
    for entry in unused {
        if over == 0 {
            break;
        }
        over = over.saturating_sub(entry.bytes);
        gone.push(entry.name.clone());
    }
    if over == 0 {
        Room::After(gone)
    } else {
        Room::Later
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Entry, Room, find};

    fn entry(name: &str, bytes: u64, used: u128, pinned: bool) -> Entry {
        Entry {
            name: name.to_owned(),
            bytes,
            used,
            pinned,
        }
    }

    #[test]
    fn the_longest_unused_goes_and_the_used_stays() {
        let entries = [
            entry("old", 4, 1, true),
            entry("b", 4, 2, false),
            entry("a", 4, 2, false),
            entry("new", 4, 9, false),
        ];
        let after = |names: &[&str]| Room::After(names.iter().map(|n| (*n).to_owned()).collect());
        assert_eq!(find(&entries, 0, 4, 20), after(&[]));
        assert_eq!(find(&entries, 0, 5, 20), after(&["a"]));
        assert_eq!(find(&entries, 0, 9, 20), after(&["a", "b"]));
        assert_eq!(find(&entries, 0, 16, 20), after(&["a", "b", "new"]));
        assert_eq!(find(&entries, 0, 17, 20), Room::Later);
        assert_eq!(find(&entries, 9, 8, 20), Room::Later);
        assert_eq!(find(&entries, 0, 21, 20), Room::Never);
    }

    proptest! {
        /// Nothing pinned goes, what goes makes room, and all of it is needed.
        #[test]
        fn as_much_goes_as_must(
            sizes in proptest::collection::vec((1u64..50, 0u128..9, any::<bool>()), 0..12),
            others in 0u64..60, wanted in 0u64..120, limit in 0u64..200,
        ) {
            let entries: Vec<Entry> = (0..).zip(&sizes)
                .map(|(at, (bytes, used, pinned))| entry(&format!("{at:02}"), *bytes, *used, *pinned))
                .collect();
            let all: u64 = sizes.iter().map(|(bytes, ..)| bytes).sum();
            let fixed: u64 = sizes.iter().filter(|(.., pinned)| *pinned).map(|(bytes, ..)| bytes).sum();
            match find(&entries, others, wanted, limit) {
                Room::Never => prop_assert!(wanted > limit),
                Room::Later => prop_assert!(fixed + others + wanted > limit),
                Room::After(names) => {
                    let gone: Vec<&Entry> = entries.iter().filter(|e| names.contains(&e.name)).collect();
                    prop_assert!(gone.iter().all(|entry| !entry.pinned));
                    let freed: u64 = gone.iter().map(|entry| entry.bytes).sum();
                    prop_assert!(all - freed + others + wanted <= limit);
                    if let Some(last) = names.last() {
                        let last = entries.iter().find(|e| e.name == *last).map_or(0, |e| e.bytes);
                        prop_assert!(all - (freed - last) + others + wanted > limit);
                    }
                }
            }
        }
    }
}
