//! A real S3 server, `moto`, as a process of its own; and a proxy before it that disturbs what passes.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::random::Numbers;
use super::tools::have_python;
use super::{text, until};
use crate::daemon::{Process, free_ports};

/// The server, with a bucket for what is given and one for what is made.
pub(crate) struct S3 {
    pub(crate) port: u16,
    _server: Process,
}

/// An answer: status, head and body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl S3 {
    /// Starts it. None, and a message, where it is not installed.
    pub(crate) fn start(dir: &Path) -> Option<Self> {
        if !have_python(&["moto", "flask"]) {
            return None;
        }
        let [port] = free_ports();
        let mut command = Command::new("python3");
        command.args(["-m", "moto.server", "-p", &port.to_string()]);
        let server = Process::start(&mut command, &dir.join("s3.log"));
        let s3 = Self {
            port,
            _server: server,
        };
        until("an S3 server that answers", || {
            call(port, "GET", "/", &[]).ok()
        });
        for bucket in ["given", "made"] {
            assert_eq!(s3.call("PUT", &format!("/{bucket}"), &[]).status, 200);
        }
        Some(s3)
    }

    pub(crate) fn call(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        call(self.port, method, path, body).expect("the server answers")
    }

    /// Makes an object.
    pub(crate) fn put(&self, key: &str, bytes: &[u8]) {
        assert_eq!(self.call("PUT", &format!("/{key}"), bytes).status, 200);
    }

    /// The bytes of an object.
    pub(crate) fn get(&self, key: &str) -> Vec<u8> {
        let answer = self.call("GET", &format!("/{key}"), &[]);
        assert_eq!(answer.status, 200, "{key}: {}", text(&answer.body));
        answer.body
    }

    /// The keys of a bucket.
    pub(crate) fn keys(&self, bucket: &str) -> Vec<String> {
        let mut keys = Vec::new();
        let mut after = String::new();
        loop {
            let path = format!("/{bucket}?list-type=2&start-after={after}");
            let listing = text(&self.call("GET", &path, &[]).body);
            let found: Vec<String> = between(&listing, "<Key>", "</Key>");
            keys.extend(found);
            match keys.last() {
                Some(last) if listing.contains("<IsTruncated>true") => after = last.clone(),
                _ => return keys,
            }
        }
    }

    /// Uploads that were begun and neither completed nor given up.
    pub(crate) fn unfinished(&self, bucket: &str) -> Vec<String> {
        let listing = text(&self.call("GET", &format!("/{bucket}?uploads"), &[]).body);
        between(&listing, "<UploadId>", "</UploadId>")
    }
}

fn between(text: &str, begin: &str, end: &str) -> Vec<String> {
    let parts = text.split(begin).skip(1);
    parts
        .filter_map(|part| part.split(end).next().map(str::to_owned))
        .collect()
}

fn call(port: u16, method: &str, path: &str, body: &[u8]) -> io::Result<Answer> {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0\r\n\
         Content-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    exchange(port, head.as_bytes(), body)
}

/// Sends a request whose head asks for the connection to be closed, and reads the answer.
fn exchange(port: u16, head: &[u8], body: &[u8]) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.write_all(head)?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = find(&answer, b"\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let head = text(&answer[..end]);
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    Ok(Answer {
        status: status.ok_or(io::ErrorKind::InvalidData)?,
        body: answer[end + 4..].to_vec(),
        head,
    })
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// How a request is disturbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// 503 SlowDown; the server does not hear of it.
    Throttled,
    /// The connection is cut before the server hears of it.
    Cut,
    /// The server does what was asked; its answer is lost.
    Unanswered,
    /// Half of the body of the answer comes.
    Truncated,
    /// The body of the answer comes in drops.
    Slow,
}

const FAULTS: [Fault; 5] = [
    Fault::Throttled,
    Fault::Cut,
    Fault::Unanswered,
    Fault::Truncated,
    Fault::Slow,
];

/// A proxy before the server, which disturbs one request in four: which and how is the seed's choice.
pub(crate) struct Faults {
    pub(crate) port: u16,
    counts: Arc<[AtomicU64; FAULTS.len()]>,
}

impl Faults {
    pub(crate) fn start(server: u16, seed: u64) -> Self {
        eprintln!("faults of seed {seed}");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let counts: Arc<[AtomicU64; FAULTS.len()]> = Arc::default();
        let counted = Arc::clone(&counts);
        std::thread::spawn(move || {
            let mut numbers = Numbers::new(seed);
            for client in listener.incoming().flatten() {
                let fault = (numbers.below(4) == 0).then(|| numbers.below(FAULTS.len()));
                let fault = fault.map(|at| {
                    counted[at].fetch_add(1, Ordering::Relaxed);
                    FAULTS[at]
                });
                std::thread::spawn(move || pass(client, server, fault));
            }
        });
        Self { port, counts }
    }

    /// How often each was met.
    pub(crate) fn met(&self) -> BTreeMap<Fault, u64> {
        let counts = self
            .counts
            .iter()
            .map(|count| count.load(Ordering::Relaxed));
        FAULTS.into_iter().zip(counts).collect()
    }
}

/// One request of a connection, which is closed after it.
fn pass(mut client: TcpStream, server: u16, fault: Option<Fault>) -> io::Result<()> {
    let (head, body) = request(&mut client)?;
    match fault {
        Some(Fault::Cut) => return client.shutdown(Shutdown::Both),
        Some(Fault::Throttled) => {
            let body = "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
            let head = format!(
                "HTTP/1.1 503 Slow Down\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            client.write_all(head.as_bytes())?;
            return client.write_all(body.as_bytes());
        }
        _ => {}
    }
    let answer = exchange(server, &head, &body)?;
    if fault == Some(Fault::Unanswered) {
        return client.shutdown(Shutdown::Both);
    }
    client.write_all(answer.head.as_bytes())?;
    client.write_all(b"\r\n\r\n")?;
    match fault {
        Some(Fault::Truncated) => client.write_all(&answer.body[..answer.body.len() / 2])?,
        Some(Fault::Slow) => {
            for drop in answer.body.chunks(answer.body.len() / 5 + 1) {
                std::thread::sleep(Duration::from_millis(40));
                client.write_all(drop)?;
            }
        }
        _ => client.write_all(&answer.body)?,
    }
    client.shutdown(Shutdown::Both)
}

/// A request, its head changed so that the server closes the connection.
fn request(client: &mut TcpStream) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 1 << 16];
    let end = loop {
        if let Some(end) = find(&bytes, b"\r\n\r\n") {
            break end;
        }
        match client.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            some => bytes.extend_from_slice(&buffer[..some]),
        }
    };
    let head = text(&bytes[..end]);
    let mut body = bytes[end + 4..].to_vec();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<usize>().ok())?
    });
    let length = length.unwrap_or(0);
    while body.len() < length {
        match client.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            some => body.extend_from_slice(&buffer[..some]),
        }
    }
    let lines = head.lines().filter(|line| {
        let name = line.split(':').next().unwrap_or_default();
        !name.eq_ignore_ascii_case("connection")
    });
    let mut head: String = lines.map(|line| format!("{line}\r\n")).collect();
    head.push_str("Connection: close\r\n\r\n");
    Ok((head.into_bytes(), body))
}
