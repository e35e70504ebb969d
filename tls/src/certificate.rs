//! What a certificate says: who it is of, and until when it holds.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

use crate::files::{LoadError, bytes_of};
use crate::identity::{Identity, IdentityError};

/// What a certificate says. Whether that is true, only its verification tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Who it is of; a CA has none.
    pub identity: Result<Identity, CertificateError>,
    /// Since when it holds, Unix seconds.
    pub not_before: i64,
    /// Until when it holds, Unix seconds.
    pub not_after: i64,
    /// Hosts at which its holder may be dialled, as names and addresses.
    pub hosts: Vec<String>,
    /// Whether it may sign other certificates.
    pub authority: bool,
}

impl Certificate {
    /// When it ends.
    #[must_use]
    pub fn end(&self) -> SystemTime {
        let seconds = u64::try_from(self.not_after).unwrap_or_default();
        UNIX_EPOCH + Duration::from_secs(seconds)
    }
}

/// Why a certificate names nobody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// It is damaged.
    #[error("it cannot be decoded")]
    Damaged,
    /// It has no URI among its names, or several.
    #[error("it has {0} URIs among its names, not the one of an identity")]
    Uris(usize),
    /// Its URI is no identity.
    #[error("its URI names nobody: {0}")]
    Identity(String),
}

impl From<IdentityError> for CertificateError {
    fn from(error: IdentityError) -> Self {
        Self::Identity(error.to_string())
    }
}

/// Reads the first certificate of a PEM file, without verifying it.
///
/// # Errors
/// When the file cannot be read or has no certificate in it.
pub fn read(path: &Path) -> Result<Certificate, LoadError> {
    let bytes = bytes_of(path)?;
    let der =
        CertificateDer::from_pem_slice(&bytes).map_err(|error| LoadError::pem(path, error))?;
    parse(&der).map_err(|source| LoadError::Certificate {
        path: path.to_owned(),
        source,
    })
}

/// What a certificate says.
pub(crate) fn parse(der: &CertificateDer<'_>) -> Result<Certificate, CertificateError> {
    let damaged = |_| CertificateError::Damaged;
    let (rest, certificate) = parse_x509_certificate(der).map_err(damaged)?;
    if !rest.is_empty() {
        return Err(CertificateError::Damaged);
    }
    let names = certificate.subject_alternative_name();
    let names = names.map_err(|_| CertificateError::Damaged)?;
    let names = names.map_or(&[][..], |names| &names.value.general_names);
    let uris = names.iter().filter_map(|name| match name {
        GeneralName::URI(uri) => Some(*uri),
        _ => None,
    });
    let uris: Vec<_> = uris.collect();
    let identity = match uris[..] {
        [uri] => uri.parse::<Identity>().map_err(CertificateError::from),
        _ => Err(CertificateError::Uris(uris.len())),
    };
    let validity = certificate.validity();
    Ok(Certificate {
        identity,
        not_before: validity.not_before.timestamp(),
        not_after: validity.not_after.timestamp(),
        hosts: names.iter().filter_map(host).collect(),
        authority: certificate.is_ca(),
    })
}

fn host(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let four = <[u8; 4]>::try_from(*bytes).map(std::net::IpAddr::from);
            let sixteen = || <[u8; 16]>::try_from(*bytes).map(std::net::IpAddr::from);
            four.or_else(|_| sixteen()).ok().map(|ip| ip.to_string())
        }
        _ => None,
    }
}
