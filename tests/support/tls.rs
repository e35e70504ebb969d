//! TLS before an S3 server.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::proxy::request;
use super::s3::exchange;

/// Listens with the certificate and key of these files, and passes what comes on to the server; the port.
pub(crate) fn before(server: u16, certificate: &Path, key: &Path) -> u16 {
    let chain = CertificateDer::pem_file_iter(certificate).expect("a certificate");
    let chain = chain.collect::<Result<Vec<_>, _>>().expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(key).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions that ring has")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a certificate and its key");
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let config = Arc::clone(&config);
            // A client that does not trust the certificate goes away.
            std::thread::spawn(move || pass(client, config, server));
        }
    });
    port
}

/// One request of a connection, which is closed after it.
fn pass(client: TcpStream, config: Arc<ServerConfig>, server: u16) -> std::io::Result<()> {
    let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut client = StreamOwned::new(connection, client);
    let (head, body) = request(&mut client)?;
    let answer = exchange(server, &head, &body)?;
    client.write_all(answer.head.as_bytes())?;
    client.write_all(b"\r\n\r\n")?;
    client.write_all(&answer.body)?;
    client.conn.send_close_notify();
    client.flush()
}
