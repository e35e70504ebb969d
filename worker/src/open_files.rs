//! How many files the process may hold open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit of open files to the hard one, and tells what holds then; `None` without a limit.
///
/// A task that merges holds a file of each chunk open, one that marks two, and as many of them run as there are cores:
/// more than the 1,024 files that a process may usually open unless it asks for more.
pub(crate) fn raise() -> Option<u64> {
    let found = getrlimit(Resource::Nofile);
    let wanted = Rlimit {
        current: found.maximum,
        ..found
    };
    match setrlimit(Resource::Nofile, wanted) {
        Ok(()) => wanted.current,
        Err(error) => {
            tracing::warn!(%error, open_files = found.current, "the limit of open files stays as it is");
            found.current
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    #[test]
    fn as_many_files_as_the_system_allows() {
        let found = getrlimit(Resource::Nofile);
        let lower = Rlimit {
            // One less than may be: other tests go on meanwhile.
            current: found.maximum.map(|most| most - 1).or(Some(1 << 16)),
            ..found
        };
        setrlimit(Resource::Nofile, lower).expect("a lower limit is always allowed");
        assert_eq!(super::raise(), found.maximum);
        assert_eq!(getrlimit(Resource::Nofile).current, found.maximum);
    }
}
