//! A private CA and what it issues, for test clusters and small sites: PEM texts out of identities.
//!
//! Keys are ECDSA on P-256. A national programme brings its own CA, whose certificates carry the same URI.

use std::io::{self, Write as _};
use std::path::Path;
use std::time::SystemTime;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use time::{Duration, OffsetDateTime};
use x509_parser::parse_x509_certificate;
use x509_parser::pem::parse_x509_pem;

use crate::identity::{Identity, IdentityError, Role};

/// Clocks of machines differ: what is issued holds since a little before.
const BEFORE: Duration = Duration::minutes(10);

/// A certificate and its key, both PEM.
pub struct Issued {
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

/// From when to when a certificate holds.
#[derive(Clone, Copy, Debug)]
pub struct Validity {
    from: OffsetDateTime,
    to: OffsetDateTime,
}

impl Validity {
    /// From now on, for `days`.
    #[must_use]
    pub fn days(days: u32) -> Self {
        let now = OffsetDateTime::from(SystemTime::now());
        Self {
            from: now - BEFORE,
            to: now + Duration::days(days.into()),
        }
    }

    /// From now on, for `seconds`; negative: it ended so long ago.
    #[must_use]
    pub fn seconds(seconds: i64) -> Self {
        let now = OffsetDateTime::from(SystemTime::now());
        let to = now + Duration::seconds(seconds);
        Self {
            from: to.min(now) - BEFORE,
            to,
        }
    }
}

/// A new CA of a cluster.
///
/// # Errors
/// When the cluster's name cannot stand in identities.
pub fn authority(cluster: &str, validity: Validity) -> Result<Issued, IssueError> {
    Identity::new(cluster, Role::Operator, None, "ca")?;
    let mut params = params(validity);
    let name = &mut params.distinguished_name;
    name.push(DnType::OrganizationName, cluster);
    name.push(DnType::CommonName, "Kumi CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok(Issued {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    })
}

/// The cluster whose CA this is, from its certificate in PEM.
///
/// # Errors
/// When it is not one that [`authority`] made.
pub fn cluster_of(authority: &str) -> Result<String, IssueError> {
    let foreign = || IssueError::Foreign;
    let (_, pem) = parse_x509_pem(authority.as_bytes()).map_err(|_| foreign())?;
    let (_, certificate) = parse_x509_certificate(&pem.contents).map_err(|_| foreign())?;
    let mut names = certificate.subject().iter_organization();
    let name = names.next().ok_or_else(foreign)?;
    Ok(name.as_str().map_err(|_| foreign())?.to_owned())
}

/// A certificate of a CA for an identity, which may be dialled at `hosts`: names and addresses.
///
/// # Errors
/// When the CA's files are not what they should be, or a host cannot stand in a certificate.
pub fn certificate(
    authority: &Issued,
    identity: &Identity,
    hosts: &[String],
    validity: Validity,
) -> Result<Issued, IssueError> {
    let issuer = KeyPair::from_pem(&authority.key)?;
    let issuer = Issuer::from_ca_cert_pem(&authority.certificate, issuer)?;
    let mut params = params(validity);
    for host in hosts {
        let name = match host.parse() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(host.as_str().try_into()?),
        };
        params.subject_alt_names.push(name);
    }
    let uri = SanType::URI(identity.to_string().as_str().try_into()?);
    params.subject_alt_names.push(uri);
    let name = &mut params.distinguished_name;
    name.push(DnType::OrganizationName, identity.cluster());
    name.push(DnType::CommonName, identity.name());
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    if identity.role().listens() {
        let server = ExtendedKeyUsagePurpose::ServerAuth;
        params.extended_key_usages.push(server);
    }
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &issuer)?;
    Ok(Issued {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    })
}

fn params(validity: Validity) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.not_before = validity.from;
    params.not_after = validity.to;
    params
}

/// Writes a file that is not there yet; a secret one is readable by its owner alone from its first byte.
///
/// # Errors
/// When there is a file of that name, or it cannot be written.
pub fn write_new(path: &Path, text: &str, secret: bool) -> io::Result<()> {
    let mut options = std::fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(if secret { 0o600 } else { 0o644 });
    }
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Why nothing was issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The cluster's name cannot stand in an identity.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The CA was not made here.
    #[error("this is not the certificate of a CA that `kumi certs ca` made")]
    Foreign,
    /// A key or a certificate cannot be made of this.
    #[error(transparent)]
    Make(#[from] rcgen::Error),
}
