//! What a worker is told when it starts.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::objects::Settings;
use kumi_tls::{Credentials, Files, LoadError, Role};

/// The settings of a worker.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its name: the host's unless two run on one. A metrics label and what `kumi worker list` shows.
    pub name: String,
    /// The schedulers, `host:port`; any of them, the leader is found.
    pub endpoints: Vec<String>,
    /// Cores it offers.
    pub cores: u32,
    /// Memory it offers, in bytes.
    pub memory_bytes: u64,
    /// Labels of its own besides those of its machine, for cohorts that ask for them.
    pub labels: Vec<String>,
    /// A directory on a fast local disk, where it makes one of its own for what tasks spill.
    pub scratch: PathBuf,
    /// What does not lie on this machine.
    pub storage: Storage,
    /// Where to serve `/metrics`; port 0 for any.
    pub metrics: Option<SocketAddr>,
    /// How often to report when the scheduler does not say.
    pub report_interval: Duration,
    /// The certificate that it shows and the CA that it trusts; none: no TLS.
    pub tls: Option<Files>,
    /// What the site's engine says of it, when a scheduler had it started there.
    pub pool: Option<Membership>,
}

/// A worker's place in a pool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    /// The pool.
    pub pool: String,
    /// The request that it came of.
    pub request: u64,
    /// As what the site has it.
    pub job: String,
    /// When the site ends it; none: never.
    pub ends: Option<SystemTime>,
    /// How long it goes on with what it runs when it is told to end.
    pub grace: Duration,
}

impl Membership {
    /// When the site ends it, Unix milliseconds; 0: never.
    pub(super) fn ends_ms(&self) -> u64 {
        let ends = self
            .ends
            .and_then(|ends| ends.duration_since(SystemTime::UNIX_EPOCH).ok());
        ends.map_or(0, |ends| {
            u64::try_from(ends.as_millis()).unwrap_or(u64::MAX)
        })
    }

    /// For how long it is still there, milliseconds.
    pub(super) fn left_ms(&self) -> Option<u64> {
        let left = self
            .ends?
            .duration_since(SystemTime::now())
            .unwrap_or_default();
        Some(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn grace_ms(&self) -> u64 {
        u64::try_from(self.grace.as_millis()).unwrap_or(u64::MAX)
    }
}

/// How files are had that do not lie on the worker's machine.
#[derive(Clone, Debug, Default)]
pub struct Storage {
    /// Bytes that may lie on the scratch of what was fetched and what was spilled; eight tenths of what is free there when
    /// not given.
    pub scratch_limit_bytes: Option<u64>,
    /// How object stores are reached.
    pub objects: Settings,
}

/// Why a worker cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting makes no sense.
    #[error("{0}")]
    Config(&'static str),
    /// The scratch directory cannot be used.
    #[error("the scratch directory {path} cannot be used; choose another one")]
    Scratch {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The certificate cannot be used.
    #[error("tls")]
    Tls(#[from] LoadError),
    /// The certificate is somebody else's.
    #[error("tls.certificate: it is of {found}, not of a worker that goes by the name of {name}")]
    Identity {
        /// Whose it is.
        found: String,
        /// The worker's name.
        name: String,
    },
    /// The metrics cannot be served there.
    #[error("cannot serve metrics on {address}")]
    Metrics {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The metrics contradict each other.
    #[error("the metrics cannot be registered")]
    Registry(#[from] prometheus::Error),
}

impl Config {
    pub(super) fn check(&self) -> Result<(), StartError> {
        let wrong = if self.name.is_empty() {
            "a worker needs a name"
        } else if self.endpoints.is_empty() {
            "a worker needs the address of at least one scheduler"
        } else if self.cores == 0 {
            "a worker must offer at least one core"
        } else if self.memory_bytes == 0 {
            "a worker must offer some memory"
        } else {
            return Ok(());
        };
        Err(StartError::Config(wrong))
    }

    /// The certificate of this very worker, when one is configured.
    pub(super) fn credentials(&self) -> Result<Option<Credentials>, StartError> {
        let Some(files) = &self.tls else {
            return Ok(None);
        };
        let credentials = Credentials::load(files.clone())?;
        let identity = credentials.identity();
        if identity.role() == Role::Worker && identity.goes_by(&self.name) {
            return Ok(Some(credentials));
        }
        Err(StartError::Identity {
            found: identity.to_string(),
            name: self.name.clone(),
        })
    }
}

/// What tells this process from every other worker of the same name: 32 hexadecimal digits, random.
pub(super) fn incarnation() -> String {
    let random = || RandomState::new().build_hasher().finish();
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    format!("{:016x}{:016x}", random(), hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::incarnation;

    #[test]
    fn incarnations_differ() {
        assert_ne!(incarnation(), incarnation());
        assert_eq!(incarnation().len(), 32);
    }
}
