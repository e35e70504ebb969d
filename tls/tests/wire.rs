//! Real sockets, real certificates: who is let in, who is not, and what happens to those who say nothing.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kumi_tls::issue::{self, Issued, Validity};
use kumi_tls::{Bounds, Connection, Credentials, Files, Identity, Incoming};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_stream::StreamExt as _;
use tonic::transport::Endpoint;

const CLUSTER: &str = "national";

/// A CA and a folder for what it issues.
struct Site {
    folder: TempDir,
    ca: Issued,
}

impl Site {
    fn new(cluster: &str) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            ca: issue::authority(cluster, Validity::days(2)).unwrap(),
        }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Files with a fresh certificate.
    fn files(&self, uri: &str, validity: Validity) -> Files {
        let identity: Identity = uri.parse().unwrap();
        let stem = identity.actor().replace('/', ".");
        let files = Files {
            certificate: self.path(&format!("{stem}.pem")),
            key: self.path(&format!("{stem}.key")),
            ca: self.path("ca.pem"),
        };
        std::fs::write(&files.ca, &self.ca.certificate).unwrap();
        self.renew(&files, &identity, validity);
        files
    }

    fn renew(&self, files: &Files, identity: &Identity, validity: Validity) {
        let hosts = ["127.0.0.1".to_owned(), "localhost".to_owned()];
        let issued = issue::certificate(&self.ca, identity, &hosts, validity).unwrap();
        std::fs::write(&files.certificate, issued.certificate).unwrap();
        std::fs::write(&files.key, issued.key).unwrap();
    }

    fn credentials(&self, uri: &str) -> Credentials {
        Credentials::load(self.files(uri, Validity::days(1))).unwrap()
    }
}

async fn listen(credentials: Option<Credentials>, bounds: Bounds) -> Incoming {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Incoming::new(listener, credentials, bounds).unwrap()
}

async fn next(incoming: &mut Incoming) -> Connection {
    let next = tokio::time::timeout(Duration::from_secs(20), incoming.next()).await;
    next.expect("somebody comes").unwrap().unwrap()
}

/// Dials, and keeps the connection under way until the other end has spoken or `seconds` are over.
fn knock(credentials: &Credentials, incoming: &Incoming) -> tokio::task::JoinHandle<()> {
    let uri = format!("http://{}", incoming.address());
    let (dial, endpoint) = (credentials.dial(), Endpoint::from_shared(uri).unwrap());
    tokio::spawn(async move {
        let channel = dial.connect(endpoint).await;
        tokio::time::sleep(Duration::from_secs(20)).await;
        drop(channel);
    })
}

async fn refusals(incoming: &Incoming, reason: &str, expected: u64) {
    let counts = incoming.counts();
    let began = Instant::now();
    loop {
        let found = counts
            .by_reason()
            .into_iter()
            .find(|(name, _)| *name == reason);
        if found.unwrap().1 == expected {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{counts:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn why(credentials: &Credentials) -> String {
    let began = Instant::now();
    loop {
        if let Some(why) = credentials.take_refusal() {
            return why;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "no reason came");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn whoever_has_a_certificate_of_the_cluster_is_let_in_by_name() {
    let site = Site::new(CLUSTER);
    let scheduler = site.credentials("kumi://national/scheduler/-/1");
    let mut incoming = listen(Some(scheduler), Bounds::grpc()).await;
    for uri in [
        "kumi://national/operator/-/yuki",
        "kumi://national/submitter/tokyo/lims",
        "kumi://national/worker/-/node17",
        "kumi://national/scheduler/-/2",
    ] {
        let client = site.credentials(uri);
        let knocking = knock(&client, &incoming);
        let connection = next(&mut incoming).await;
        let identity = connection.peer().identity.clone().expect("a certificate");
        assert_eq!(identity.to_string(), uri);
        knocking.abort();
    }
}

#[tokio::test]
async fn strangers_are_refused_and_told_why() {
    let site = Site::new(CLUSTER);
    let scheduler = site.credentials("kumi://national/scheduler/-/1");
    let incoming = listen(Some(scheduler), Bounds::grpc()).await;

    // Another CA, which the client trusts beside ours so that it gets as far as showing its own certificate.
    let other = Site::new(CLUSTER);
    let files = other.files("kumi://national/operator/-/eve", Validity::days(1));
    let both = format!("{}{}", other.ca.certificate, site.ca.certificate);
    std::fs::write(&files.ca, both).unwrap();
    let stranger = Credentials::load(files).unwrap();
    let knocking = knock(&stranger, &incoming);
    refusals(&incoming, "refused", 1).await;
    assert!(why(&stranger).await.contains("alert"), "another CA");
    knocking.abort();

    // Our CA, another cluster: refused by either end, first by the client.
    let foreign = site.credentials("kumi://elsewhere/operator/-/eve");
    let knocking = knock(&foreign, &incoming);
    refusals(&incoming, "refused", 2).await;
    let said = why(&foreign).await;
    assert!(
        said.contains("national") && said.contains("elsewhere"),
        "{said}"
    );
    knocking.abort();

    // Expired since it was loaded.
    let files = site.files("kumi://national/operator/-/old", Validity::seconds(3));
    let old = Credentials::load(files).unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let knocking = knock(&old, &incoming);
    refusals(&incoming, "refused", 3).await;
    let said = why(&old).await;
    assert!(said.to_lowercase().contains("expired"), "{said}");
    knocking.abort();
}

#[tokio::test]
async fn without_a_certificate_nobody_speaks() {
    let site = Site::new(CLUSTER);
    let scheduler = site.credentials("kumi://national/scheduler/-/1");
    let incoming = listen(Some(scheduler), Bounds::grpc()).await;
    let mut roots = rustls::RootCertStore::empty();
    let ca = CertificateDer::from_pem_slice(site.ca.certificate.as_bytes()).unwrap();
    roots.add(ca).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = TcpStream::connect(incoming.address()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = connector.connect(name, stream).await.unwrap();
    let mut byte = [0];
    let error = stream.read_exact(&mut byte).await.unwrap_err();
    assert!(error.to_string().contains("CertificateRequired"), "{error}");
    refusals(&incoming, "refused", 1).await;

    // Plain HTTP/2, and noise.
    for bytes in [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &[0xff; 300]] {
        let mut stream = TcpStream::connect(incoming.address()).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut rest = Vec::new();
        // An alert, then the end; a reset is an end, too.
        let _ = stream.read_to_end(&mut rest).await;
        assert!(rest.len() < 100);
    }
    refusals(&incoming, "refused", 3).await;
}

#[tokio::test]
async fn nobody_but_a_scheduler_passes_for_one() {
    let site = Site::new(CLUSTER);
    let worker = site.credentials("kumi://national/worker/-/node17");
    let incoming = listen(Some(worker), Bounds::grpc()).await;
    let client = site.credentials("kumi://national/operator/-/yuki");
    let knocking = knock(&client, &incoming);
    let said = why(&client).await;
    assert!(said.contains("worker"), "{said}");
    knocking.abort();
}

#[tokio::test]
async fn a_renewed_certificate_is_used_and_a_broken_one_is_not() {
    let site = Site::new(CLUSTER);
    let files = site.files("kumi://national/scheduler/-/1", Validity::days(1));
    let credentials = Credentials::load(files.clone()).unwrap();
    let first = credentials.certificate();
    let mut incoming = listen(Some(credentials.clone()), Bounds::grpc()).await;
    let look = Duration::from_millis(kumi_tls::limits::LOOK_MS + 200);

    std::fs::write(&files.certificate, "-----BEGIN CERTIFICATE-----\nAAAA\n").unwrap();
    tokio::time::sleep(look).await;
    assert_eq!(credentials.certificate(), first);
    assert_eq!(credentials.reload_failures(), 1);
    // A key that does not belong to it, and the certificate of somebody else.
    let identity: Identity = "kumi://national/scheduler/-/2".parse().unwrap();
    site.renew(&files, &identity, Validity::days(9));
    tokio::time::sleep(look).await;
    assert_eq!(credentials.certificate(), first);
    let own: Identity = "kumi://national/scheduler/-/1".parse().unwrap();
    let key = std::fs::read(&files.key).unwrap();
    site.renew(&files, &own, Validity::days(9));
    std::fs::write(&files.key, key).unwrap();
    tokio::time::sleep(look).await;
    assert_eq!(credentials.certificate(), first);
    let client = site.credentials("kumi://national/operator/-/yuki");
    let knocking = knock(&client, &incoming);
    next(&mut incoming).await;
    knocking.abort();

    site.renew(&files, &own, Validity::days(9));
    tokio::time::sleep(look).await;
    let renewed = credentials.certificate();
    assert!(renewed.not_after > first.not_after + 7 * 86_400);
    assert_eq!(credentials.identity(), own);
}

#[tokio::test]
async fn credentials_that_do_not_fit_are_not_loaded() {
    let site = Site::new(CLUSTER);
    let good = site.files("kumi://national/worker/-/a", Validity::days(1));
    let other = site.files("kumi://national/worker/-/b", Validity::days(1));
    let load = |files: Files| Credentials::load(files).unwrap_err().to_string();
    let missing = Files {
        ca: Path::new("/nowhere/ca.pem").to_owned(),
        ..good.clone()
    };
    assert!(load(missing).contains("/nowhere/ca.pem"));
    let mixed = Files {
        key: other.key,
        ..good.clone()
    };
    assert!(load(mixed).contains("cannot be used"));
    let swapped = Files {
        certificate: good.key.clone(),
        ..good.clone()
    };
    assert!(load(swapped).contains("PEM"));
    let stranger = Files {
        ca: Site::new(CLUSTER)
            .files("kumi://national/worker/-/c", Validity::days(1))
            .ca,
        ..good
    };
    assert!(
        load(stranger).contains("cannot be read"),
        "its folder is gone"
    );
    let expired = site.files("kumi://national/worker/-/d", Validity::seconds(-60));
    assert!(load(expired).contains("expired"));
}

/// Waits until the other end hangs up; how long that took.
async fn hung_up(stream: &mut TcpStream) -> Duration {
    let began = Instant::now();
    let mut rest = Vec::new();
    let end = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut rest)).await;
    let _ = end.expect("it hangs up");
    began.elapsed()
}

#[tokio::test]
async fn silence_is_ended_in_time_and_keeps_nobody_waiting() {
    let site = Site::new(CLUSTER);
    let scheduler = site.credentials("kumi://national/scheduler/-/1");
    let mut incoming = listen(Some(scheduler), Bounds::grpc().with(8, 4)).await;
    let mut silent = Vec::new();
    for _ in 0..6 {
        silent.push(TcpStream::connect(incoming.address()).await.unwrap());
    }
    // The newest pushed out the oldest two.
    refusals(&incoming, "slow", 2).await;
    let client = site.credentials("kumi://national/operator/-/yuki");
    let began = Instant::now();
    let knocking = knock(&client, &incoming);
    next(&mut incoming).await;
    assert!(began.elapsed() < Duration::from_secs(4));
    knocking.abort();
    for stream in &mut silent {
        assert!(hung_up(stream).await < Duration::from_secs(8));
    }
}

#[tokio::test]
async fn plain_connections_are_bounded_and_must_begin_to_speak() {
    let mut incoming = listen(None, Bounds::grpc().with(2, 4)).await;
    let mut streams = Vec::new();
    let mut held = Vec::new();
    for _ in 0..2 {
        streams.push(TcpStream::connect(incoming.address()).await.unwrap());
        held.push(next(&mut incoming).await);
    }
    let mut third = TcpStream::connect(incoming.address()).await.unwrap();
    assert!(hung_up(&mut third).await < Duration::from_secs(4));
    refusals(&incoming, "crowded", 1).await;

    let mut buffer = [0; 64];
    let began = Instant::now();
    // A byte now and then is not enough.
    let drip = async {
        loop {
            if streams[0].write_all(b"P").await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    let read = async {
        loop {
            if let Err(error) = held[0].read(&mut buffer).await {
                return error;
            }
        }
    };
    let error = tokio::select! {
        error = read => error,
        () = drip => panic!("it hung up first"),
    };
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    assert!(began.elapsed() < Duration::from_secs(8));
    // Whoever has spoken stays.
    assert!(held[1].peer().identity.is_none());
}
