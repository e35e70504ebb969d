//! Newtypes for the numbers and names that identify things, so that one is never passed as another.

use std::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// A cohort, numbered in the order of submission, from 1.
    CohortId
);
number!(
    /// One try at a task. Attempt numbers only grow over the life of a cluster and fence each other.
    Attempt
);
number!(
    /// A worker's registration, numbered from 1; a restarted worker gets a new one.
    WorkerId
);

/// Bytes of a label.
pub const LABEL_BYTES_MAX: usize = 128;

/// Whether a text can be a label that workers have and cohorts ask for, as `avx512` or `arch=x86_64`: 1 to
/// [`LABEL_BYTES_MAX`] letters, digits, `.`, `_`, `-` and `=`.
#[must_use]
pub fn is_label(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '=');
    (1..=LABEL_BYTES_MAX).contains(&text.len()) && text.chars().all(plain)
}
