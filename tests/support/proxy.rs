//! A proxy before an S3 server: it knows what passes, and disturbs it.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::random::Numbers;
use super::s3::{exchange, find};
use super::text;

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
    /// 403 and this code; the server does not hear of it.
    Denied(&'static str),
    /// 404 NoSuchBucket; the server does not hear of it.
    NoBucket,
    /// The server hears of it a while later.
    Late,
}

/// Those that a client must bear.
const FAULTS: [Fault; 5] = [
    Fault::Throttled,
    Fault::Cut,
    Fault::Unanswered,
    Fault::Truncated,
    Fault::Slow,
];

/// How late a late request is.
const LATE: Duration = Duration::from_millis(100);

/// What passed: requests as `GET /bucket/key?query`, each with how it was disturbed; and how many are under way, and were
/// at most.
#[derive(Default)]
struct Passed {
    requests: Mutex<Vec<(String, Option<Fault>)>>,
    under_way: AtomicUsize,
    most: AtomicUsize,
}

/// A proxy before the server.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    passed: Arc<Passed>,
}

impl Proxy {
    /// Disturbs one request in four: which and how is the seed's choice.
    pub(crate) fn seeded(server: u16, seed: u64) -> Self {
        eprintln!("faults of seed {seed}");
        let numbers = Mutex::new(Numbers::new(seed));
        Self::start(server, move |_| {
            let mut numbers = numbers.lock().expect("no test thread panicked");
            (numbers.below(4) == 0).then(|| FAULTS[numbers.below(FAULTS.len())])
        })
    }

    /// Disturbs requests as a rule says, which is given each as `GET /bucket/key?query`.
    pub(crate) fn start(
        server: u16,
        rule: impl Fn(&str) -> Option<Fault> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let passed: Arc<Passed> = Arc::default();
        let proxy = Self {
            port,
            passed: Arc::clone(&passed),
        };
        let rule = Arc::new(rule);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (passed, rule) = (Arc::clone(&passed), Arc::clone(&rule));
                std::thread::spawn(move || {
                    let now = passed.under_way.fetch_add(1, Ordering::SeqCst) + 1;
                    passed.most.fetch_max(now, Ordering::SeqCst);
                    let done = pass(client, server, &passed, &*rule);
                    passed.under_way.fetch_sub(1, Ordering::SeqCst);
                    done
                });
            }
        });
        proxy
    }

    /// How often each fault was met.
    pub(crate) fn met(&self) -> BTreeMap<Fault, usize> {
        let requests = self.passed.requests.lock().expect("no panic");
        let mut met: BTreeMap<Fault, usize> = FAULTS.map(|fault| (fault, 0)).into();
        for fault in requests.iter().filter_map(|(_, fault)| *fault) {
            *met.entry(fault).or_default() += 1;
        }
        met
    }

    /// The requests that begin with one of these words.
    pub(crate) fn requests(&self, begin: &[&str]) -> Vec<String> {
        let requests = self.passed.requests.lock().expect("no panic");
        let named = |request: &&String| begin.iter().any(|begin| request.starts_with(begin));
        let requests = requests.iter().map(|(request, _)| request).filter(named);
        requests.cloned().collect()
    }

    /// How many were under way at a time, at most.
    pub(crate) fn at_a_time(&self) -> usize {
        self.passed.most.load(Ordering::SeqCst)
    }
}

/// One request of a connection, which is closed after it.
fn pass(
    mut client: TcpStream,
    server: u16,
    passed: &Passed,
    rule: &dyn Fn(&str) -> Option<Fault>,
) -> io::Result<()> {
    let (head, body) = request(&mut client)?;
    let line = text(&head);
    let asked: Vec<&str> = line.split(' ').take(2).collect();
    let asked = asked.join(" ");
    let fault = rule(&asked);
    let is_head = asked.starts_with("HEAD");
    let mut requests = passed.requests.lock().expect("no panic");
    requests.push((asked, fault));
    drop(requests);
    match fault {
        Some(Fault::Cut) => return client.shutdown(Shutdown::Both),
        Some(Fault::Throttled) => return refuse(&mut client, "503 Slow Down", "SlowDown", is_head),
        Some(Fault::Denied(code)) => return refuse(&mut client, "403 Forbidden", code, is_head),
        Some(Fault::NoBucket) => {
            return refuse(&mut client, "404 Not Found", "NoSuchBucket", is_head);
        }
        Some(Fault::Late) => std::thread::sleep(LATE),
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

/// An answer in the server's place.
fn refuse(client: &mut TcpStream, status: &str, code: &str, is_head: bool) -> io::Result<()> {
    let body = format!("<Error><Code>{code}</Code><Message>no</Message></Error>");
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    client.write_all(head.as_bytes())?;
    client.write_all(if is_head { b"" } else { body.as_bytes() })
}

/// A request, its head changed so that the server closes the connection.
pub(super) fn request(client: &mut impl Read) -> io::Result<(Vec<u8>, Vec<u8>)> {
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
