//! Whose certificates of stores are trusted: those that the system trusts, and those of a CA that the centre names.

use std::error::Error;
use std::io;
use std::path::Path;

use object_store::client::{HttpError, HttpErrorKind};
use object_store::{Certificate, ClientOptions};
use rustls::CertificateError;

/// Options that trust the CAs of a PEM file, too.
///
/// # Errors
/// Why it cannot be used.
pub(super) fn trusting(options: ClientOptions, ca: &Path) -> Result<ClientOptions, String> {
    let wrong = |what: String| {
        format!(
            "{}, which AWS_CA_BUNDLE or store.s3.ca names: {what}",
            ca.display()
        )
    };
    let pem = std::fs::read(ca).map_err(|error| wrong(error.to_string()))?;
    let certificates = Certificate::from_pem_bundle(&pem);
    let certificates = certificates.map_err(|error| wrong(error.to_string()))?;
    if certificates.is_empty() {
        return Err(wrong("there is no certificate in it (PEM)".to_owned()));
    }
    let trusting = ClientOptions::with_root_certificate;
    Ok(certificates.into_iter().fold(options, trusting))
}

/// What is wrong with the certificate that was shown, if that is it.
pub(super) fn refused<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a CertificateError> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(rustls::Error::InvalidCertificate(found)) = error.downcast_ref() {
            return Some(found);
        }
        // An I/O error passes over the one that it is made of.
        let made_of = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        cause = match made_of {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// The same in words, with what to do.
pub(super) fn told(found: &CertificateError) -> String {
    let mend = match found {
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => {
            "let the store have a new one, or mend the clock of this machine"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is of another host: mend AWS_ENDPOINT_URL, or the certificate"
        }
        _ => {
            "name a PEM file with the CA that signed it in AWS_CA_BUNDLE, or as store.s3.ca in the worker's configuration"
        }
    };
    format!("{found}; {mend}")
}

/// An error of a request as it is tried again, or not: no certificate is better the next time.
pub(super) fn for_good(error: HttpError) -> HttpError {
    if refused(&error).is_some() {
        HttpError::new(HttpErrorKind::Unknown, error)
    } else {
        error
    }
}
