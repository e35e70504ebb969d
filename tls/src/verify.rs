//! Verification of the other side: a chain to the CA, as webpki has it, and an identity of the same cluster.

use std::io;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
};

use crate::certificate;
use crate::identity::{Identity, Role};

/// Why an identity is refused.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("the certificate names nobody: {0}")]
    Nobody(#[from] certificate::CertificateError),
    #[error("the certificate is of cluster {theirs:?}, this is cluster {ours:?}")]
    Cluster { theirs: String, ours: String },
    #[error("the certificate is of a {}, not of a scheduler", .0.label())]
    NoScheduler(Role),
}

/// Who a certificate is of, if of this cluster.
fn identity(der: &CertificateDer<'_>, cluster: &str) -> Result<Identity, Refusal> {
    let identity = certificate::parse(der)?.identity?;
    if identity.cluster() == cluster {
        return Ok(identity);
    }
    Err(Refusal::Cluster {
        theirs: identity.cluster().to_owned(),
        ours: cluster.to_owned(),
    })
}

/// What TLS says, or an I/O error that is not of TLS.
pub(crate) fn said(error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    match inner {
        Some(Error::InvalidCertificate(CertificateError::Other(refusal))) => refusal.0.to_string(),
        Some(error) => error.to_string(),
        None => error.to_string(),
    }
}

fn refused(refusal: Refusal) -> Error {
    let other = OtherError(Arc::new(refusal));
    Error::InvalidCertificate(CertificateError::Other(other))
}

/// What both traits ask about signatures is left to webpki.
macro_rules! signatures_as_inner {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            self.inner
                .verify_tls12_signature(message, certificate, signature)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            self.inner
                .verify_tls13_signature(message, certificate, signature)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.inner.supported_verify_schemes()
        }
    };
}

/// Lets in who has a certificate of the cluster.
#[derive(Debug)]
pub(crate) struct Clients {
    pub(crate) inner: Arc<dyn ClientCertVerifier>,
    pub(crate) cluster: String,
}

impl ClientCertVerifier for Clients {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self
            .inner
            .verify_client_cert(end_entity, intermediates, now)?;
        identity(end_entity, &self.cluster).map_err(refused)?;
        Ok(verified)
    }

    signatures_as_inner!();
}

/// Accepts as the other end a scheduler of the cluster, at the host that was dialled.
#[derive(Debug)]
pub(crate) struct Schedulers {
    pub(crate) inner: Arc<WebPkiServerVerifier>,
    pub(crate) cluster: String,
}

impl ServerCertVerifier for Schedulers {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.inner.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )?;
        let role = identity(end_entity, &self.cluster).map_err(refused)?.role();
        if role == Role::Scheduler {
            return Ok(verified);
        }
        Err(refused(Refusal::NoScheduler(role)))
    }

    signatures_as_inner!();
}
