//! Who may speak on the wire: certificates, the identities in them, and TLS connections in and out.
//!
//! [`Credentials`] are a certificate, its key and the CA that all of a cluster trust, read from PEM files and
//! read again when those change. [`Incoming`] accepts connections from those who have a certificate of the same
//! cluster, [`Credentials::dial`] opens them to schedulers of it. Both ends show a certificate (TLS 1.3, nothing
//! older). [`issue`] makes certificates for a test cluster.
//!
//! This crate never decides what an identity may do.

mod certificate;
mod connection;
mod credentials;
mod dial;
mod files;
mod identity;
mod incoming;
pub mod issue;
pub mod limits;
mod settings;
mod verify;

pub use certificate::{Certificate, CertificateError, read};
pub use connection::{Connection, Peer};
pub use credentials::Credentials;
pub use files::{Files, LoadError};
pub use identity::{Identity, IdentityError, Role};
pub use incoming::{Bounds, Counts, Incoming};
