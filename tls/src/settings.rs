//! rustls, set up: TLS 1.3 only, certificates on both ends, no resumption.
//!
//! A session that is resumed would not be verified again; connections here live long, so nothing is gained by it.

use std::sync::Arc;

use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::certificate::{self, Certificate};
use crate::files::{Contents, Files, LoadError};
use crate::identity::Identity;
use crate::verify::{Clients, Schedulers};

/// What gRPC speaks inside TLS.
const GRPC: &[u8] = b"h2";
/// What monitoring speaks.
const HTTP: &[u8] = b"http/1.1";

/// Credentials as they were at one time.
pub(crate) struct Loaded {
    pub(crate) identity: Identity,
    pub(crate) certificate: Certificate,
    pub(crate) grpc: Arc<ServerConfig>,
    pub(crate) http: Arc<ServerConfig>,
    pub(crate) client: Arc<ClientConfig>,
}

/// Reads the files and sets everything up.
pub(crate) fn load(files: &Files) -> Result<Loaded, LoadError> {
    let contents = files.read()?;
    let named = |source| LoadError::Certificate {
        path: files.certificate.clone(),
        source,
    };
    let certificate = certificate::parse(&contents.chain[0]).map_err(named)?;
    let identity = certificate.identity.clone().map_err(named)?;
    let built = build(&contents, identity.cluster());
    let (server, client) = built.map_err(|error| LoadError::Unusable {
        path: files.certificate.clone(),
        reason: error.to_string(),
    })?;
    let speaking = |protocol: &[u8]| {
        let mut server = server.clone();
        server.alpn_protocols = vec![protocol.to_vec()];
        Arc::new(server)
    };
    Ok(Loaded {
        identity,
        certificate,
        grpc: speaking(GRPC),
        http: speaking(HTTP),
        client: Arc::new(client),
    })
}

type Failure = Box<dyn std::error::Error>;

fn build(contents: &Contents, cluster: &str) -> Result<(ServerConfig, ClientConfig), Failure> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    for authority in &contents.authorities {
        roots.add(authority.clone())?;
    }
    let roots = Arc::new(roots);
    let server = server(&provider, &roots, contents, cluster)?;
    Ok((server, client(&provider, roots, contents, cluster)?))
}

fn server(
    provider: &Arc<CryptoProvider>,
    roots: &Arc<RootCertStore>,
    contents: &Contents,
    cluster: &str,
) -> Result<ServerConfig, Failure> {
    let inner =
        WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(provider))
            .build()?;
    // Our own certificate must pass where those of others do.
    inner.verify_client_cert(
        &contents.chain[0],
        &contents.chain[1..],
        rustls::pki_types::UnixTime::now(),
    )?;
    let cluster = cluster.to_owned();
    let mut config = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(Clients { inner, cluster }))
        .with_single_cert(contents.chain.clone(), contents.key.clone_key())?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

fn client(
    provider: &Arc<CryptoProvider>,
    roots: Arc<RootCertStore>,
    contents: &Contents,
    cluster: &str,
) -> Result<ClientConfig, Failure> {
    let inner = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider)).build()?;
    let cluster = cluster.to_owned();
    let mut config = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Schedulers { inner, cluster }))
        .with_client_auth_cert(contents.chain.clone(), contents.key.clone_key())?;
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![GRPC.to_vec()];
    Ok(config)
}
