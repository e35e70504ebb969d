//! Who somebody is: `kumi://<cluster>/<role>/<centre or ->/<name>`, the one URI among a certificate's names.

use std::fmt;
use std::str::FromStr;

use crate::limits;

const SCHEME: &str = "kumi://";
/// Stands for no centre.
const NOBODY: &str = "-";

/// What somebody is in a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Runs the cluster: may do all that people may do.
    Operator,
    /// Submits and follows the cohorts of one centre.
    Submitter,
    /// Computes.
    Worker,
    /// A node of the replicated scheduler; its name is its number.
    Scheduler,
    /// Sees everything, changes nothing.
    Auditor,
    /// Sees how the work goes, changes nothing.
    ReadOnly,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Operator,
        Self::Submitter,
        Self::Worker,
        Self::Scheduler,
        Self::Auditor,
        Self::ReadOnly,
    ];

    /// Its name in certificates and on the command line.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Submitter => "submitter",
            Self::Worker => "worker",
            Self::Scheduler => "scheduler",
            Self::Auditor => "auditor",
            Self::ReadOnly => "read-only",
        }
    }

    /// Whether others dial it, so that its certificate must name hosts.
    #[must_use]
    pub fn listens(self) -> bool {
        matches!(self, Self::Scheduler | Self::Worker)
    }
}

impl FromStr for Role {
    type Err = IdentityError;

    fn from_str(label: &str) -> Result<Self, IdentityError> {
        let found = Self::ALL.into_iter().find(|role| role.label() == label);
        found.ok_or_else(|| IdentityError::Role(label.to_owned()))
    }
}

/// Who somebody is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    cluster: String,
    role: Role,
    centre: Option<String>,
    name: String,
}

impl Identity {
    /// An identity of these parts.
    ///
    /// # Errors
    /// When a part cannot stand in a URI as it is, a submitter has no centre, or a scheduler's name is no number.
    pub fn new(
        cluster: &str,
        role: Role,
        centre: Option<&str>,
        name: &str,
    ) -> Result<Self, IdentityError> {
        check("cluster", cluster)?;
        check("name", name)?;
        if let Some(centre) = centre {
            check("centre", centre)?;
        }
        if role == Role::Submitter && centre.is_none() {
            return Err(IdentityError::NoCentre);
        }
        // Written as numbers are: node 1 has one name, not `1`, `01` and `+1`.
        let number = name.parse().ok().filter(|&id: &u64| id > 0);
        if role == Role::Scheduler && number.is_none_or(|id| id.to_string() != name) {
            return Err(IdentityError::NoNumber(name.to_owned()));
        }
        Ok(Self {
            cluster: cluster.to_owned(),
            role,
            centre: centre.map(str::to_owned),
            name: name.to_owned(),
        })
    }

    /// The cluster it belongs to.
    #[must_use]
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// What it is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// The centre it belongs to; submitters have one.
    #[must_use]
    pub fn centre(&self) -> Option<&str> {
        self.centre.as_deref()
    }

    /// Its name among those of its role and centre; of a scheduler the number of the node.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of the node that a scheduler is.
    #[must_use]
    pub fn node(&self) -> Option<u64> {
        let number = (self.role == Role::Scheduler).then(|| self.name.parse().ok());
        number.flatten()
    }

    /// Whether it may go by a name: its own, or that and a dash and more, where several share a certificate.
    #[must_use]
    pub fn goes_by(&self, name: &str) -> bool {
        let rest = name.strip_prefix(&self.name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }

    /// `role/centre/name`: who it is within its cluster.
    #[must_use]
    pub fn actor(&self) -> String {
        let centre = self.centre().unwrap_or(NOBODY);
        format!("{}/{centre}/{}", self.role.label(), self.name)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.cluster, self.actor())
    }
}

impl FromStr for Identity {
    type Err = IdentityError;

    fn from_str(uri: &str) -> Result<Self, IdentityError> {
        let malformed = || IdentityError::Malformed(uri.to_owned());
        let parts = uri.strip_prefix(SCHEME).ok_or_else(malformed)?;
        let mut parts = parts.split('/');
        let mut next = || parts.next().ok_or_else(malformed);
        let (cluster, role, centre, name) = (next()?, next()?, next()?, next()?);
        if parts.next().is_some() {
            return Err(malformed());
        }
        let centre = Some(centre).filter(|centre| *centre != NOBODY);
        Self::new(cluster, role.parse()?, centre, name)
    }
}

fn check(what: &'static str, part: &str) -> Result<(), IdentityError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let fits = (1..=limits::PART_BYTES_MAX).contains(&part.len());
    if fits && part != NOBODY && part.bytes().all(plain) {
        return Ok(());
    }
    Err(IdentityError::Part {
        what,
        part: part.to_owned(),
    })
}

/// Why something is no identity.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// It has not the form of one.
    #[error("{0:?} is not kumi://CLUSTER/ROLE/CENTRE/NAME")]
    Malformed(String),
    /// A part is empty, too long, or has characters that an identity has not.
    #[error(
        "{what} {part:?} is not 1 to {} letters, digits, `.`, `_` and `-`",
        limits::PART_BYTES_MAX
    )]
    Part {
        /// Which.
        what: &'static str,
        /// As given.
        part: String,
    },
    /// There is no such role.
    #[error(
        "{0:?} is none of the roles operator, submitter, worker, scheduler, auditor, read-only"
    )]
    Role(String),
    /// A submitter of no centre could submit nothing.
    #[error("a submitter needs a centre")]
    NoCentre,
    /// A scheduler is named by its number.
    #[error("the name of a scheduler is the number of its node, from 1; {0:?} is none")]
    NoNumber(String),
}

#[cfg(test)]
mod tests {
    use super::{Identity, IdentityError, Role};

    #[test]
    fn an_identity_is_read_as_it_was_written() {
        for (role, centre, name) in [
            (Role::Operator, None, "yuki"),
            (Role::Submitter, Some("tokyo"), "lims-1"),
            (Role::Worker, None, "node17.example.org"),
            (Role::Scheduler, None, "3"),
            (Role::Auditor, Some("osaka"), "a_b"),
            (Role::ReadOnly, None, "prometheus"),
        ] {
            let identity = Identity::new("national", role, centre, name).unwrap();
            let again: Identity = identity.to_string().parse().unwrap();
            assert_eq!(again, identity);
            assert_eq!((again.role(), again.centre()), (role, centre));
        }
        let scheduler: Identity = "kumi://c/scheduler/-/12".parse().unwrap();
        assert_eq!(scheduler.node(), Some(12));
        assert_eq!(scheduler.actor(), "scheduler/-/12");
    }

    #[test]
    fn what_is_almost_an_identity_is_none() {
        for uri in [
            "https://c/operator/-/a",
            "kumi://c/operator/-",
            "kumi://c/operator/-/a/b",
            "kumi://c/operator/-/",
            "kumi:///operator/-/a",
            "kumi://c/operator//a",
            "kumi://c/Operator/-/a",
            "kumi://c/root/-/a",
            "kumi://c/operator/-/-",
            "kumi://c/operator/-/a%2fb",
            "kumi://c/operator/-/a b",
            "kumi://c/scheduler/-/01",
            "kumi://c/scheduler/-/0",
            "kumi://c/scheduler/-/+1",
            "kumi://c/scheduler/-/one",
            "kumi://c/scheduler/-/18446744073709551616",
        ] {
            assert!(uri.parse::<Identity>().is_err(), "{uri}");
        }
        let nobody = "kumi://c/submitter/-/a".parse::<Identity>();
        assert_eq!(nobody, Err(IdentityError::NoCentre));
    }
}
