//! Versions of the state machine, and what each brought.
//!
//! Which one is in force is in the log, and every replica goes over to another at the same index
//! (`kumi cluster upgrade`). Whatever a build does to the same state differently from the builds before it has a
//! version here and asks, in `apply`, whether that one is in force.

use std::borrow::Cow;

use kumi_proto::v1::command::Kind;

/// What there was when versions began.
pub const FIRST: u32 = 1;
/// A request id belongs to the centre of who asks and to what is asked; a name in a programme and root is one centre's.
pub const REQUESTS_BY_CENTRE: u32 = 2;
/// Late tasks are tried a second time.
pub const SECOND_ATTEMPTS: u32 = 3;
/// What workers did last is kept, so that they go on with it.
pub const WARM_ROWS: u32 = 4;
/// Cohorts ask for labels of workers.
pub const LABELS: u32 = 5;
/// Workers come from the site's own engine, and say until when they may stay.
pub const POOLS: u32 = 6;
/// Inputs and roots in object stores.
pub const OBJECT_STORES: u32 = 7;
/// Workers say what tasks may use of their scratch.
pub const SCRATCH: u32 = 8;
/// Releases whose genotypes stay in the cohort store.
pub const STORED_GENOTYPES: u32 = 9;
/// Releases with a file of genotypes for each joint shard.
pub const RELEASE_CHUNKS: u32 = 10;
/// What censuses are the sums of is kept, so that others begin from them and purges find them.
pub const KEPT_SUMS: u32 = 11;
/// Samples, and what is kept of a cohort's batches, are published in folders of some, not all in one.
pub const FANNED_OUT: u32 = 12;
/// Notes for the audit log.
pub const NOTES: u32 = 2;
/// The newest that this build knows.
pub const NEWEST: u32 = FANNED_OUT;

/// The version that brought a kind of command: before it is in force, the command is refused.
pub(crate) fn brought(kind: &Kind) -> u32 {
    match kind {
        Kind::Open(_)
        | Kind::Grant(_)
        | Kind::Settle(_)
        | Kind::Expire(_)
        | Kind::Cancel(_)
        | Kind::Retry(_)
        | Kind::SetTarget(_)
        | Kind::Register(_)
        | Kind::Drain(_)
        | Kind::NewTerm(_)
        | Kind::Withdraw(_)
        | Kind::Build(_)
        | Kind::Purge(_)
        | Kind::SetPolicy(_) => FIRST,
        Kind::Speculate(_) => SECOND_ATTEMPTS,
        Kind::Note(_) => NOTES,
        Kind::Pool(_) => POOLS,
    }
}

/// A command as a version of the state machine reads it: what newer ones added to its messages is not there. Builds
/// that do not know these fields read it so, too.
pub(crate) fn as_read_by(version: u32, mut kind: Cow<'_, Kind>) -> Cow<'_, Kind> {
    if version < LABELS && asks_or_has_labels(&kind) {
        match kind.to_mut() {
            Kind::Open(open) => {
                let header = open.header.iter_mut();
                header.for_each(|header| header.require.clear());
            }
            Kind::Register(register) => {
                let hello = register.hello.iter_mut();
                hello.for_each(|hello| hello.labels.clear());
            }
            _ => {}
        }
    }
    if version < POOLS
        && is_of_pool(&kind)
        && let Kind::Register(register) = kind.to_mut()
        && let Some(hello) = &mut register.hello
    {
        (hello.pool, hello.job) = (String::new(), String::new());
        (hello.pool_request, hello.ends_ms) = (0, 0);
    }
    if version < SCRATCH
        && says_scratch(&kind)
        && let Kind::Register(register) = kind.to_mut()
        && let Some(hello) = &mut register.hello
    {
        hello.scratch_bytes = 0;
    }
    if version < STORED_GENOTYPES
        && stores_genotypes(&kind)
        && let Kind::Open(open) = kind.to_mut()
    {
        let params = open.header.iter_mut().flat_map(|header| &mut header.params);
        params.for_each(|params| params.genotypes = 0);
    }
    kind
}

fn says_scratch(kind: &Kind) -> bool {
    let Kind::Register(register) = kind else {
        return false;
    };
    let hello = register.hello.as_ref();
    hello.is_some_and(|hello| hello.scratch_bytes > 0)
}

fn stores_genotypes(kind: &Kind) -> bool {
    let Kind::Open(open) = kind else {
        return false;
    };
    let params = open
        .header
        .as_ref()
        .and_then(|header| header.params.as_ref());
    params.is_some_and(|params| params.genotypes != 0)
}

fn is_of_pool(kind: &Kind) -> bool {
    let Kind::Register(register) = kind else {
        return false;
    };
    let hello = register.hello.as_ref();
    hello.is_some_and(|hello| !hello.pool.is_empty() || !hello.job.is_empty() || hello.ends_ms > 0)
}

fn asks_or_has_labels(kind: &Kind) -> bool {
    match kind {
        Kind::Open(open) => {
            let header = open.header.as_ref();
            header.is_some_and(|header| !header.require.is_empty())
        }
        Kind::Register(register) => {
            let hello = register.hello.as_ref();
            hello.is_some_and(|hello| !hello.labels.is_empty())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use kumi_proto::v1::command::Kind;
    use kumi_proto::v1::{CohortHeader, CohortParams, Command, Genotypes, Open};

    use super::{FIRST, NOTES, STORED_GENOTYPES, as_read_by};
    use crate::outcome::{Outcome, Rejection};
    use crate::state::State;

    #[test]
    fn what_is_not_in_force_is_refused() {
        let command = Command {
            at_ms: 5,
            kind: Some(Kind::Note(kumi_proto::v1::Note::default())),
            ..Command::default()
        };
        let mut state = State::default();
        let refused = Rejection::NotInForce {
            needs: NOTES,
            version: FIRST,
        };
        assert_eq!(state.apply(1, FIRST, &command), Outcome::Refused(refused));
        assert_eq!(state.apply(2, NOTES, &command), Outcome::Noted);
    }

    /// As builds read it that know nothing of it; they and this one come to the same state.
    #[test]
    fn before_its_version_is_in_force_no_cohort_asks_where_genotypes_are() {
        let open = |genotypes: Genotypes| {
            let params = CohortParams {
                genotypes: genotypes.into(),
                batch_samples: 2,
                ..CohortParams::default()
            };
            let header = CohortHeader {
                params: Some(params),
                ..CohortHeader::default()
            };
            Kind::Open(Open {
                header: Some(header),
                samples: Vec::new(),
            })
        };
        let asked = open(Genotypes::Store);
        let read = as_read_by(STORED_GENOTYPES - 1, Cow::Borrowed(&asked));
        assert_eq!(*read, open(Genotypes::Unspecified));
        assert_eq!(*as_read_by(STORED_GENOTYPES, Cow::Borrowed(&asked)), asked);
    }
}
