//! The three files of somebody who speaks TLS.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};

use crate::certificate::CertificateError;
use crate::limits;

/// Where a certificate, its key and the CA lie, all PEM.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// The certificate; those that lead from it to the CA may follow.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The certificates of the CAs whose certificates are trusted.
    pub ca: PathBuf,
}

/// When each file was last written, and its length; what tells that one was changed.
pub(crate) type Stamp = [Option<(SystemTime, u64)>; 3];

/// What is in the files.
pub(crate) struct Contents {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
    pub(crate) authorities: Vec<CertificateDer<'static>>,
}

impl Files {
    pub(crate) fn stamp(&self) -> Stamp {
        [&self.certificate, &self.key, &self.ca].map(|path| {
            let metadata = std::fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        })
    }

    pub(crate) fn read(&self) -> Result<Contents, LoadError> {
        let key = bytes_of(&self.key)?;
        Ok(Contents {
            chain: certificates(&self.certificate)?,
            key: PrivateKeyDer::from_pem_slice(&key)
                .map_err(|error| LoadError::pem(&self.key, error))?,
            authorities: certificates(&self.ca)?,
        })
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, LoadError> {
    let bytes = bytes_of(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let found = found.map_err(|error| LoadError::pem(path, error))?;
    if found.is_empty() {
        return Err(LoadError::pem(path, pem::Error::NoItemsFound));
    }
    Ok(found)
}

/// The bytes of a file, when it is as small as such files are.
pub(crate) fn bytes_of(path: &Path) -> Result<Vec<u8>, LoadError> {
    let failed = |source| LoadError::Read {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    let most = limits::PEM_BYTES_MAX;
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > most {
        return Err(failed(io::ErrorKind::FileTooLarge.into()));
    }
    Ok(bytes)
}

/// Why credentials cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not PEM or has not in it what it should have.
    #[error("{}: {reason}", path.display())]
    Pem {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The certificate names nobody.
    #[error("{}", path.display())]
    Certificate {
        /// Its file.
        path: PathBuf,
        /// Why.
        source: CertificateError,
    },
    /// Certificate, key and CA do not fit each other, or the certificate does not hold now.
    #[error("{} cannot be used: {reason}", path.display())]
    Unusable {
        /// The certificate's file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl LoadError {
    pub(crate) fn pem(path: &Path, error: pem::Error) -> Self {
        let reason = match error {
            pem::Error::NoItemsFound => "there is no PEM block of the right kind in it".to_owned(),
            error => error.to_string(),
        };
        Self::Pem {
            path: path.to_owned(),
            reason,
        }
    }
}
