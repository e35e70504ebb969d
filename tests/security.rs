//! A cluster of processes that ask each other for certificates, and the people around it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};

use crate::daemon::{Process, free_ports};
use crate::support::small::World;
use crate::support::{json, kumi, ok, refuses, text, until};

/// Certificates made by `kumi certs`.
struct Certificates(PathBuf);

impl Certificates {
    fn new(dir: &Path) -> Self {
        let dir = dir.join("certs");
        ok(kumi()
            .args(["certs", "ca", "--cluster", "test", "--dir"])
            .arg(&dir));
        Self(dir)
    }

    fn issue(&self, role: &str, name: &str, more: &[&str]) -> Command {
        let mut command = kumi();
        command.args(["certs", "issue", "--role", role, "--name", name, "--dir"]);
        command.arg(&self.0).args(more);
        command
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.join(file)
    }

    /// `kumi` with somebody's certificate.
    fn kumi(&self, who: &str) -> Command {
        let mut command = kumi();
        command.env("KUMI_TLS__CERTIFICATE", self.path(&format!("{who}.pem")));
        command.env("KUMI_TLS__KEY", self.path(&format!("{who}.key")));
        command.env("KUMI_TLS__CA", self.path("ca.pem"));
        command
    }

    /// A path served over HTTPS on the loopback; with no certificate when `who` is nobody.
    fn get(&self, who: Option<&str>, port: u16, path: &str) -> std::io::Result<String> {
        let mut roots = rustls::RootCertStore::empty();
        let ca = CertificateDer::from_pem_file(self.path("ca.pem")).expect("a CA");
        roots.add(ca).expect("a CA");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("TLS 1.3")
            .with_root_certificates(roots);
        let config = match who {
            None => config.with_no_client_auth(),
            Some(who) => {
                let certificate = CertificateDer::from_pem_file(self.path(&format!("{who}.pem")));
                let key = PrivateKeyDer::from_pem_file(self.path(&format!("{who}.key")));
                config
                    .with_client_auth_cert(vec![certificate.expect("PEM")], key.expect("PEM"))
                    .expect("a key")
            }
        };
        let name = ServerName::try_from("127.0.0.1").expect("an address");
        let connection = rustls::ClientConnection::new(Arc::new(config), name);
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        let mut stream = rustls::StreamOwned::new(connection.expect("a connection"), stream);
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

fn scheduler(
    (dir, certificates): (&Path, &Certificates),
    id: usize,
    ports: &[u16; 3],
    metrics: u16,
) -> Process {
    let mut text = format!(
        "[scheduler]\nid = {id}\ncluster = \"test\"\nlisten = \"127.0.0.1:{}\"\nmetrics_listen = \"127.0.0.1:{metrics}\"\n\
         data_dir = \"{}/node{id}\"\ntick = \"50ms\"\nreport_in = \"100ms\"\n[scheduler.peers]\n",
        ports[id - 1],
        dir.display()
    );
    for (peer, port) in ports.iter().enumerate() {
        text.push_str(&format!("{} = \"127.0.0.1:{port}\"\n", peer + 1));
    }
    let path = |kind: &str| certificates.path(&format!("scheduler-{id}.{kind}"));
    text.push_str(&format!(
        "[tls]\ncertificate = \"{}\"\nkey = \"{}\"\nca = \"{}\"\n",
        path("pem").display(),
        path("key").display(),
        certificates.path("ca.pem").display()
    ));
    let config = dir.join(format!("node{id}.toml"));
    std::fs::write(&config, text).expect("written");
    let mut command = kumi();
    command.args(["scheduler", "--config"]).arg(config);
    Process::start(&mut command, &dir.join(format!("node{id}.log")))
}

/// The value of a metric without labels.
fn metric(text: &str, name: &str) -> Option<f64> {
    let line = text
        .lines()
        .find(|line| line.starts_with(&format!("{name} ")))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[test]
fn a_cluster_with_certificates_serves_each_as_the_role_permits() {
    let world = World::new(5, &[("c1", 20_000)]);
    let dir = tempfile::tempdir().expect("a temporary directory");
    let certificates = Certificates::new(dir.path());
    let local = ["--host", "127.0.0.1"];
    for node in ["1", "2", "3"] {
        ok(&mut certificates.issue("scheduler", node, &local));
    }
    ok(&mut certificates.issue("worker", "w", &local));
    for (role, name) in [("operator", "yuki"), ("read-only", "office")] {
        ok(&mut certificates.issue(role, name, &[]));
    }
    for centre in ["tokyo", "osaka"] {
        ok(&mut certificates.issue("submitter", "lims", &["--centre", centre]));
    }
    let ports: [u16; 3] = free_ports();
    let [m1, m2, m3, worker_metrics] = free_ports();
    let site = (dir.path(), &certificates);
    let mut nodes: Vec<_> = [m1, m2, m3]
        .into_iter()
        .enumerate()
        .map(|(node, metrics)| scheduler(site, node + 1, &ports, metrics))
        .collect();
    let endpoints = ports.map(|port| format!("127.0.0.1:{port}")).join(",");
    let ask = |who: &str, args: &[&str]| {
        let mut command = certificates.kumi(who);
        command.args(args).args(["--endpoint", &endpoints]);
        command
    };
    until("a leader", || {
        let status = ask("operator-yuki", &["cluster", "status"]).output();
        status.expect("kumi runs").status.success().then_some(())
    });
    let scratch = dir.path().join("scratch");
    std::fs::create_dir(&scratch).expect("created");
    let mut command = certificates.kumi("worker-w");
    command.args(["worker", "start", "--name", "w-1", "--cores", "1"]);
    command.args(["--metrics-address", &format!("127.0.0.1:{worker_metrics}")]);
    command
        .args(["--endpoint", &endpoints, "--scratch"])
        .arg(&scratch);
    let mut worker = Process::start(&mut command, &dir.path().join("w.log"));

    let haplotype = world.haplotype("c1", |site| site % 2 == 0);
    world.write_pairs("s", &world.pairs("s", &[haplotype], 12));
    world.cohort("sample,fastq_1,fastq_2\nS,s_1.fq.gz,s_2.fq.gz\n", "");
    let cohort = world.path("cohort.toml");
    let named = std::fs::read_to_string(&cohort).expect("read");
    let named = named.replace("name = \"c\"", "name = \"c\"\ncentre = \"tokyo\"");
    std::fs::write(&cohort, named).expect("written");
    let cohort = cohort.display().to_string();
    let root = dir.path().join("out").display().to_string();
    let submit = ["cohort", "submit", &cohort, "--output-dir", &root, "--wait"];
    refuses(&mut ask("submitter-osaka-lims", &submit), 77, "osaka");
    refuses(&mut ask("read-only-office", &submit), 77, "read-only");
    ok(&mut ask("submitter-tokyo-lims", &submit));

    let listed = |who: &str| {
        let list = ["cohort", "list", "--output", "json"];
        let listed = json(&ok(&mut ask(who, &list)));
        listed.as_array().map_or(0, Vec::len)
    };
    assert_eq!(listed("submitter-tokyo-lims"), 1);
    assert_eq!(listed("read-only-office"), 1);
    assert_eq!(listed("submitter-osaka-lims"), 0);
    for args in [["cohort", "show", "c"], ["cohort", "cancel", "1"]] {
        refuses(&mut ask("submitter-osaka-lims", &args), 66, "no cohort");
        refuses(&mut ask("read-only-office", &args), 77, "read-only");
    }

    // Who has no certificate, and who has one of another CA of the same name.
    let mut nobody = kumi();
    nobody.args(["cohort", "list", "--endpoint", &endpoints]);
    refuses(&mut nobody, 69, "no scheduler");
    let other = tempfile::tempdir().expect("a temporary directory");
    let other = (Certificates::new(other.path()), other);
    ok(&mut other.0.issue("operator", "yuki", &[]));
    let mut stranger = other.0.kumi("operator-yuki");
    stranger.args(["cohort", "list", "--endpoint", &endpoints]);
    refuses(&mut stranger, 77, "certificate");
    stranger.env("KUMI_TLS__CA", certificates.path("ca.pem"));
    refuses(&mut stranger, 78, "cannot be used");
    for port in [m1, worker_metrics] {
        assert!(certificates.get(None, port, "/metrics").is_err());
        let page = certificates.get(Some("read-only-office"), port, "/metrics");
        let page = page.expect("an answer");
        let expiry = metric(&page, "kumi_certificate_expiry_timestamp_seconds");
        assert!(expiry.is_some_and(|expiry| expiry > 1.7e9), "{page}");
    }

    // A certificate is renewed on disk: the new one is shown, and nothing was restarted.
    let expiry = || {
        let page = certificates
            .get(Some("operator-yuki"), m1, "/metrics")
            .ok()?;
        metric(&page, "kumi_certificate_expiry_timestamp_seconds")
    };
    let before = expiry().expect("a metric");
    let renewed = dir.path().join("renewed");
    let to = renewed.display().to_string();
    let more = ["--host", "127.0.0.1", "--days", "700", "--out", &to];
    ok(&mut certificates.issue("scheduler", "1", &more));
    for kind in ["key", "pem"] {
        let file = format!("scheduler-1.{kind}");
        std::fs::rename(renewed.join(&file), certificates.path(&file)).expect("moved");
    }
    until("the renewed certificate", || {
        (expiry()? > before + 300.0 * 86_400.0).then_some(())
    });
    ok(&mut ask("operator-yuki", &["cluster", "status"]));
    assert_eq!(listed("submitter-tokyo-lims"), 1);
    for process in nodes.iter_mut().chain([&mut worker]) {
        assert!(process.is_running(), "{}", process.said());
    }
}

#[test]
fn certificates_are_made_shown_and_never_overwritten() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let certificates = Certificates::new(dir.path());
    let hosts = ["--host", "node17.example.org,10.0.0.7"];
    let mut issue = certificates.issue("worker", "node17", &hosts);
    ok(&mut issue);
    refuses(&mut issue, 73, "nothing is overwritten");
    refuses(
        kumi()
            .args(["certs", "ca", "--dir"])
            .arg(certificates.path(".")),
        73,
        "nothing is overwritten",
    );
    #[cfg(unix)]
    for key in ["ca.key", "worker-node17.key"] {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(certificates.path(key)).expect("a key");
        assert_eq!(mode.permissions().mode() & 0o777, 0o600, "{key}");
    }
    let mut show = kumi();
    show.args(["certs", "show", "--output", "json"]);
    let shown = json(&ok(show.arg(certificates.path("worker-node17.pem"))));
    assert_eq!(shown["identity"], "kumi://test/worker/-/node17");
    assert_eq!(shown["hosts"][1], "10.0.0.7");
    assert_eq!(shown["expired"], false);
    let table = ok(kumi()
        .args(["certs", "show"])
        .arg(certificates.path("ca.pem")));
    assert!(text(&table.stdout).contains("a CA"));
    refuses(
        kumi()
            .args(["certs", "show"])
            .arg(certificates.path("ca.key")),
        65,
        "ca.key",
    );
    refuses(&mut certificates.issue("submitter", "a", &[]), 2, "centre");
    refuses(
        &mut certificates.issue("scheduler", "a", &hosts),
        2,
        "number",
    );
    refuses(&mut certificates.issue("scheduler", "9", &[]), 2, "--host");
    let mut half = kumi();
    half.args(["cohort", "list", "--tls-cert", "a.pem"]);
    refuses(&mut half, 78, "belong together");
}
